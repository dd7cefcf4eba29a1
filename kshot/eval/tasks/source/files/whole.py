"""JSON: a list of objects, a list inside an object, columns, or a list a split."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kshot.eval.tasks.source.files.lines import ESCAPED_HALF, HALF, json_lines, opened, writable
from kshot.eval.tasks.source.files.table import Row, RowTable, table_of
from kshot.types import UserError

LISTS = ("data", "rows", "examples", "instances", "samples", "questions", "items")  # of one list inside an object
SPLIT = re.compile(r"(train|test|validation|valid|val|dev|eval)(?![a-z]).*", re.IGNORECASE)
WANTED = 'give a list of objects such as [{"question": ..., "answer": ...}].'


def read_json(path: Path) -> dict[str, RowTable]:
    """The splits of a JSON file, "" where it has one list alone; JSON Lines under that name are read as such.

    Raises UserError where it is neither, and, with its row, for what is no object.
    """
    with opened(path, "an existing JSON file") as file:
        text = file.read()
    if not text.strip():
        raise UserError(f"{path} is empty; {WANTED}")
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return {"": table_of(path, json_lines(path))}
        raise UserError(f"{path}, line {error.lineno}: not valid JSON ({error.msg}); mend that line.") from None
    except RecursionError:
        raise UserError(f"{path} is nested too deeply; {WANTED}") from None
    except ValueError:  # Python reads no number of more digits
        raise UserError(f"{path}: a number has more than 4,300 digits; shorten it, or write it as text.") from None
    halves = ESCAPED_HALF.search(text) is not None
    splits = splits_of(value, path)
    return {name: table_of(path, numbered(rows, path, name, halves)) for name, rows in splits.items()}


def numbered(rows: list[Any], path: Path, split: str, halves: bool) -> Iterator[tuple[str, Row]]:
    """Rows with their places, "row 3" from 1. Raises UserError for one that is no object."""
    of = f" of {split}" if split else ""
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise UserError(f"{path}, row {number}{of}: it is a {type(row).__name__} and no object; {WANTED}")
        if halves and not writable(row):
            raise UserError(f"{path}, row {number}{of}: {HALF.format('row')}")
        yield f"row {number}{of}", row["row"] if set(row) >= {"row_idx", "row"} else row  # the hub's viewer


def splits_of(value: Any, path: Path) -> dict[str, list[Any]]:
    """The lists of rows in a JSON value, by split. Raises UserError where there are none."""
    if isinstance(value, list):
        return {"": value}
    if not isinstance(value, dict):
        raise UserError(f"{path} holds a {type(value).__name__}; {WANTED}")
    lists = {name: part for name, part in value.items() if is_rows(part)}
    splits = {name: part for name, part in lists.items() if SPLIT.fullmatch(name)}
    if splits:
        return splits
    parts = list(value.values())
    named = next((name for name in LISTS if name in lists), "")
    if not named and len(parts) > 1 and all(isinstance(p, list) and len(p) == len(parts[0]) for p in parts):
        if len(lists) < len(parts):
            return {"": [dict(zip(value, row, strict=True)) for row in zip(*parts, strict=True)]}
    elif named or len(lists) == 1:
        return {"": lists[named or next(iter(lists))]}
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):  # pandas, orient="split"
        return {"": [dict(zip(value["columns"], row, strict=False)) for row in value["data"]]}
    if len(parts) > 1 and all(isinstance(part, dict) for part in parts):
        if all(part.keys() == parts[0].keys() and all(key.isdigit() for key in part) for part in parts):
            return {"": [{name: part[key] for name, part in value.items()} for key in parts[0]]}  # pandas, by column
        return {"": [{"id": name, **part} for name, part in value.items()]}  # by id
    if lists:
        raise UserError(f"{path} holds several lists ({', '.join(sorted(lists))}); {WANTED}")
    if {"question", "answer"} <= value.keys():
        return {"": [value]}
    raise UserError(f"{path} holds one object and no list of rows; {WANTED}")


def is_rows(part: Any) -> bool:
    """Whether it is a list of objects."""
    return isinstance(part, list) and bool(part) and all(isinstance(row, dict) for row in part)
