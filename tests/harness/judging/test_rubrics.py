"""Rubrics: the named ones render as they read, a user's own is held to its fields and never runs as code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kshot.harness.judging.judge import SCALES
from kshot.harness.judging.rubrics import RUBRICS, find_rubric
from kshot.types import UserError

VALUES: dict[str, Any] = {
    "question": "Which swims? {{ 7 * 7 }}",
    "choices": ["cat", "cod"],
    "options": "(A) cat\n(B) cod",
    "target": "the one with gills",
    "answer": "(A) cat {% raw %}",
    "first": "one",
    "second": "two",
}


@pytest.mark.parametrize("name", RUBRICS)
@pytest.mark.parametrize("scale", SCALES)
def test_a_rubric_shows_what_is_judged_as_it_is(name: str, scale: str) -> None:
    rubric = RUBRICS[name]
    text = rubric.render({**VALUES, "scale": scale})
    shown = ("one", "two") if rubric.compares else (VALUES["answer"],)
    assert all(each in text for each in (VALUES["question"], VALUES["options"], *shown))
    assert (VALUES["target"] in text) == rubric.refers
    assert ("from 1" in text) == (scale == "1-5" and not rubric.compares)
    if rubric.refers:
        assert VALUES["target"] not in rubric.render({**VALUES, "scale": scale, "target": ""})


def test_a_rubric_of_two_does_not_judge_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"better: it lacks \{\{ answer \}\}.*with --pairwise"):
        find_rubric("better", compares=False)
    with pytest.raises(UserError, match=r"correctness: it lacks \{\{ first \}\}.*without --pairwise"):
        find_rubric("correctness", compares=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Is {{ answer }} right, as {{ gold }}?", "it uses gold"),
        (b"Is it right?", r"it lacks \{\{ answer \}\}"),
        (b"{{ answer }", "line 1"),
        (b"{% include 'x' %}{{ answer }}", "asks for another file"),
        (b"\xff\xfe{{ answer }}", "is not UTF-8"),
    ],
)
def test_a_rubric_of_ones_own_is_held_to_its_fields(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "mine.jinja"
    path.write_bytes(content)
    with pytest.raises(UserError, match=said):
        find_rubric(f"@{path}", compares=False)


def test_unknown_and_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean correctness"):
        find_rubric("corectness", compares=False)
    with pytest.raises(UserError, match="cannot be read"):
        find_rubric(f"@{tmp_path / 'nothing.jinja'}", compares=False)


def test_a_rubric_reaches_nothing_of_python(tmp_path: Path) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text("{{ answer.__class__.__mro__ }}")
    rubric = find_rubric(f"@{path}", compares=False)
    with pytest.raises(UserError, match="the rubric mine, line 1"):
        rubric.render({**VALUES, "scale": "yes-no"})
