"""What every metric keeps to: those in the package, and whatever is added to it, without a line here."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kshot.eval import corpus, metrics
from kshot.eval.metrics import FILES, METRICS, get_metric
from kshot.eval.metrics.registry import with_metrics
from kshot.types import Prediction, Sample, Score, UserError

NAMES = tuple(METRICS)
SAMPLE = Sample("one", "Which?", "the Beatles|Beatles")


def test_every_file_is_named() -> None:
    shared = {"__init__", "registry", "kinds", "evaluated", "fits", "folder"}
    files = {path.stem for path in Path(metrics.__path__[0]).glob("*.py")} - shared
    assert sorted(files) == sorted(FILES)


def attempt(name: str, answer: str | None, target: str) -> tuple[Prediction, Sample]:
    """An attempt with all that any metric reads, sure of its answer."""
    detail = {"logprob": -2.0 if answer == target else -9.0, "tokens": 2, "words": 1, "bytes": 8}
    sure = {answer: 1.0, "less": 0.0} if answer is not None else {"less": 1.0}
    status = "unparsed" if answer is None else "ok"
    return Prediction(answer, status, probabilities=sure, detail=detail), Sample("one", "Which?", target)


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_answer_is_worth_the_most_and_none_the_least(name: str) -> None:
    found = get_metric(name)
    kind = found.kind
    right, wrong, none = (
        found.of(*attempt(name, answer, "the four words here")) for answer in ("the four words here", "another", None)
    )
    assert kind.sign * right > kind.sign * wrong >= kind.sign * none
    if kind.share and kind.better == "higher":
        assert (right, none) == (1, 0)
    if kind.right is not None:
        assert [kind.outcome(value) for value in (right, none)] == ["right", "wrong"]
    else:
        assert kind.outcome(right) == "scored"


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30)
@given(answer=st.text(max_size=40), target=st.text(min_size=1, max_size=40))
def test_it_is_within_its_bounds_whatever_the_answer(name: str, answer: str, target: str) -> None:
    metric = get_metric(name)
    prediction, sample = attempt(name, answer, target)
    for value in (metric.of(prediction, sample), metric.total(metric.counts(prediction, sample))):
        assert metric.kind.low <= value <= metric.kind.high


@pytest.mark.parametrize("name", NAMES)
def test_its_counts_add_up_to_the_value_of_a_corpus(name: str) -> None:
    """Twice the same corpus has the same value, and order is nothing."""
    metric = get_metric(name)
    given = [attempt(name, answer, "the four words here") for answer in ("the four words here", "four words", None)]
    counts = [metric.counts(*one) for one in given]
    once = corpus.value_of(counts, metric.total)
    assert corpus.value_of([*reversed(counts), *counts], metric.total) == pytest.approx(once)


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name: str) -> None:
    assert (METRICS.find(name).__doc__ or "").strip().splitlines()[0].endswith(".")


@pytest.mark.parametrize(
    ("answer", "worth"),
    [
        ("the beatles", 1),
        ("Beatles!", 1),
        ("John Beatles", 2 / 3),
        ("a Beatles Beatles", 2 / 3),
        ("Stones", 0),
        ("", 0),
    ],
)
def test_token_f1_is_squads(answer: str, worth: float) -> None:
    assert get_metric("token-f1")(answer, SAMPLE) == pytest.approx(worth)


@pytest.mark.parametrize(
    ("answer", "worth"),
    [("红楼梦", 1), ("《红楼梦》。", 1), ("红楼", 0.8), ("西游记", 0), ("红 楼 梦", 1), ("The 红楼梦", 1)],
)
def test_token_f1_of_chinese_counts_characters(answer: str, worth: float) -> None:
    assert get_metric("token-f1")(answer, Sample("one", "?", "红楼梦")) == pytest.approx(worth)


def test_exact_match_is_to_the_letter() -> None:
    assert [get_metric("exact-match")(answer, SAMPLE) for answer in ("Beatles", "beatles", "the Beatles")] == [1, 0, 1]


def test_the_tasks_own_score_stays_the_first() -> None:
    score = with_metrics(Score(0.0, True), [get_metric("token-f1")], Prediction("the beatles", "ok"), SAMPLE)
    assert list(score.values.items()) == [("accuracy", 0.0), ("token-f1", 1.0)] and score.value == 0.0
    with pytest.raises(UserError, match="did you mean token-f1"):
        get_metric("token-f2")
