"""What may stand under a file's name and is no file, and what is said of it."""

import os
from collections.abc import Callable
from pathlib import Path

IMPOSTORS: dict[str, tuple[Callable[[Path], None], str]] = {
    "folder": (lambda path: path.mkdir(), "a folder"),
    "dangling link": (lambda path: path.symlink_to("nowhere"), "a link that leads nowhere"),
    "looped link": (lambda path: path.symlink_to(path.name), "a link that leads nowhere"),
    "pipe": (os.mkfifo, "a pipe or a device"),
}
