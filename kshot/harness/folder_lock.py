"""One writer of a folder at a time: a lock that the kernel frees when its process ends, by whatever way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from kshot.types import UserError


def another() -> str:
    """Who holds a folder, where nothing more is known."""
    return "another process"


def locked(folder: Path, owner: Callable[[], str] = another) -> BaseFileLock:
    """Makes the folder where it is not there, and holds it until `release`. Raises UserError where another holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock", thread_local=False)
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"the run folder {folder} is in use by {owner()}: wait for it, or use another --run name."
        ) from None
    except OSError as error:
        raise UserError(
            f"the run folder {folder} cannot be written: {error.strerror or error}; choose another with --runs."
        ) from error
    return lock
