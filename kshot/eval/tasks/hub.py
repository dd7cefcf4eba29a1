"""Rows of a public data set: from local JSONL, or from the hub through `datasets`.

The hub side is kept real and is tested on local folders only: no hub was at hand, so the hub ids and
field names below are unverified.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from kshot.eval.tasks.jsonl import Row, read_rows
from kshot.types import Source, Split, UserError


@dataclass(frozen=True, slots=True)
class HubSet:
    """Where a set is on the hub, and how its rows become ours."""

    id: str
    convert: Callable[[Row], Row]
    config: str | None = None
    train: str | None = "train"
    test: str = "test"


def rows_of(folder: str, hub: HubSet | None, split: Split, source: Source, *, local: dict[str, str]) -> tuple[list[Row], Path]:
    """A split's rows and where they came from. Raises UserError where neither place has them."""
    if source.data is not None:
        path = source.data / folder / f"{local[split]}.jsonl"
        if not path.is_file():
            raise UserError(f"{path} does not exist; --data takes a folder that holds {folder}/{local[split]}.jsonl.")
        return read_rows(path), path
    if hub is None:
        raise UserError(f"{folder} is not on the hub in this form; give --data DIR with {folder}/{local[split]}.jsonl in it.")
    name = hub.test if split == "test" else hub.train
    if name is None:
        raise UserError(f"{folder} has no {split} split on the hub.")
    return from_hub(folder, hub, name), Path(f"{hub.id}:{name}")


def from_hub(folder: str, hub: HubSet, split: str) -> list[Row]:
    """A hub split's rows, converted. Raises UserError where the hub can't be reached."""
    import datasets
    from datasets.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        rows: Iterable[Row] = datasets.load_dataset(hub.id, hub.config, split=split)
        return [{**hub.convert(dict(row)), "line": number} for number, row in enumerate(rows, 1)]
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise UserError(
            f"the data set {hub.id} cannot be had from the hub ({reason}); check the connection, or give --data DIR "
            f"with {folder}/{split}.jsonl in it."
        ) from error
