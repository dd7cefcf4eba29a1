"""A folder: one that `save_to_disk` wrote, or files by split; and a file of any kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kshot.eval.tasks.source.files.arrow import read_parquet, read_stored
from kshot.eval.tasks.source.files.delimited import read_delimited
from kshot.eval.tasks.source.files.lines import json_lines
from kshot.eval.tasks.source.files.table import RowTable, at, table_of
from kshot.eval.tasks.source.files.whole import SPLIT, read_json
from kshot.types import UserError

Reader = Callable[[Path], dict[str, RowTable]]
READERS: dict[str, Reader] = {
    ".csv": lambda path: {"": read_delimited(path)},
    ".tsv": lambda path: {"": read_delimited(path)},
    ".json": read_json,
    ".jsonl": lambda path: {"": table_of(path, json_lines(path))},
    ".ndjson": lambda path: {"": table_of(path, json_lines(path))},
    ".parquet": lambda path: {"": read_parquet(path)},
}
STORED = ("dataset_dict.json", "state.json")  # what save_to_disk leaves


def kind_of_file(path: Path) -> str:
    """The ending by which a file is read, ".csv" of qa.csv.gz; "" where it is none that kshot reads."""
    endings = [ending.lower() for ending in path.suffixes]
    if endings[-1:] == [".gz"]:
        endings.pop()
    return endings[-1] if endings and endings[-1] in READERS else ""


def read_file_of_data(path: Path) -> dict[str, RowTable]:
    """The splits of a file or folder, "" where there are none. Raises UserError where it cannot be read."""
    return read_folder(path) if path.is_dir() else READERS[kind_of_file(path)](path)


def read_folder(folder: Path) -> dict[str, RowTable]:
    """The splits of a folder. Raises UserError where it holds no data, or a file whose split is not in its name."""
    if any((folder / name).is_file() for name in STORED):
        return read_stored(folder)
    files = sorted(
        path
        for place in (folder, folder / "data")
        if place.is_dir()
        for path in place.iterdir()
        if path.is_file() and kind_of_file(path) and SPLIT.fullmatch(path.name)
    )
    own = [path for path in folder.iterdir() if path.is_file() and kind_of_file(path)]
    if not files and len(own) == 1:
        return READERS[kind_of_file(own[0])](own[0])
    if not files:
        raise UserError(
            f"the folder {folder} holds no data set: give one that datasets' save_to_disk wrote, one of files named by "
            "split (train.csv, test.csv), or one file."
        )
    splits: dict[str, list[Path]] = {}
    for path in files:
        found = SPLIT.fullmatch(path.name)
        splits.setdefault(found[1].lower() if found else "", []).append(path)
    return {split: joined([read_one(path) for path in paths], folder) for split, paths in splits.items()}


def read_one(path: Path) -> RowTable:
    """The rows of a file without splits of its own. Raises UserError for one that has some."""
    tables = READERS[kind_of_file(path)](path)
    if set(tables) != {""}:
        raise UserError(f"{path} holds splits ({', '.join(tables)}) although its name says one; give the file itself.")
    return tables[""]


def joined(tables: list[RowTable], folder: Path) -> RowTable:
    """The rows of several files, such as a split's shards, one behind the other."""
    if len(tables) == 1:
        return tables[0]
    numbered = (
        (f"{table.path.name}, {at(number)}", row)
        for table in tables
        for number, row in zip(table.numbers, table.rows, strict=True)
    )
    whole = table_of(folder, numbered)
    typed, note = all(table.typed for table in tables), " ".join(table.note for table in tables if table.note)
    return RowTable(folder, whole.rows, whole.numbers, whole.columns, typed, note)
