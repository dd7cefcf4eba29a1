"""Parquet, `save_to_disk` folders and sets of the hub: columns have the types that were stored.

Parquet is read with pyarrow itself: `datasets` would copy it into a cache that a changed file may outlive. Sets of the
hub and their folders are read through `datasets`, which runs no script of theirs (since its version 4); what it has
is taken as Arrow, so that no image or sound is decoded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kshot.eval.tasks.source.files.hub_sets import load_set
from kshot.eval.tasks.source.files.table import Row, RowTable, table_of
from kshot.types import UserError

if TYPE_CHECKING:
    import pyarrow

Names = Mapping[str, list[str]]  # of classes, by column


def read_parquet(path: Path) -> RowTable:
    """The rows of a Parquet file. Raises UserError where it is none, or damaged."""
    import pyarrow.parquet

    if not path.is_file():
        raise UserError(f"{path} does not exist; give an existing Parquet file.")
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            table = file.read()
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path} is no whole Parquet file ({reason(error)}); write it again.") from None
    return table_of(path, arrow_rows(table, path, class_names(table.schema.metadata)))


def reason(error: BaseException) -> str:
    """The first line of an error, or its kind."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


def class_names(metadata: Mapping[bytes, bytes] | None) -> Names:
    """The names of classes that `datasets` notes in a Parquet file."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return {name: one["names"] for name, one in features.items() if one.get("_type") == "ClassLabel"}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def arrow_rows(table: pyarrow.RowTable, path: Path, names: Names, of: str = "") -> Iterator[tuple[str, Row]]:
    """Rows of a table, their classes by name. Bytes, such as images, are left out. Raises UserError."""
    columns: dict[str, list[Any]] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name in columns:
            raise UserError(f"{path}: the column {name!r} stands twice; rename one.")
        if not holds_bytes(column.type):
            columns[name] = classes(values(column), names[name]) if name in names else values(column)
    for number, row in enumerate(zip(*columns.values(), strict=True), 1):
        yield f"row {number}{of}", dict(zip(columns, row, strict=True))


def holds_bytes(kind: pyarrow.DataType) -> bool:
    """Whether a type has bytes in it, which are no text."""
    import pyarrow.types as types

    if types.is_struct(kind):
        return any(holds_bytes(kind.field(at).type) for at in range(kind.num_fields))
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind))


def values(column: pyarrow.ChunkedArray) -> list[Any]:
    """A column's values; dates, times and decimals as text."""
    import pyarrow.types as types

    found: list[Any] = column.to_pylist()
    if types.is_temporal(column.type):
        return [None if one is None else one.isoformat() if hasattr(one, "isoformat") else str(one) for one in found]
    if types.is_decimal(column.type):
        return [None if one is None else f"{one:f}" for one in found]
    return found


def classes(found: list[Any], names: list[str]) -> list[Any]:
    """Classes by name; a hidden one stays -1."""
    known = [one for one in found if isinstance(one, int) and not 0 <= one < len(names)]
    if any(one != -1 for one in known):  # not the classes that the names are of
        return found
    return [names[one] if isinstance(one, int) and one >= 0 else one for one in found]


def read_stored(folder: Path) -> dict[str, RowTable]:
    """The splits of a folder that `save_to_disk` wrote, "" where it has none. Raises UserError where it is damaged."""
    import datasets

    try:
        stored = datasets.load_from_disk(str(folder))
        return tables_of(stored, folder)
    except UserError:
        raise
    except Exception as error:  # a damaged folder may raise anything, and the sentence must name it
        raise UserError(f"{folder} is no whole folder of save_to_disk ({reason(error)}); write it again.") from error


def read_hub(name: str, config: str, revision: str) -> dict[str, RowTable]:
    """The splits of a set of the hub. Raises UserError where it cannot be had."""
    if Path(name).exists():  # datasets would read it in the hub's place
        raise UserError(f"hub:{name} names a set of the hub, and {name} lies here too: run elsewhere, or give {name}.")
    try:
        return tables_of(load_set(name, config or None, revision or None), Path(name))
    except UserError:
        raise
    except Exception as error:  # of the network, the hub, its files, any format: the sentence must name it
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(
            f"the data set {name} cannot be had from the hub ({said}); check its name and the connection, or say "
            f"hub:{name}:config=NAME where it has several."
        ) from error


def tables_of(stored: Any, path: Path) -> dict[str, RowTable]:
    """The tables of a Dataset or a DatasetDict, by split."""
    import datasets

    splits = stored if isinstance(stored, dict) else {"": stored}
    found = {}
    for split, one in splits.items():
        named = {name: f.names for name, f in one.features.items() if isinstance(f, datasets.ClassLabel)}
        of = f" of {split}" if split else ""
        if len(one):
            found[str(split)] = table_of(path, arrow_rows(one.with_format("arrow")[:], path, named, of))
    if not found:
        raise UserError(f"{path} has no rows; give a data set that has some.")
    return found
