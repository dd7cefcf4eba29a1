"""What a run brought along to choose exemplars by or to make them of: its hash is kept, so that it stays the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from kshot.harness.embeddings.brought import Brought
from kshot.harness.journal import Journal
from kshot.types import UserError

NOTE = "brought"


def described(asked_for: Brought) -> dict[str, Any]:
    """What a run's description says of it."""
    found = asked_for.hashes()
    return {NOTE: dict(found)} if found else {}


def check_brought(journal: Journal, asked_for: Brought) -> None:
    """Keeps the hashes. Raises UserError where the run was made with another embedder, or other inputs."""
    before, now = kept_hashes(journal) if journal.answered() else {}, asked_for.hashes()
    for name, found in now.items():
        if before.get(name, found) != found:
            raise UserError(
                f"{name} is not what the run in {journal.folder} has made its exemplars with (hash {before[name]}, now "
                f"{found}): use another --run name, or put back what it was."
            )
    if now:
        journal.note(NOTE, json.dumps({**before, **now}))


def kept_hashes(journal: Journal) -> Mapping[str, str]:
    """The hashes as kept; nothing where they are damaged."""
    with suppress(ValueError, RecursionError, AttributeError):
        return {str(name): str(found) for name, found in json.loads(journal.noted(NOTE) or "{}").items()}
    return {}
