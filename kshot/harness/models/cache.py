"""The user's cache: what is made once and kept whole, and hashes remembered by a file's size and time.

Two processes at once make one folder; a killed one leaves nothing that is taken for whole.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from kshot.types import UserError
from kshot.whole_file import write_whole

STALE = 3600  # seconds after which a scratch folder of an earlier kshot is nobody's
SOURCE = "SOURCE"  # in a folder that kshot has converted: what it was made from
READ = frozenset({".json", ".safetensors", ".jinja", ".model", ".txt"})  # what is read of a folder, and makes its hash


def cache_folder() -> Path:
    """The folder for converted models: $KSHOT_CACHE, or kshot in the user's cache. Raises UserError without a home."""
    given = os.environ.get("KSHOT_CACHE")
    if given:
        return Path(given)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kshot"
    except RuntimeError as error:  # neither HOME nor an entry for this user
        raise UserError("this user has no home folder to keep models in: set KSHOT_CACHE to a folder.") from error


def say(text: str) -> None:
    """A line about what takes a while, beside the output."""
    print(text, file=sys.stderr, flush=True)


def once(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder, made by `make(scratch)` if it is not there yet. Raises UserError where it cannot be written."""
    from filelock import FileLock, Timeout

    with writable(folder.parent):
        if folder.is_dir():
            return folder
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
    return folder


@contextlib.contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Turns what the system says of a folder that cannot be written into a sentence."""
    try:
        yield
    except OSError as error:
        if disk_full(error):
            raise UserError(f"the disk that holds {folder} is full; free some space, or set KSHOT_CACHE.") from error
        raise UserError(
            f"{folder} cannot be written ({error.strerror or error}); set KSHOT_CACHE to a folder that can."
        ) from error


def make_whole(folder: Path, make: Callable[[Path], None]) -> None:
    """Makes a folder beside its place and moves it there when it is done. Whoever calls it holds the folder's lock."""
    scratch = folder.with_name(folder.name + ".partial")
    forget(scratch)
    with writable(folder.parent):
        scratch.mkdir()
    try:
        make(scratch)
        scratch.rename(folder)
    except Exception as error:  # safetensors has its own error for a full disk
        if disk_full(error):
            raise UserError(
                f"the disk that holds {folder.parent} is full; free some space, or set KSHOT_CACHE."
            ) from error
        raise
    finally:
        forget(scratch)


def beside(scratch: Path) -> Path:
    """A folder for what is needed while another is made, and not kept; `make_whole` removes it, after a kill too."""
    place = scratch.with_name(scratch.name + ".parts")
    place.mkdir(exist_ok=True)
    return place


def forget(scratch: Path) -> None:
    """Removes what a making, also one that was killed, has left; of an earlier kshot under names like tmpab12cd."""
    for path in (scratch, scratch.with_name(scratch.name + ".parts")):
        shutil.rmtree(path, ignore_errors=True)
    for path in scratch.parent.glob("tmp*"):
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink() and time.time() - path.stat().st_mtime > STALE:
                shutil.rmtree(path, ignore_errors=True)


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


def weights_hash(folder: Path, *, code: bool = False) -> str:
    """Hash of a folder's configuration, weights and tokenizer; remembered by the files' sizes and times.

    With `code`, which is trusted and run, that of its Python files as well. A folder that kshot has converted is known
    by what it was made from: versions of libraries write the same model in other bytes, and a run that has been carried
    to another machine goes on there.
    """
    source = folder / SOURCE
    if source.is_file() and folder.resolve().parent == (cache_folder() / "models").resolve():
        return sha256(source)[:16]
    files = sorted(path for path in folder.iterdir() if path.suffix in READ and path.is_file())
    files += sorted(path for path in folder.rglob("*.py") if path.is_file()) if code else []

    def compute() -> str:
        total = hashlib.sha256()
        for path in files:
            total.update(f"{path.name} {file_hash(path)}\n".encode())
        return total.hexdigest()[:16]

    return remembered(files, compute)


def remembered(files: list[Path], compute: Callable[[], str]) -> str:
    """What `compute` gives for these files, kept in the cache for as long as their sizes and times stay."""
    state = json.dumps([[str(p.resolve()), p.name, p.stat().st_size, p.stat().st_mtime_ns] for p in files])
    try:
        memory = cache_folder() / "hashes" / hashlib.sha256(state.encode()).hexdigest()
    except UserError:  # no home: nothing is remembered
        return compute()
    with contextlib.suppress(OSError, ValueError):
        if re.fullmatch(r"[0-9a-f]{16,64}", found := memory.read_text(encoding="ascii")):
            return found
    found = compute()
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_whole(memory, found, sync=False)
    return found
