"""People's labels: read as people write them, and every mistake named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from kshot.harness.judging.labels import read_labels
from kshot.types import UserError

KNOWN = {("t", "few-shot:k=4", "1", 0), ("t", "few-shot:k=4", "=2", 0), ("t", "zero-shot", "1", 1)}
NAMES = {"few-shot:k=4": "few-shot", "zero-shot": "zero-shot"}
HEAD = "task,strategy,sample_id,label,repeat\n"


def read(folder: Path, text: str, scale: str = "yes-no") -> dict[tuple[str, str, str, int], str]:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return dict(read_labels(path, KNOWN, NAMES, scale).by_key)


def test_short_and_whole_names_repeats_and_what_a_spreadsheet_must_not_run(tmp_path: Path) -> None:
    text = f"{HEAD}t,few-shot,1,Right,\nt,few-shot:k=4,'=2,0,0\nt,zero-shot,1,YES,1\n"
    assert read(tmp_path, text) == {
        ("t", "few-shot:k=4", "1", 0): "yes",
        ("t", "few-shot:k=4", "=2", 0): "no",
        ("t", "zero-shot", "1", 1): "yes",
    }


def test_as_excel_writes_it(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufefftask;strategy;sample_id;label\nt;few-shot;1;3\n", "1-5") == {
        ("t", "few-shot:k=4", "1", 0): "3"
    }


def test_what_is_not_labelled_yet_is_left_out(tmp_path: Path) -> None:
    assert len(read(tmp_path, f"{HEAD}t,few-shot,1,,\nt,zero-shot,1,no,1\n")) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task,strategy,label\nt,few-shot,yes\n", "no column sample_id"),
        (f"{HEAD}t,few-shot,9,yes,\n", "line 2: the run has no attempt t, few-shot:k=4, 9, 0"),
        (f"{HEAD}t,few-shot,1,yes,\nt,few-shot:k=4,1,no,0\n", "line 3: .* labelled twice"),
        (f"{HEAD}t,few-shot,1,maybe,\n", "line 2: the label 'maybe' is not on the scale; write yes or no"),
        (f"{HEAD}t,few-shot,1,yes,first\n", "line 2: the repeat 'first'"),
        (f"{HEAD}t,few-shot,1,,\n", "has no label"),
        (HEAD, "no row under its header"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read(tmp_path, text)


def test_a_yes_is_no_rating(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a whole number from 1 to 5"):
        read(tmp_path, f"{HEAD}t,few-shot,1,yes,\n", "1-5")
    with pytest.raises(UserError, match="existing CSV file"):
        read_labels(tmp_path / "nothing.csv", KNOWN, NAMES, "yes-no")
