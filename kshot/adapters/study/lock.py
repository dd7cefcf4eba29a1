"""One process at a time in a study's folder: two would train into one adapter's folder and end in neither's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kshot.types import UserError

LOCK = "lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Makes the folder and holds it. Raises UserError where another process does, or it cannot be written."""
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, timeout=0)
        lock.acquire()
    except Timeout:
        raise UserError(
            f"the study in {folder} is under way in another process: wait for it, or use another --run name."
        ) from None
    except OSError as error:
        raise UserError(
            f"the study's folder {folder} cannot be written: {error.strerror or error}; choose another with --runs."
        ) from error
    try:
        yield
    finally:
        lock.release()
