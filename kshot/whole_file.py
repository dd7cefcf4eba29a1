"""Small files that are whole or not there: written under a scratch name, on the disk, then renamed.

What is read of them is checked: a file that a crash, a full disk or a hand has damaged is named in a sentence.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kshot.types import UserError


class DamagedFile(UserError):
    """A file of kshot's own cannot be read; `path` says which."""

    def __init__(self, path: Path, why: object, remedy: str) -> None:
        super().__init__(f"{path} is damaged ({why}): {remedy}.")
        self.path = path


def write_whole(path: Path, content: str | bytes, *, sync: bool = True) -> None:
    """Writes a file so that whoever reads it, after a crash too, finds the old content or the new one. Raises OSError.

    A link of that name is replaced, not followed. Without `sync`, for what can be made again, only a crash of the
    whole machine may lose it.
    """
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    with scratch_for(path) as scratch, scratch.open("wb") as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    if sync:
        sync_folder(path.parent)


@contextlib.contextmanager
def scratch_for(path: Path) -> Iterator[Path]:
    """A file to write, which takes the path's place at the end; where that fails nothing is left of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    os.close(handle)
    try:
        yield Path(name)
        os.chmod(name, 0o666 & ~umask())  # mkstemp's own mode is for secrets
        os.replace(name, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError) and error.filename == name:  # nobody knows the scratch by its name
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def umask() -> int:
    """The process's mask for new files, which can only be asked by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def sync_folder(folder: Path) -> None:
    """Puts a folder's names on the disk, where the system can."""
    with contextlib.suppress(OSError):  # Windows opens no folder; a network may not sync one
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_object(path: Path, remedy: str) -> dict[str, Any]:
    """A file's JSON object; `remedy` ends the sentence about a damaged one. Raises DamagedFile, and OSError."""
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DamagedFile(path, error, remedy) from error
    if not isinstance(found, dict):
        raise DamagedFile(path, f"{type(found).__name__} in place of an object", remedy)
    return found
