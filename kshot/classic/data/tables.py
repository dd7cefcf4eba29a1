"""Rows of numbers with a target, out of a .csv or .jsonl file of the user's.

Meets: whatever cannot be used is said with its column, row and line. Concedes: all of it is held in memory; columns of
text must have been encoded already, only the target may be text.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kshot.classic.data.inputs import Array
from kshot.registry import suggest
from kshot.types import UserError

MOST_CLASSES = 20
"""A target of whole numbers with more different values than this is a quantity to regress on, not a class."""
SPLIT = "split"
"""A column of this name says of each row whether it is for training or for testing."""


@dataclass(frozen=True, slots=True)
class DataTable:
    """Rows to learn from; `classes` is None where the target is a quantity."""

    name: str
    columns: tuple[str, ...]
    target: str
    X: Array  # (rows, columns)
    y: Array | NDArray[np.intp]  # (rows,), the quantity or the class's index
    classes: tuple[str, ...] | None
    test: NDArray[np.bool_] | None  # which rows the file itself keeps for testing


def read_table(path: Path, target: str | None = None) -> DataTable:
    """The numbers of a .csv (first line the columns' names) or .jsonl (an object a line) file; the last is the target.

    Raises UserError where a column is missing, a cell is empty, text or not finite, or nothing can be learned.
    """
    if path.suffix.lower() not in (".csv", ".jsonl"):
        raise UserError(f"{path} is neither .csv nor .jsonl; give one of these.")
    try:
        columns, rows, lines = read_csv(path) if path.suffix.lower() == ".csv" else read_jsonl(path)
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8.") from None
    if not rows:
        raise UserError(f"{path} holds no rows; give it some.")
    usable = [column for column in columns if column != SPLIT]
    if target is None:
        target = usable[-1] if usable else ""
    if target not in usable:
        raise UserError(f"{path} has no column {target!r} to predict: {suggest(target, usable)}")
    inputs = [column for column in usable if column != target]
    if not inputs:
        raise UserError(f"{path} has no column beside the target {target!r}; give at least one to predict it from.")
    places = {column: columns.index(column) for column in columns}

    def where(column: str, row: int) -> str:
        return f"{path}: column {column!r}, row {row + 1} (line {lines[row]})"

    X: Array = np.empty((len(rows), len(inputs)))
    for at, column in enumerate(inputs):
        for row, cells in enumerate(rows):
            X[row, at] = finite(cells[places[column]], where(column, row))
    targets = [cells[places[target]] for cells in rows]
    y, classes = read_target(targets, lambda row: where(str(target), row))
    if len(np.unique(y)) < 2:
        raise UserError(f"{path}: the target {target!r} is {targets[0]!r} in every row; there is nothing to learn.")
    test = None
    if SPLIT in columns:
        words = [str(cells[places[SPLIT]]) for cells in rows]
        for row, word in enumerate(words):
            if word not in ("train", "test"):
                raise UserError(f"{where(SPLIT, row)} holds {word!r}; write train or test.")
        test = np.array([word == "test" for word in words])
    return DataTable(path.name, tuple(inputs), target, X, y, classes, test)


def finite(cell: Any, where: str) -> float:
    """A cell as a number. Raises UserError."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        raise UserError(f"{where} is empty; drop such rows or fill them.")
    try:
        number = float(cell)
    except (TypeError, ValueError):
        raise UserError(f"{where} holds {cell!r}, no number; encode it or drop the column.") from None
    except OverflowError:
        raise UserError(f"{where} holds a number of {len(str(cell))} digits; drop such rows or scale them.") from None
    if not np.isfinite(number):
        raise UserError(f"{where} holds {cell!r}; drop such rows or fill them.")
    return number


def read_target(cells: Sequence[Any], where: Any) -> tuple[Array | NDArray[np.intp], tuple[str, ...] | None]:
    """The target, and its classes where it is text, true or false, or few whole numbers. Raises UserError."""
    if all(isinstance(cell, str) and cell.strip() and not is_number(cell) for cell in cells):
        labels, codes = np.unique([str(cell).strip() for cell in cells], return_inverse=True)
        return codes, tuple(str(label) for label in labels)
    numbers = np.array([finite(cell, where(row)) for row, cell in enumerate(cells)])
    values, codes = np.unique(numbers, return_inverse=True)
    if len(values) <= MOST_CLASSES and (values == np.round(values)).all():
        return codes, tuple(f"{value:g}" for value in values)
    return numbers, None


def is_number(text: str) -> bool:
    """Whether Python reads the text as a number, NaN and infinity among them."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_csv(path: Path) -> tuple[list[str], list[Sequence[Any]], list[int]]:
    """Columns, rows of cells, and each row's line. Raises UserError."""
    rows: list[Sequence[Any]] = []
    lines: list[int] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            columns = [name.strip() for name in next(reader, [])]
            check_columns(path, columns)
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(columns):
                    raise UserError(
                        f"{path}: line {reader.line_num} has {len(cells)} cells, the first line names {len(columns)} "
                        "columns; mend the line."
                    )
                rows.append(cells)
                lines.append(reader.line_num)
        except csv.Error as error:
            raise UserError(f"{path}: line {reader.line_num} is no CSV: {error}.") from None
    return columns, rows, lines


def read_jsonl(path: Path) -> tuple[list[str], list[Sequence[Any]], list[int]]:
    """Columns, rows of cells, and each row's line. Raises UserError."""
    columns: list[str] = []
    rows: list[Sequence[Any]] = []
    lines: list[int] = []
    for number, item in objects(path):
        if not columns:
            columns = list(item)
            check_columns(path, columns)
        missing = [name for name in columns if name not in item]
        added = [name for name in item if name not in columns]
        if missing or added:
            word, name = ("has no", missing[0]) if missing else ("is the first with", added[0])
            raise UserError(f"{path}: line {number} {word} {name!r}; every line needs the same names.")
        rows.append([item[name] for name in columns])
        lines.append(number)
    return columns, rows, lines


def objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) of every line that is not blank. Raises UserError."""
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                item = json.loads(line)
            except json.JSONDecodeError as error:
                raise UserError(f"{path}: line {number} is no JSON: {error.msg}.") from None
            except (ValueError, RecursionError):  # thousands of digits; nested thousands deep
                raise UserError(f"{path}: line {number} holds a number or a nesting too long to read.") from None
            if not isinstance(item, dict):
                raise UserError(f"{path}: line {number} holds {type(item).__name__}, not an object; write {{...}}.")
            yield number, item


def check_columns(path: Path, columns: Sequence[str]) -> None:
    """Raises UserError where the names cannot tell columns apart."""
    if not columns:
        raise UserError(f"{path} is empty; give it columns and rows.")
    for at, name in enumerate(columns):
        if not name:
            raise UserError(f"{path}: column {at + 1} has no name; give it one in the first line.")
        if name in columns[:at]:
            raise UserError(f"{path}: two columns are named {name!r}; rename one.")
