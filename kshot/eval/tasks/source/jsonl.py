"""JSON Lines to rows, with errors that name the file and the line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from kshot.types import UserError

Row = dict[str, Any]
ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")


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
                except ValueError:  # Python reads no number of more digits
                    raise UserError(
                        f"{path}, line {number}: a number has more than 4,300 digits; shorten it, or write it as text."
                    ) from None
                if not isinstance(row, dict):
                    raise UserError(
                        f'{path}, line {number}: expected an object such as {{"question": ...}}; mend that line.'
                    )
                if ESCAPED_HALF.search(line) and not writable(row):
                    raise UserError(
                        f"{path}, line {number}: it holds half of a character (\\ud800 to \\udfff without its other "
                        "half), which cannot be written; mend that line."
                    )
                rows.append({**row, "line": number})
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text; save it as UTF-8.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give a file that you may read.") from error
    if not rows:
        raise UserError(f"{path} is empty; give it at least one line.")
    return rows


def writable(row: Row) -> bool:
    """Whether all text of a row can be written as UTF-8."""
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def text_of(row: Row, fields: Sequence[str], path: Path) -> str:
    """The first of the fields that a row has, as text; true is yes, 5.0 is 5. Raises UserError where it has none."""
    for field in fields:
        value = row.get(field)
        if value is None:
            continue
        text = written(value, f"{path}, line {row['line']}: the field {field!r}")
        if not text.strip():
            raise UserError(f"{path}, line {row['line']}: the field {field!r} is empty; fill it in or drop the line.")
        return text
    wanted = " or ".join(repr(field) for field in fields)
    raise UserError(f"{path}, line {row['line']}: the field {wanted} is missing; add it to that line.")


def written(value: Any, what: str) -> str:
    """A value of JSON as text. Raises UserError for a list, an object, and NaN, which stands for nothing."""
    if isinstance(value, (dict, list)):
        raise UserError(f"{what} is a {type(value).__name__}; make it one text.")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UserError(f"{what} is {value}, which is no value; fill it in or drop the line.")
        return str(int(value)) if value.is_integer() else f"{Decimal(repr(value)):f}"
    return str(value)


def optional_text(row: Row, field: str, path: Path) -> str:
    """A field that a row need not have, as text; "" where it has none."""
    value = row.get(field)
    return "" if value is None or value is False else written(value, f"{path}, line {row['line']}: the field {field!r}")


def worked(answer: str) -> tuple[str, str]:
    """An answer in GSM8K's form: its worked solution without the calculator's marks, and what stands behind "####".

    >>> worked("2 and 2 make <<2+2=4>>4.\n#### 4")
    ('2 and 2 make 4.', '4')
    """
    solution, mark, final = answer.rpartition("####")
    if not (mark and final.strip()):
        return "", answer
    return re.sub(r"<<[^>]*>>", "", solution).strip().replace("\n", " "), final.strip()


def identified(rows: Sequence[Row], prefix: str, path: Path) -> list[str]:
    """Each row's id, made from its place where it has none. Raises UserError for an id that stands twice."""
    seen: dict[str, int] = {}
    for index, row in enumerate(rows):
        name = f"{prefix}-{index}"
        if row.get("id") is not None:
            written(row["id"], f"{path}, line {row['line']}: the field 'id'")  # one value and no list
            name = str(row["id"])
        if name in seen:
            raise UserError(
                f"{path}, line {row['line']}: the id {name!r} stands in line {seen[name]} already; make ids unique."
            )
        seen[name] = row["line"]
    return list(seen)


def letter_of(row: Row, answer: str, choices: Sequence[str], path: Path) -> str:
    """A choice's letter, from the letter, the choice's text, or its index from 0, which is a number in JSON.

    Raises UserError where none fits, and for an index that is the text of another choice.
    """
    letters = [chr(65 + index) for index in range(len(choices))]
    index = index_of(row)
    if index is not None:
        return indexed(row, index, choices, path)
    bare = answer.strip().strip("().:").upper()
    if bare in letters:
        return bare
    named = by_text(answer, choices)
    said = answer_of(row)
    if named is None and isinstance(said, bool):  # the choices may be True and False, or Yes and No
        folded = [choice.casefold() for choice in choices]
        named = by_text(answer, folded) or by_text(str(said).casefold(), folded)
        answer = str(said).lower()
    if named is not None:
        return named
    raise UserError(
        f"{path}, line {row['line']}: the answer {answer!r} is neither a letter from {letters[0]} to {letters[-1]} "
        "nor the text of a choice; mend that line."
    )


def by_text(answer: str, choices: Sequence[str]) -> str | None:
    """The letter of the choice with that text."""
    texts = [choice.strip() for choice in choices]
    return chr(65 + texts.index(answer.strip())) if answer.strip() in texts else None


def answer_of(row: Row) -> Any:
    """A row's answer, or its label, as it stands in JSON."""
    return next((row[field] for field in ("answer", "label") if row.get(field) is not None), None)


def index_of(row: Row) -> int | None:
    """A row's answer where it is a whole number in JSON, and so an index."""
    answer = answer_of(row)
    if isinstance(answer, float) and answer.is_integer():
        return int(answer)
    return answer if isinstance(answer, int) and not isinstance(answer, bool) else None


def indexed(row: Row, index: int, choices: Sequence[str], path: Path, *, sure: bool = False) -> str:
    """The letter of the choice at an index from 0. Raises UserError where it has no such choice.

    Unless it is `sure` that an index is meant, also where another choice has that number as its text.
    """
    where = f"{path}, line {row['line']}: the answer {index}"
    if index < 0:
        raise UserError(f"{where} stands for one that is hidden; use a file with answers.")
    if index >= len(choices):
        raise UserError(
            f"{where} is no index from 0 to {len(choices) - 1}, as a whole number is taken; where the choices are "
            'counted from 1, write letters ("A" the first).'
        )
    named = by_text(str(index), choices)
    if not sure and named not in (None, chr(65 + index)):
        raise UserError(
            f"{where} may be the choice at index {index} ({choices[index]!r}), counted from 0, or the choice "
            f'{str(index)!r}; write a letter ("{chr(65 + index)}" or "{named}").'
        )
    return chr(65 + index)


def choices_of(row: Row, path: Path) -> tuple[str, ...]:
    """A row's choices, () where it has none. Raises UserError where they are not a list of two to twenty-six."""
    choices = row.get("choices")
    if choices is None:
        return ()
    if not isinstance(choices, list) or not 2 <= len(choices) <= 26:
        raise UserError(f"{path}, line {row['line']}: 'choices' must be a list of 2 to 26 texts; mend that line.")
    return tuple(written(choice, f"{path}, line {row['line']}: a choice") for choice in choices)
