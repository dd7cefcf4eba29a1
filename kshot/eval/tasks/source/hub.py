"""Rows of a public data set: from local JSONL, or from the hub through `datasets`.

Hub ids, configurations and field names are those of sets that load without a script. Concedes: no hub was at
hand where this was written, so the hub side is tested against stand-ins with those fields, not live.
docs/tasks.md says of each set what its form was taken from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kshot.eval.tasks.source.files.hub_sets import load_set
from kshot.eval.tasks.source.files.lines import read_rows
from kshot.eval.tasks.source.files.table import Row
from kshot.types import Source, Split, UserError


def as_it_is(row: Row) -> Row:
    """A row that is read in the hub's own form."""
    return row


@dataclass(frozen=True, slots=True)
class HubSet:
    """Where a set is on the hub, and how its rows become ours."""

    id: str
    convert: Callable[[Row], Row] = as_it_is
    config: str | None = None
    train: str | None = "train"  # the first rows of one as "train[:1000]"
    test: str = "test"
    files: str = ""  # a split's own files, "de-en/{split}-*.parquet", where the whole set is large, or has no card
    revision: str | None = None  # "refs/convert/parquet" where the set itself is a script

    def asked_for(self, split: str) -> dict[str, Any]:
        """What `datasets.load_dataset` is given beside id, configuration and revision."""
        if not self.files:
            return {"split": split}
        name = base_of(split)
        return {"split": split, "data_files": {name: self.files.format(split=name)}}


def base_of(split: str) -> str:
    """A split without the rows that are taken of it.

    >>> base_of("train[:1000]")
    'train'
    """
    return split.partition("[")[0]


def rows_of(
    folder: str, hub: HubSet | None, split: Split, source: Source, *, local: dict[str, str]
) -> tuple[list[Row], Path]:
    """A split's rows and where they came from. Raises UserError where neither place has them."""
    wanted = f"{folder}/{local[split]}.jsonl"
    if source.data is not None:
        path = source.data / folder / f"{local[split]}.jsonl"
        if not path.is_file():
            raise UserError(f"{path} does not exist; --data takes a folder that holds {wanted}.")
        return read_rows(path), path
    if hub is None:
        raise UserError(f"{folder} is not on the hub in this form; give --data DIR with {wanted} in it.")
    name = hub.test if split == "test" else hub.train
    if name is None:
        raise UserError(f"{folder} has no {split} split on the hub; give --data DIR with {wanted} in it.")
    return from_hub(hub, name, wanted), Path(f"{hub.id}:{name}")


def from_hub(hub: HubSet, split: str, wanted: str) -> list[Row]:
    """A hub split's rows, converted. Raises UserError, naming the local file `wanted`, where it cannot be had."""
    try:
        rows: Iterable[Row] = load_set(hub.id, hub.config, hub.revision, **hub.asked_for(split))
    except UserError as error:
        raise UserError(f"{str(error).rstrip('.')}; or give --data DIR with {wanted} in it.") from error
    except (
        OSError,
        ValueError,
        RuntimeError,
    ) as error:  # what `datasets` raises: no network, no such set, no such split
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise UserError(
            f"the data set {hub.id} cannot be had from the hub ({reason}); check the connection, or give --data DIR "
            f"with {wanted} in it."
        ) from error
    found = []
    for number, row in enumerate(rows, 1):
        try:
            found.append({**hub.convert(dict(row)), "line": number})
        except (KeyError, IndexError, AttributeError) as error:
            raise UserError(
                f"the data set {hub.id}, row {number} of {split}, is not in the form that it had ({error!r}); "
                f"give --data DIR with {wanted} in it."
            ) from error
    return found


def named(names: tuple[str, ...], index: int) -> str:
    """The label at a hub's index. Raises IndexError for -1, which stands for a hidden label."""
    if index < 0:
        raise IndexError(f"label {index}")
    return names[index]
