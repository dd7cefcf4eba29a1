"""How large the model of a run is, kept with the run, so that a report needs no model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from kshot.harness.engines.registry import NamedEngine
from kshot.harness.journal import Journal

NOTE = "size"


def size_of_engine(named: NamedEngine) -> dict[str, Any]:
    """`{"size": ...}` of the model that an engine runs here, by its files' headers; {} behind a server, and where it is
    not told. Fetches the model where needed; raises UserError where it cannot be had.
    """
    from kshot.harness.models.size import size_of
    from kshot.harness.models.sources import folder_of, resolve

    if not named.renders:
        return {}
    found = size_of(folder_of(resolve(named.model), bool(named.innermost.params.get("trust_remote_code", False))))
    return {} if found is None else {NOTE: found.written()}


def note_size(journal: Journal, info: Mapping[str, Any]) -> None:
    """Keeps what `info` says of the model's size, where it says anything."""
    if info.get(NOTE):
        journal.note(NOTE, json.dumps(info[NOTE]))


def noted_size(journal: Journal) -> dict[str, Any]:
    """`{"size": ...}` as it was kept, {} of a run without it."""
    with suppress(ValueError, RecursionError):
        said = json.loads(journal.noted(NOTE) or "null")
        return {NOTE: said} if isinstance(said, dict) else {}
    return {}
