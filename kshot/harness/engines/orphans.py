"""Processes that a library starts below this one end with it, however it ends: a kill -9 runs no code of ours.

A process of its own looks on, with a pipe to this one. What is started while it is asked to watch it keeps in mind, and
when the pipe closes, which the system does of every process that dies, it ends them. vLLM's own live on otherwise, with
all of their memory.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from contextlib import suppress
from typing import Any

STARTED, ENDED = "started\n", "ended\n"
EVERY = 0.25  # seconds between two looks while processes are being started


class Guard:
    """Looks on from here on; `started` once all processes are there, `close` when they have been ended in order."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", os.path.abspath(__file__), str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            start_new_session=True,  # Ctrl-C is for this one, which then ends the others
        )  # fmt: skip
        self.heard()  # it has looked at what was there before

    def started(self) -> None:
        """No more of them will be started; those that are there are known now."""
        self.tell(STARTED)
        self.heard()

    def close(self) -> None:
        """They have been ended; nobody needs to look on any more."""
        self.tell(ENDED)
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def heard(self) -> None:
        """Waits for its word; where it is gone, nobody looks on, which ends nothing."""
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def tell(self, word: str) -> None:
        """One word down the pipe; where nobody reads any more there is nothing to tell."""
        assert self.process.stdin is not None
        with suppress(OSError, ValueError):
            self.process.stdin.write(word)
            self.process.stdin.flush()


def look_on(above: int) -> None:
    """Waits for the end of a process, and ends what was started below it meanwhile."""
    import psutil  # accelerate, which every engine with a model needs, brings it

    own = os.getpid()
    parent = psutil.Process(above)
    before = set(parent.children(recursive=True))
    known: dict[Any, None] = {}  # psutil tells a process from another that has its number later
    starting, said = True, ""
    acknowledge()
    while True:
        with suppress(psutil.Error):
            if starting:
                known.update(dict.fromkeys(set(parent.children(recursive=True)) - before))
        if not select.select([0], [], [], EVERY if starting else None)[0]:
            continue
        read = os.read(0, 100).decode()
        said += read
        if ENDED in said:
            return
        if not read:
            break
        with suppress(psutil.Error):
            known.update(dict.fromkeys(set(parent.children(recursive=True)) - before))
        if starting and STARTED in said:
            starting = False
            acknowledge()
    for process in known:
        with suppress(psutil.Error):
            if process.pid != own:
                process.kill()


def acknowledge() -> None:
    """A word to whoever asked; one that has died meanwhile hears none, and is what is waited for."""
    with suppress(OSError):
        os.write(1, b"\n")


if __name__ == "__main__":
    look_on(int(sys.argv[1]))
