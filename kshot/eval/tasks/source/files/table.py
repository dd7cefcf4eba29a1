"""Rows of one split of a user's data, and where each stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kshot.types import UserError

Row = dict[str, Any]


@dataclass(frozen=True)
class RowTable:
    """Rows as they stand in a file: columns to values, None where a cell is empty."""

    path: Path  # as an error names it; of the hub the set's id
    rows: Sequence[Row]
    numbers: Sequence[int | str]  # each row's line, from 1; or in words, "row 3"
    columns: tuple[str, ...]
    typed: bool = True  # a number is a number and no text; not so in CSV
    note: str = ""  # what its user should know of how it was read

    def place(self, index: int) -> str:
        """Where a row stands: file and line."""
        return f"{self.path}, {at(self.numbers[index])}"


def at(number: int | str) -> str:
    """A row's place in its file, in words."""
    return f"line {number}" if isinstance(number, int) else number


def table_of(path: Path, numbered: Iterable[tuple[int | str, Row]]) -> RowTable:
    """A table of numbered rows. Raises UserError where there are none."""
    rows: list[Row] = []
    numbers: list[int | str] = []
    columns: dict[str, None] = {}
    for number, row in unnested(numbered):
        rows.append(row)
        numbers.append(number)
        if not row.keys() <= columns.keys():
            columns.update(dict.fromkeys(row))
    if not rows:
        raise UserError(f"{path} is empty; give it at least one row.")
    return RowTable(path, rows, numbers, tuple(columns))


def unnested(numbered: Iterable[tuple[int | str, Row]]) -> Iterator[tuple[int | str, Row]]:
    """Rows, an article of SQuAD's (Rajpurkar et al. 2016) or one of its paragraphs as a row a question."""
    for number, row in numbered:
        asked = row.get("question")
        if isinstance(asked, dict) and "stem" in asked:  # as ARC was first published
            row = {**row, **{key: value for key, value in asked.items() if key != "stem"}, "question": asked["stem"]}
        row = scored(row)
        found = list(questions_of(row))
        if not found:
            yield number, row
        for count, one in enumerate(found, 1):
            yield f"{at(number)}, question {count}", one


def scored(row: Row) -> Row:
    """A row whose choices have scores, of which one is 1, with its choices and the index of that one.

    As in BIG-bench (`target_scores`) and TruthfulQA (`mc1_targets`).
    """
    found, several = row.get("target_scores"), row.get("mc1_targets")
    if isinstance(several, dict) and isinstance(several.get("choices"), list):
        texts, scores = several["choices"], several.get("labels")
    elif isinstance(found, dict):
        texts, scores = list(found), list(found.values())
    else:
        return row
    if not isinstance(scores, list) or len(scores) != len(texts) or scores.count(1) != 1:
        return row
    return {**row, "choices": texts, "answer": scores.index(1)}


def questions_of(row: Mapping[str, Any]) -> Iterator[Row]:
    """The questions of an article or a paragraph in SQuAD's own form; nothing for any other row."""
    paragraphs, asked = row.get("paragraphs"), row.get("qas")
    if isinstance(paragraphs, list):
        for paragraph in paragraphs:
            if isinstance(paragraph, dict):
                title = {"title": row["title"]} if isinstance(row.get("title"), str) else {}
                yield from ({**title, **one} for one in questions_of(paragraph))
    elif isinstance(asked, list) and isinstance(row.get("context"), str):
        yield from ({"context": row["context"], **one} for one in asked if isinstance(one, dict))
