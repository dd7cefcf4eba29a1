"""JSON Lines to rows, with errors that name the file and the line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kshot.types import UserError

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """The rows of a file, each with its line number under "line". Raises UserError where it cannot be read."""
    if not path.is_file():
        raise UserError(f"{path} does not exist; give an existing JSONL file.")
    rows: list[Row] = []
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except json.JSONDecodeError as error:
                    raise UserError(f"{path}, line {number}: not valid JSON ({error.msg}); mend that line.") from None
                except RecursionError:
                    raise UserError(f"{path}, line {number}: nested too deeply; mend that line.") from None
                if not isinstance(row, dict):
                    raise UserError(
                        f'{path}, line {number}: expected an object such as {{"question": ...}}; mend that line.'
                    )
                rows.append({**row, "line": number})
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text; save it as UTF-8.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give a file that you may read.") from error
    if not rows:
        raise UserError(f"{path} is empty; give it at least one line.")
    return rows


def text_of(row: Row, fields: Sequence[str], path: Path) -> str:
    """The first of the fields that a row has, as text; true is yes. Raises UserError where it has none."""
    for field in fields:
        value = row.get(field)
        if value is None:
            continue
        if isinstance(value, (dict, list)):
            raise UserError(
                f"{path}, line {row['line']}: the field {field!r} is a {type(value).__name__}; make it one text."
            )
        text = ("no", "yes")[value] if isinstance(value, bool) else str(value)
        if not text.strip():
            raise UserError(f"{path}, line {row['line']}: the field {field!r} is empty; fill it in or drop the line.")
        return text
    wanted = " or ".join(repr(field) for field in fields)
    raise UserError(f"{path}, line {row['line']}: the field {wanted} is missing; add it to that line.")


def identified(rows: Sequence[Row], prefix: str, path: Path) -> list[str]:
    """Each row's id, made from its place where it has none. Raises UserError for an id that stands twice."""
    seen: dict[str, int] = {}
    for index, row in enumerate(rows):
        name = str(row["id"]) if row.get("id") is not None else f"{prefix}-{index}"
        if name in seen:
            raise UserError(
                f"{path}, line {row['line']}: the id {name!r} stands in line {seen[name]} already; make ids unique."
            )
        seen[name] = row["line"]
    return list(seen)


def letter_of(row: Row, answer: str, choices: Sequence[str], path: Path) -> str:
    """A choice's letter, from the letter itself or from the choice's text. Raises UserError where neither fits."""
    letters = [chr(65 + index) for index in range(len(choices))]
    bare = answer.strip().strip("().:").upper()
    if bare in letters:
        return bare
    texts = [choice.strip() for choice in choices]
    if answer.strip() in texts:
        return letters[texts.index(answer.strip())]
    raise UserError(
        f"{path}, line {row['line']}: the answer {answer!r} is neither a letter from {letters[0]} to {letters[-1]} "
        "nor the text of a choice; mend that line."
    )


def choices_of(row: Row, path: Path) -> tuple[str, ...]:
    """A row's choices, () where it has none. Raises UserError where they are not a list of two to twenty-six."""
    choices = row.get("choices")
    if choices is None:
        return ()
    if not isinstance(choices, list) or not 2 <= len(choices) <= 26:
        raise UserError(f"{path}, line {row['line']}: 'choices' must be a list of 2 to 26 texts; mend that line.")
    return tuple(str(choice) for choice in choices)
