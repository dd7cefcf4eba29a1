"""The vote, and what the vote of fewer comes to."""

from __future__ import annotations

import random
from itertools import permutations

import pytest

from kshot.eval.repeats import majority_expectations
from kshot.prompts.voting import vote
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
    assert result.answers == tuple(answers)
    assert result.detail["votes"] == {answer: answers.count(answer) for answer in answers if answer is not None}


def test_status_without_an_answer_is_that_of_most() -> None:
    statuses: list[Status] = ["unparsed", "truncated", "truncated"]
    result = vote([Prediction(None, status) for status in statuses])
    assert (result.answer, result.status) == (None, "truncated")
    assert result.detail["statuses"] == statuses


@pytest.mark.parametrize("seed", range(12))
def test_expectations_are_the_mean_of_votes_over_all_ordered_subsets(seed: int) -> None:
    generator = random.Random(seed)
    answers = [generator.choice(["a", "b", "c", None]) for _ in range(7)]
    [expected] = majority_expectations([answers], ["a"], range(1, 8), draws=40_000)
    for n in range(1, 8):
        drawn = [vote(said(*order)).answer for order in permutations(answers, n)]
        assert expected[n - 1] == pytest.approx(drawn.count("a") / len(drawn), abs=1e-12 if n in (1, 7) else 0.01)
