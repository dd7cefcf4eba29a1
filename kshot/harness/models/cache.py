"""The user's cache: what is made once and kept whole, and hashes remembered by a file's size and time.

Two processes at once make one folder; a killed one leaves nothing that is taken for whole.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from kshot.types import UserError


def cache_folder() -> Path:
    """The folder for converted models: $KSHOT_CACHE, or kshot in the user's cache."""
    given = os.environ.get("KSHOT_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kshot"


def say(text: str) -> None:
    """A line about what takes a while, beside the output."""
    print(text, file=sys.stderr, flush=True)


def once(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder, made by `make(scratch)` if it is not there yet. Raises UserError where it cannot be written."""
    if folder.is_dir():
        return folder
    from filelock import FileLock, Timeout

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{folder}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say("Another process is preparing this model; waiting for it ...")
            lock.acquire()
        try:
            if not folder.is_dir():
                make_whole(folder, make)
        finally:
            lock.release()
    except PermissionError as error:
        raise UserError(
            f"{folder.parent} cannot be written ({error}); set KSHOT_CACHE to a folder that can."
        ) from error
    return folder


def make_whole(folder: Path, make: Callable[[Path], None]) -> None:
    """Makes a folder beside its place and moves it there when it is done."""
    scratch = folder.with_name(folder.name + ".partial")
    shutil.rmtree(scratch, ignore_errors=True)  # a killed process left it; whoever holds the lock is alone here
    try:
        scratch.mkdir()
        make(scratch)
        scratch.rename(folder)
    except Exception as error:  # safetensors has its own error for a full disk
        if disk_full(error):
            raise UserError(
                f"the disk that holds {folder.parent} is full; free some space, or set KSHOT_CACHE."
            ) from error
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def disk_full(error: BaseException) -> bool:
    """Whether an error says that no space is left."""
    return getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)


def sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file; remembered by its size and time."""
    return remembered([path], lambda: sha256(path))


def weights_hash(folder: Path) -> str:
    """Hash of a folder's configuration, weights and tokenizer; remembered by the files' sizes and times."""
    kinds = {".json", ".safetensors", ".jinja", ".model", ".txt"}
    files = sorted(path for path in folder.iterdir() if path.suffix in kinds)

    def compute() -> str:
        total = hashlib.sha256()
        for path in files:
            total.update(f"{path.name} {sha256(path)}\n".encode())
        return total.hexdigest()[:16]

    return remembered(files, compute)


def remembered(files: list[Path], compute: Callable[[], str]) -> str:
    """What `compute` gives for these files, kept in the cache for as long as their sizes and times stay."""
    state = json.dumps([[str(p.resolve()), p.name, p.stat().st_size, p.stat().st_mtime_ns] for p in files])
    memory = cache_folder() / "hashes" / hashlib.sha256(state.encode()).hexdigest()
    if memory.is_file():
        return memory.read_text()
    found = compute()
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
        memory.parent.mkdir(parents=True, exist_ok=True)
        scratch = memory.with_name(f"{memory.name}.{os.getpid()}")
        scratch.write_text(found)
        scratch.replace(memory)
    return found
