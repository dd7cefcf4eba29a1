"""Majority over the answers of several chains, and what it comes to with fewer of them. No answer, no vote.

Answers are compared as the task's extractor wrote them: canonical text, not values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from math import comb

from kshot.types import Prediction


def vote(predictions: Sequence[Prediction]) -> Prediction:
    """The answer that most predictions give; of equals the one reached first.

    `detail` has `votes` (answer to count), and every chain's `answers` and `statuses` in order, so that
    accuracy against n can be had from one set of draws. Where no chain has an answer, the status is that of
    most chains; of equals the one met first.

    >>> vote([Prediction("8", "ok"), Prediction("9", "ok"), Prediction("9", "ok")]).answer
    '9'
    """
    answers = [prediction.answer for prediction in predictions]
    statuses = [prediction.status for prediction in predictions]
    counts = Counter(answer for answer in answers if answer is not None)
    detail = {
        "rule": f"majority of {len(answers)}",
        "span": None,
        "votes": dict(counts),
        "answers": answers,
        "statuses": statuses,
    }
    if not counts:
        usual = Counter(statuses).most_common(1)
        return Prediction(None, usual[0][0] if usual else "unparsed", detail)
    return Prediction(counts.most_common(1)[0][0], "ok", detail)


def majority_curve(
    answers: Sequence[str | None], target_check: Callable[[str], float], ns: Sequence[int]
) -> list[float]:
    """The expected score of the majority of n of these answers, for each n (Wang et al. 2022, figure 2).

    The mean over all subsets of size n, exact, and so without the variance of drawing some. Tied answers
    share the win evenly, which is what "of equals the one reached first" comes to in random order. A
    subset without an answer scores 0. `target_check` scores an answer, in [0, 1]. Takes the order of N³
    steps for N answers: 100 are a matter of a second. Raises ValueError for an n that is not in 1 ... N.

    >>> majority_curve(["8", "8", None, "9"], lambda answer: answer == "8", [1, 4])
    [0.5, 1.0]
    """
    total = len(answers)
    for n in ns:
        if not 1 <= n <= total:
            raise ValueError(f"the majority of {n} cannot be had from {total} answers")
    counts = Counter(answer for answer in answers if answer is not None)
    silent = total - sum(counts.values())
    expected = {n: 0.0 for n in ns}
    for answer, count in counts.items():
        worth = float(target_check(answer))
        if not worth:
            continue
        others = [other for name, other in counts.items() if name != answer]
        for votes in range(1, count + 1):
            for (size, tied), ways in ways_to_lose(others, silent, votes, total - votes).items():
                if votes + size in expected:
                    share = comb(count, votes) * ways / comb(total, votes + size)
                    expected[votes + size] += worth * share / (1 + tied)
    return [expected[n] for n in ns]


def ways_to_lose(others: Sequence[int], silent: int, votes: int, room: int) -> dict[tuple[int, int], int]:
    """In how many ways the other answers can be drawn without any getting more than `votes`.

    Keys are (how many draws, how many answers tie with `votes`); the silent are drawn freely.
    """
    table = {(drawn, 0): comb(silent, drawn) for drawn in range(min(silent, room) + 1)}
    for other in others:
        grown: dict[tuple[int, int], int] = {}
        for (size, tied), ways in table.items():
            for drawn in range(min(other, votes, room - size) + 1):
                key = (size + drawn, tied + (drawn == votes))
                grown[key] = grown.get(key, 0) + ways * comb(other, drawn)
        table = grown
    return table
