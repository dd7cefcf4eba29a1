"""Data sets on a small hub on this machine (`tests.hub_server`), by name and revision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.hub_server import Files, serving


def hub(name: str, versions: dict[str, Files]) -> AbstractContextManager[tuple[str, list[str]]]:
    """Serves one set's files by revision; gives the address, and what was asked so far."""
    return hub_of({name: versions})


@contextmanager
def hub_of(sets: dict[str, dict[str, Files]]) -> Iterator[tuple[str, list[str]]]:
    """Serves sets by name, each one's files by revision; gives the address, and what was asked so far."""
    with serving() as server:
        for name, versions in sets.items():
            server.add(name, versions, kind="datasets")
        yield server.address, server.asked
