"""Small copies of the library's sets: rows made by hand in the real sets' columns, files where the real sets have them.

`served` has them as a hub does: parquet under the names that the real repository gives it, and its card.
`write_local` writes the same rows as --data DIR has them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

Rows = list[dict[str, Any]]
SHARD = "{config}/{split}-00000-of-00001.parquet"
DATA = "data/{split}-00000-of-00001.parquet"
CONVERTED = "{config}/{split}/0000.parquet"


@dataclass(frozen=True)
class Copy:
    """A set with rows of ours. `test` and `train` are the hub's own names of its splits."""

    spec: str
    id: str
    test: str
    rows: Rows  # that are asked
    train: str | None = None
    pool: Rows = field(default_factory=list)
    config: str | None = None
    layout: str = SHARD
    revision: str = "main"
    harness: str = ""  # what lm-evaluation-harness calls the task, where it asks the very same
    published: str = "choice-logprob:score=text"  # the strategy that asks as there
    others: dict[str, Rows] = field(default_factory=dict)  # further splits, as of hidden labels
    folder: str = ""  # of a local copy; "": the task's name
    card: bool = True  # whether the repository has one that names its files

    @property
    def splits(self) -> dict[str, Rows]:
        train = {self.train: self.pool} if self.train else {}
        return {self.test: self.rows, **train, **self.others}

    @property
    def local(self) -> str:
        return self.folder or self.spec.partition(":")[0]

    def path(self, split: str) -> str:
        return self.layout.format(config=self.config or "default", split=split)

    def write_local(self, data: Path) -> None:
        folder = data / self.local
        folder.mkdir(parents=True, exist_ok=True)
        for split, rows in self.splits.items():
            lines = [json.dumps(row, ensure_ascii=False) for row in rows]
            (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def served(copies: Iterable[Copy]) -> dict[str, dict[str, dict[str, bytes]]]:
    """Every repository's files by revision, with a card of configurations and splits where the real one has one."""
    sets: dict[str, dict[str, dict[str, bytes]]] = {}
    cards: dict[str, dict[str, dict[str, str]]] = {}
    for copy in copies:
        files = sets.setdefault(copy.id, {}).setdefault(copy.revision, {})
        files.update({copy.path(split): packed(rows, copy) for split, rows in copy.splits.items()})
        if copy.card:
            listed = {split: copy.path(split).replace("-00000-of-00001", "-*") for split in copy.splits}
            cards.setdefault(copy.id, {}).setdefault(copy.config or "default", {}).update(listed)
    for name, configs in cards.items():
        told = [
            {"config_name": config, "data_files": [{"split": split, "path": path} for split, path in listed.items()]}
            for config, listed in configs.items()
        ]
        sets[name]["main"]["README.md"] = f"---\n{json.dumps({'configs': told})}\n---\n".encode()
    return sets


def packed(rows: Rows, copy: Copy) -> bytes:
    if copy.layout.endswith(".jsonl"):
        return "\n".join(json.dumps(row) for row in rows).encode()
    file = io.BytesIO()
    schema = pyarrow.Table.from_pylist([row for split in copy.splits.values() for row in split]).schema
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), file)
    return file.getvalue()
