"""What the fields of a row say, with errors that name its file and its line."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from kshot.eval.tasks.source.files.table import Row as Row
from kshot.eval.tasks.source.files.table import at
from kshot.types import UserError


def place(row: Row, path: Path) -> str:
    """Where a row stands: its file and line."""
    return f"{path}, {at(row['line'])}"


def text_of(row: Row, fields: Sequence[str], path: Path) -> str:
    """The first of the fields that a row has, as text; true is yes, 5.0 is 5. Raises UserError where it has none."""
    for field in fields:
        value = row.get(field)
        if value is None:
            continue
        text = value if isinstance(value, str) else written(value, f"{place(row, path)}: the field {field!r}")
        if not text.strip():
            raise UserError(f"{place(row, path)}: the field {field!r} is empty; fill it in or drop the line.")
        return text
    wanted = " or ".join(repr(field) for field in fields)
    raise UserError(f"{place(row, path)}: the field {wanted} is missing; add it to that line.")


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
    return "" if value is None or value is False else written(value, f"{place(row, path)}: the field {field!r}")


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
    seen: dict[str, int | str] = {}
    for index, row in enumerate(rows):
        name = f"{prefix}-{index}"
        if row.get("id") is not None:
            written(row["id"], f"{place(row, path)}: the field 'id'")  # one value and no list
            name = str(row["id"])
        if name in seen:
            raise UserError(f"{place(row, path)}: the id {name!r} stands in {at(seen[name])} already; make ids unique.")
        seen[name] = row["line"]
    return list(seen)
