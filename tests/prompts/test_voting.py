"""The vote, and the vote of fewer."""

from __future__ import annotations

import random
from itertools import permutations
from time import perf_counter

import pytest

from kshot.prompts.voting import majority_curve, vote
from kshot.types import Prediction, Status


def said(*answers: str | None) -> list[Prediction]:
    return [Prediction(answer, "unparsed" if answer is None else "ok") for answer in answers]


@pytest.mark.parametrize(
    ("answers", "winner"),
    [
        (["8"], "8"),
        (["8", "9", "9"], "9"),
        (["8", "9"], "8"),
        (["9", "8", "8", "9"], "9"),
        ([None, None, None, "8"], "8"),
        ([None, "9", "8", None, "8"], "8"),
        ([None, None], None),
        ([], None),
    ],
)
def test_majority(answers: list[str | None], winner: str | None) -> None:
    result = vote(said(*answers))
    assert result.answer == winner
    assert result.status == ("unparsed" if winner is None else "ok")
    assert result.detail["answers"] == answers
    assert result.detail["votes"] == {answer: answers.count(answer) for answer in answers if answer is not None}


def test_status_without_an_answer_is_that_of_most() -> None:
    statuses: list[Status] = ["unparsed", "truncated", "truncated"]
    result = vote([Prediction(None, status) for status in statuses])
    assert (result.answer, result.status) == (None, "truncated")
    assert result.detail["statuses"] == statuses


@pytest.mark.parametrize("seed", range(12))
def test_curve_is_the_mean_of_votes_over_all_ordered_subsets(seed: int) -> None:
    generator = random.Random(seed)
    answers = [generator.choice(["a", "b", "c", None]) for _ in range(7)]
    worth = {"a": 1.0, "b": 0.25, "c": 0.0}
    for n in range(1, 8):
        drawn = [vote(said(*order)).answer for order in permutations(answers, n)]
        mean = sum(0.0 if answer is None else worth[answer] for answer in drawn) / len(drawn)
        assert majority_curve(answers, worth.__getitem__, [n]) == [pytest.approx(mean, abs=1e-12)]


def test_curve_by_hand() -> None:
    right = "8".__eq__
    assert majority_curve(["8", "9", "9"], right, [1, 2, 3]) == pytest.approx([1 / 3, 1 / 3, 0])
    assert majority_curve(["8", None], right, [1, 2]) == [0.5, 1.0]
    assert majority_curve([None, None], right, [1, 2]) == [0.0, 0.0]
    assert majority_curve(["8", "8", "9"], right, [3, 1, 3]) == pytest.approx([1, 2 / 3, 1])


def test_curve_of_many_answers_is_quick() -> None:
    answers = [str(at % 17) for at in range(100)]
    began = perf_counter()
    curve = majority_curve(answers, "3".__eq__, [1, 5, 20, 50, 100])
    assert perf_counter() - began < 20
    assert curve[0] == pytest.approx(0.06)
    assert curve[-1] == pytest.approx(1 / 15)  # 15 answers have 6 votes each and share the win


@pytest.mark.parametrize("n", [0, 4, -1])
def test_curve_refuses_what_cannot_be_drawn(n: int) -> None:
    with pytest.raises(ValueError, match=f"majority of {n} cannot be had from 3"):
        majority_curve(["8", "8", "9"], "8".__eq__, [n])
