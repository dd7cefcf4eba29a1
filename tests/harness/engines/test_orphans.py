"""What is started below a process ends with it, by kill -9 too; what was there before, or ended in order, is left."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from kshot.harness.engines import orphans

PARENT = """
import subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
before = subprocess.Popen(sleep)
sys.path.insert(0, {folder!r})
from orphans import Guard
guard = Guard()
among = subprocess.Popen(sleep)
guard.started()
after = subprocess.Popen(sleep)
{then}
print(before.pid, among.pid, after.pid, guard.process.pid, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def begun() -> Iterator[list[psutil.Process]]:
    """Processes that the test ends, whatever came of them."""
    found: list[psutil.Process] = []
    yield found
    for process in found:
        with suppress(psutil.Error):
            process.kill()


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("then", ["", "guard.close()"])
def test_what_is_started_below_ends_with_a_process_that_is_killed(
    then: str, how: int, begun: list[psutil.Process]
) -> None:
    folder = str(Path(orphans.__file__).parent)
    with subprocess.Popen(
        [sys.executable, "-c", PARENT.format(folder=folder, then=then)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        pids = parent.stdout.readline().split()
        if then:  # the guard has ended with its close
            pids.pop()
        begun += [psutil.Process(int(pid)) for pid in pids]
        assert all(map(alive, begun))
        parent.send_signal(how)
    if not then:
        _, among, _, guard = begun
        while alive(among) or alive(guard):
            time.sleep(0.01)
        begun = [begun[0], begun[2]]
    assert all(map(alive, begun))


def test_what_is_started_ends_where_nobody_hears_that_it_is_known(begun: list[psutil.Process]) -> None:
    """As where the process dies between its word and the guard's: here the one end of the pipe is closed before."""
    guard = orphans.Guard()
    below = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    begun.append(psutil.Process(below.pid))
    assert guard.process.stdin is not None
    assert guard.process.stdout is not None
    guard.process.stdout.close()
    guard.tell(orphans.STARTED)
    guard.process.stdin.close()
    guard.process.wait()
    assert below.wait() == -signal.SIGKILL
