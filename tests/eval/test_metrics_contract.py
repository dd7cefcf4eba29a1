"""What every metric keeps to: those in the package, and whatever is added to it, without a line here."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kshot.eval import metrics
from kshot.eval.metrics import FILES, METRICS, get_metric
from kshot.eval.metrics.registry import with_metrics
from kshot.types import Sample, Score, UserError

NAMES = tuple(METRICS)
SAMPLE = Sample("one", "Which?", "the Beatles|Beatles")


def test_every_file_is_named() -> None:
    files = {path.stem for path in Path(metrics.__path__[0]).glob("*.py")} - {"__init__", "registry"}
    assert sorted(files) == sorted(FILES)


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_answer_is_worth_one_and_none_is_worth_nothing(name: str) -> None:
    found = get_metric(name)
    assert found("Beatles", Sample("one", "Which?", "Beatles")) == 1
    assert found(None, SAMPLE) == 0


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30)
@given(answer=st.text(max_size=40), target=st.text(min_size=1, max_size=40))
def test_it_is_a_share_whatever_the_answer(name: str, answer: str, target: str) -> None:
    assert 0 <= get_metric(name)(answer, Sample("one", "Which?", target)) <= 1


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
    score = with_metrics(Score(0.0, True), [get_metric("token-f1")], "the beatles", SAMPLE)
    assert list(score.values.items()) == [("accuracy", 0.0), ("token-f1", 1.0)] and score.value == 0.0
    with pytest.raises(UserError, match="did you mean token-f1"):
        get_metric("token-f2")
