"""The most memory that a piece of work held: on a GPU torch's own count, on a CPU the process's, sampled."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import threading
from types import TracebackType


class PeakMemory:
    """`with PeakMemory() as memory: ...`, then `memory.peak`: bytes, above those held before, at their most.

    On a CPU a thread looks every 10 ms (Linux; elsewhere it is 0), so that shorter peaks may be missed.
    """

    def __init__(self) -> None:
        self.peak = self.before = 0
        self.done = threading.Event()
        self.thread: threading.Thread | None = None

    def __enter__(self) -> PeakMemory:
        import torch

        if torch.cuda.is_available():
            self.before = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
        else:
            give_back()
            self.before = resident()
            self.thread = threading.Thread(target=self.watch, daemon=True)
            self.thread.start()
        return self

    def watch(self) -> None:
        while not self.done.wait(0.01):
            self.peak = max(self.peak, resident() - self.before)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import torch

        if self.thread is None:
            self.peak = torch.cuda.max_memory_allocated() - self.before
        else:
            self.done.set()
            self.thread.join()
            self.peak = max(self.peak, resident() - self.before)


def give_back() -> None:
    """Returns to the system what the C library keeps of freed memory, so that the next work is seen to take its own."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def resident() -> int:
    """Bytes of the process in memory; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0
