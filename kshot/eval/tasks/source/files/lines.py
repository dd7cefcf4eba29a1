"""JSON Lines, with errors that name the file and the line; and the text of any file."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from kshot.eval.tasks.source.files.table import Row
from kshot.types import UserError

ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")
HALF = (
    "it holds half of a character (\\ud800 to \\udfff without its other half), which cannot be written; mend that {}."
)


@contextmanager
def opened(path: Path, what: str = "an existing file", encoding: str = "utf-8-sig") -> Iterator[TextIO]:
    """A text file, packed with gzip or not, its lines' ends as they are. Raises UserError where it cannot be read."""
    if not path.is_file():
        raise UserError(f"{path} does not exist; give {what}.")
    try:
        unpack = gzip.open if path.suffix.lower() == ".gz" else open
        with unpack(path, "rt", encoding=encoding, newline="") as file:
            yield file
    except UnicodeDecodeError:
        table = {".csv", ".tsv"} & {suffix.lower() for suffix in path.suffixes}
        how = " (in Excel: CSV UTF-8)" if table else ""
        raise UserError(f"{path} is not UTF-8 text; save it as UTF-8{how}.") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UserError(f"{path} is no whole gzip file; pack it again, or give it unpacked.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give a file that you may read.") from error


def json_lines(path: Path) -> Iterator[tuple[int, Row]]:
    """The objects of a file, each with its line from 1. Raises UserError, with the line, for anything else."""
    with opened(path, "an existing JSONL file") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, json_line(line, f"{path}, line {number}")


def json_line(line: str, where: str) -> Row:
    """The object that a line holds. Raises UserError, beginning with `where`, for anything else."""
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: not valid JSON ({error.msg}); mend that line.") from None
    except RecursionError:
        raise UserError(f"{where}: nested too deeply; mend that line.") from None
    except ValueError:  # Python reads no number of more digits
        raise UserError(f"{where}: a number has more than 4,300 digits; shorten it, or write it as text.") from None
    if not isinstance(row, dict):
        raise UserError(f'{where}: expected an object such as {{"question": ...}}; mend that line.')
    if ESCAPED_HALF.search(line) and not writable(row):
        raise UserError(f"{where}: {HALF.format('line')}")
    return row


def read_rows(path: Path) -> list[Row]:
    """The rows of a JSONL file, each with its line number under "line". Raises UserError where it cannot be read."""
    rows = [{**row, "line": number} for number, row in json_lines(path)]
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
