"""CSV and TSV. A cell is the text that stands there: "007", "1e5", "NA" and "True" stay what they are.

Read with the standard library's csv module: pandas and `datasets` give cells types, a chunk at a time in `datasets`'
case, and neither keeps line numbers.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from kshot.eval.tasks.source.files.lines import opened
from kshot.eval.tasks.source.files.table import RowTable
from kshot.eval.tasks.source.files.windows import NAMES, windows_encoding
from kshot.types import UserError

SEPARATORS = (",", ";", "\t", "|")
SAID = re.compile(r"sep=(.)\r?\n")  # Excel's own first line
UTF16 = (b"\xff\xfe", b"\xfe\xff")  # what Excel calls Unicode text
UTF8 = "utf-8-sig"
SAMPLED = 1 << 20  # characters that tell the separator
Cells = tuple[int, list[str]]  # the line in which they begin


def read_delimited(path: Path) -> RowTable:
    """The rows of a CSV file (with commas, semicolons, tabs or bars) or a TSV file under its header.

    Raises UserError, with the line, for a row whose cells are not as many as the header's, and for open quotes.
    """
    encoding = encoding_of(path)
    with opened(path, "an existing CSV file", encoding) as file:
        text = file.read()
    limit = csv.field_size_limit(sys.maxsize)  # 131,072 characters; a passage may be longer
    try:
        table = table_of_text(path, text)
        if encoding in NAMES:
            note = f"{path} is not UTF-8 and is read as {NAMES[encoding]}."
            table = replace(table, note=f"{note} {table.note}".strip())
        return table
    finally:
        csv.field_size_limit(limit)


def table_of_text(path: Path, text: str) -> RowTable:
    """The rows of delimited text."""
    if "\0" in text:
        raise UserError(f"{path} is not UTF-8 text; save it as UTF-8.")
    first, excels = 1, SAID.match(text)
    if excels:
        first, text = 2, text[excels.end() :]
    tabs = ".tsv" in (suffix.lower() for suffix in path.suffixes)
    separator = excels[1] if excels else "\t" if tabs else separator_of(text)
    plain = split_at_tabs(text) if tabs else None
    listed = plain if plain is not None else list(cells_of(path, text, separator, first))
    named = lettered_names(listed)
    header = named or names_of(path, listed[0] if listed else None)
    rows = listed if named else listed[1:]
    width, found, numbers = len(header), [], []
    for number, cells in rows:
        if len(cells) != width:
            cells = cells[:width] if not any(cells[width:]) else cells
            if len(cells) != width:
                raise UserError(
                    f"{path}, line {number}: it has {len(cells)} cells and the header {width}; put a cell that holds "
                    f"{separator!r}, a quote or a line's end in double quotes, its own quotes doubled."
                )
        if any(cells):
            found.append({name: cell or None for name, cell in zip(header, cells, strict=True)})
            numbers.append(number)
    if not found:
        raise UserError(f"{path} has no row under its header; give it at least one.")
    said = f"{path} has no header, and its columns are taken for {', '.join(header)}, as in MMLU." if named else ""
    return RowTable(path, found, numbers, header, typed=False, note=said)


def encoding_of(path: Path) -> str:
    """The encoding that a byte order mark names, UTF-8, or one of Windows' own where it is that without doubt."""
    if not path.is_file() or path.suffix.lower() == ".gz":
        return UTF8
    with path.open("rb") as file:
        if file.read(2) in UTF16:
            return "utf-16"
    data = path.read_bytes()
    try:
        data.decode()
    except UnicodeDecodeError:
        return windows_encoding(data) or UTF8
    return UTF8


def separator_of(text: str) -> str:
    """The separator that cuts the first rows into as many columns as the header, and into most."""

    def columns(separator: str) -> tuple[bool, int]:
        rows = islice(csv.reader(io.StringIO(text[:SAMPLED], newline=""), delimiter=separator), 20)
        widths = [len(row) for row in rows if row]
        return len(set(widths)) == 1, widths[0] if widths else 0

    found = {separator: columns(separator) for separator in SEPARATORS}
    return max(SEPARATORS, key=lambda separator: (found[separator][1] > 1, *found[separator]))


def cells_of(path: Path, text: str, separator: str, first: int) -> Iterator[Cells]:
    """The cells of every row that is not blank (RFC 4180). Raises UserError for quotes that are not."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins = first
    try:
        for cells in reader:
            if cells:
                yield begins, cells
            begins = first + reader.line_num
    except csv.Error as error:
        raise UserError(
            f"{path}, line {begins}: its quotes do not close as they should ({error}); double the quotes inside a "
            "quoted cell."
        ) from None


def split_at_tabs(text: str) -> list[Cells] | None:
    """The cells of TSV without quoting, where a quote is a sign like any other; None where cells are quoted."""
    lines = [(number, line.rstrip("\r\n").split("\t")) for number, line in enumerate(io.StringIO(text, newline=""), 1)]
    rows = [(number, cells) for number, cells in lines if cells != [""]]
    if any(len(cells) != len(rows[0][1]) for _, cells in rows):
        return None
    if any(len(cell) > 1 and cell[0] == cell[-1] == '"' for _, cells in rows for cell in cells):
        return None
    return rows


def lettered_names(rows: Sequence[Cells]) -> tuple[str, ...]:
    """The columns of a file without a header whose every row is a question, its choices and a letter, as MMLU's are."""
    width = len(rows[0][1]) if rows else 0
    letters = [chr(65 + at) for at in range(width - 2)]
    if not 4 <= width <= 12 or any(len(cells) != width or cells[-1].strip() not in letters for _, cells in rows):
        return ()
    if rows[0][1][1:-1] == letters or not all(cells[0].strip() for _, cells in rows):  # names after all
        return ()
    return ("question", *letters, "answer")


def names_of(path: Path, header: Cells | None) -> tuple[str, ...]:
    """The columns' names. Raises UserError where there are none, or one stands twice."""
    if header is None:
        raise UserError(f"{path} is empty; give it a header and at least one row.")
    names = [cell.strip() or f"column {at}" for at, cell in enumerate(header[1], 1)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{path}, line {header[0]}: the column {twice!r} stands twice in the header; rename one.")
    return tuple(names)
