"""A run that goes on: its engine is made only where something is left to ask."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from kshot.harness.engines.deferred import DeferredEngine, is_known
from kshot.harness.engines.registry import NamedEngine
from kshot.harness.journal import Journal
from kshot.types import UserError


def deferred(
    named: NamedEngine, folder: Path, settings_of: tuple[str, str] = ("engine", "chat")
) -> DeferredEngine | None:
    """The engine that a folder's run was made with, to be loaded at its first request; None where it is another, or
    that cannot be told from the model's files. `settings_of` are the names under which a journal has its id, and
    whether it takes turns.
    """
    if not (folder / "journal.sqlite").is_file():
        return None
    with suppress(UserError), Journal.read(folder) as journal:  # what is wrong is said by whoever opens it to write
        settings = journal.settings() if journal.answered() else {}
        id, chat = (settings.get(name) for name in settings_of)
        if isinstance(id, str) and isinstance(chat, bool) and is_known(named, id):
            return DeferredEngine(named, id, chat)
    return None
