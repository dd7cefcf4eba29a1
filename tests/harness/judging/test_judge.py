"""A judge's program: what it asks, how a verdict is read, and that none is graded where none was given."""

from __future__ import annotations

import math

import pytest

from kshot.harness.judging.judge import LIKELIHOOD, PAIR, RATING, RATINGS, SCALE, SCALES, TEXT, YES_OR_NO, Judge
from kshot.harness.judging.rubrics import RUBRICS
from kshot.program import drive
from kshot.types import EngineError, Generation, Request

ONE, TWO = RUBRICS["correctness"], RUBRICS["better"]
STRATEGIES = ("zero-shot", "few-shot")


def scored(request: Request, liked: str) -> Generation:
    assert request.continuation is not None
    return Generation(request.continuation, "scored", logprob=-0.1 if request.continuation == liked else -3.0)


@pytest.mark.parametrize("scale", [*SCALES, PAIR])
def test_every_verdict_is_read_both_ways(scale: str) -> None:
    """What the judge is asked for round-trips: each of the scale's words is read as its verdict."""
    for name, word in SCALE[scale].words.items():
        pair = STRATEGIES if scale == PAIR else None
        rubrics = ("r", "q") if pair else ("r",)
        by_text = Judge("n", TWO if pair else ONE, scale, TEXT, pair=pair)
        by_score = Judge("n", TWO if pair else ONE, scale, LIKELIHOOD, pair=pair)
        text = drive(by_text.program(rubrics, ("x",)), lambda _, word=word: Generation(f"{word}.", "stop"))
        score = drive(by_score.program(rubrics, ("x",)), lambda request, word=word: scored(request, word))
        if pair:  # the same letter twice is one place twice
            place = {"A": "first", "B": "second"}[name]
            assert [one.answer for one in (text, score)] == ["tie", "tie"]
            assert [one.detail["places"] for one in (text, score)] == [[place, place]] * 2
        else:
            assert [one.answer for one in (text, score)] == [name, name]
            assert sum(score.probabilities.values()) == pytest.approx(1)
            assert score.probabilities[name] == max(score.probabilities.values())


@pytest.mark.parametrize("said", ["", "I cannot tell.", "yes or no", "Perhaps"])
def test_an_unread_verdict_is_none(said: str) -> None:
    found = drive(Judge("n", ONE, YES_OR_NO, TEXT).program(("r",), ("x",)), lambda _: Generation(said, "stop"))
    assert found.answer is None and found.status == "unparsed"


def test_ratings_are_read_as_they_are_written() -> None:
    judge = Judge("n", ONE, RATING, TEXT)
    for said, rating in {"4": "4", "I rate it 4 out of 5.": "4", "Rating: 2/5": "2", "6": None, "4.5": None}.items():
        assert drive(judge.program(("r",), ("x",)), lambda _, said=said: Generation(said, "stop")).answer == rating


def test_a_pair_is_asked_in_both_orders_and_won_where_they_agree() -> None:
    judge = Judge("n", TWO, PAIR, pair=STRATEGIES)

    def prefers(text: str) -> str | None:
        """A judge that takes the answer it likes, wherever it stands."""
        found = drive(
            judge.program(("ours theirs", "theirs ours"), ("ours", "theirs")),
            lambda request: scored(request, "A" if str(request.prompt[0].content).startswith(text) else "B"),  # type: ignore[union-attr]
        )
        return found.answer

    assert prefers("ours") == "a"
    assert prefers("theirs") == "b"


def test_a_pair_of_the_same_answer_is_not_asked_about() -> None:
    def never(request: Request) -> Generation:
        raise AssertionError(request)

    found = drive(Judge("n", TWO, PAIR, pair=STRATEGIES).program((), ("x", "x")), never)
    assert (found.answer, found.rule) == ("tie", "the same answer")


def test_a_pair_with_an_unread_order_is_unread() -> None:
    judge = Judge("n", TWO, PAIR, TEXT, pair=STRATEGIES)
    replies = iter(("A", "Both are fine"))
    found = drive(judge.program(("r", "q"), ("x", "y")), lambda _: Generation(next(replies), "stop"))
    assert found.answer is None and found.detail["places"] == ["first", None]


def test_equally_likely_is_no_verdict() -> None:
    found = drive(Judge("n", ONE).program(("r",), ("x",)), lambda request: Generation("", "scored", logprob=-1.0))
    assert found.answer is None and found.rule == "equally likely"


def test_a_failure_is_never_graded() -> None:
    with pytest.raises(EngineError, match="no finite number"):
        drive(Judge("n", ONE).program(("r",), ("x",)), lambda request: Generation("", "scored", logprob=math.nan))


def test_what_is_asked_is_greedy_and_ends_in_how_to_answer() -> None:
    for scale in SCALES:
        step = next(Judge("n", ONE, scale, TEXT).program(("the rubric",), ("x",)))
        assert step[0].params.temperature == 0
        content = step[0].prompt[0].content  # type: ignore[union-attr]
        assert content.startswith("the rubric") and content.endswith(SCALE[scale].format.instruction)
    assert tuple(SCALE[RATING].values) == RATINGS
