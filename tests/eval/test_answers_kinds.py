"""Kinds of texts that were once read wrongly, many of each, in answers.jsonl: thought aloud, denied, in Chinese ...

A row has the format, the text and the answer wanted (null: none), with labels or choices where the format has them.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.answers import ACTIONS, LETTER, LINE, NUMBER, TEXT, WORD, YES_NO, labels
from kshot.types import Extraction
from tests.places import SHARED

OWN = Path(__file__).with_name("answers.jsonl")
COLLECTED = SHARED.parent / "cases" / "answers.jsonl"
NAMED = {form.name: form for form in (NUMBER, LETTER, YES_NO, TEXT, LINE, WORD, ACTIONS)}
Row = dict[str, Any]


def rows_of(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read(row: Row) -> Extraction:
    form = labels(tuple(row["labels"])) if row["format"] == "label" else NAMED[row["format"]]
    return form.extract(row["text"], tuple(row.get("choices", ())))


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row['kind']}: {row['text'][:50]!r}") for row in rows_of(OWN)])
def test_what_a_text_of_this_kind_states(row: Row) -> None:
    found = read(row)
    assert found.answer == row["want"], found
    if found.answer is not None:
        assert found.span is not None and 0 <= found.span[0] < found.span[1] <= len(row["text"])


def test_every_kind_has_many_texts() -> None:
    kinds = Counter(row["kind"] for row in rows_of(OWN))
    assert sum(kinds.values()) >= 1000 and min(kinds.values()) >= 20, kinds


@pytest.mark.skipif(not COLLECTED.is_file(), reason="the collected cases are not at hand")
def test_the_collected_cases() -> None:
    rows = rows_of(COLLECTED)
    wrong = [(row["text"], row["want"], found) for row in rows if (found := read(row)).answer != row["want"]]
    assert len(rows) >= 90 and not wrong, wrong
