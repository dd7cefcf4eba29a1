"""By what a run tells near texts from far ones: the hash of each embedder is kept, so that no other takes its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from kshot.harness.embeddings.brought import SELF, Brought
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Loaded
from kshot.types import UserError

NOTE = "embedders"


def hashes_of(loaded: Loaded, asked_for: Brought) -> dict[str, str]:
    """The hash of every embedder that a plan's strategies have asked for while they were checked, by name."""
    for name in asked_for.embedders:
        if name != SELF:  # which is the engine's own, and in its id
            loaded.brought.embedders.setdefault(name, asked_for.embedders[name])
    return {name: found for name, found in loaded.brought.hashes().items() if name != SELF}


def embedders_of(loaded: Loaded, asked_for: Brought) -> dict[str, Any]:
    """What a run's description says of them."""
    found = hashes_of(loaded, asked_for)
    return {NOTE: found} if found else {}


def check_embedders(journal: Journal, loaded: Loaded, asked_for: Brought) -> None:
    """Keeps their hashes. Raises UserError where one is not what the run has selected by."""
    before, now = kept_embedders(journal) if journal.answered() else {}, hashes_of(loaded, asked_for)
    for name, found in now.items():
        if before.get(name, found) != found:
            raise UserError(
                f"the embedder {name} is not what the run in {journal.folder} has selected exemplars by (hash "
                f"{before[name]}, now {found}): use another --run name, or put back what it was."
            )
    if now:
        journal.note(NOTE, json.dumps({**before, **now}))


def kept_embedders(journal: Journal) -> Mapping[str, str]:
    """The hashes as kept; nothing where they are damaged."""
    with suppress(ValueError, RecursionError, AttributeError):
        return {str(name): str(found) for name, found in json.loads(journal.noted(NOTE) or "{}").items()}
    return {}
