"""Replicas as actors of Ray: where they run, what each gets of a machine, and how a death is told.

A Ray that is started here serves this process alone: it listens on the loopback address, asks for a token that
only this process and its children know, sends no statistics, shows no dashboard, and its files lie in a folder of
mode 0700 that is removed at the end. A cluster that is joined is as who runs it has set it up (docs/cluster.md,
docs/security.md).
"""

from __future__ import annotations

import gc
import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from kshot.harness.engines.replica import Answered, Event, Failed, Hello, Lost, Made, Replica, own_versions
from kshot.harness.engines.replicated import Ticketed
from kshot.types import UserError

PATIENCE = 300.0  # seconds that a cluster may take to find room for a replica; loading its model is not in it
REACH = 10.0  # seconds in which a cluster's address has to answer
TRIES = 3  # to start Ray: it gives its processes half a minute, which a busy machine may not
SHORT = 22  # characters of a folder in which Ray's sockets may lie: a socket's whole name has at most 107
STORE = 80 << 20  # bytes of shared memory for large values, the least that Ray takes: requests and answers are small
LOCAL = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # of a cluster at all: without it every port is on the loopback address
    "RAY_enable_worker_prestart": "0",  # every replica has a process of its own
    "RAY_prestart_worker_first_driver": "0",
    "RAY_worker_niceness": "0",  # Ray's own is 15: replicas would wait for everything else
    "RAY_AUTH_MODE": "token",
}
"""What a Ray that is started here is told by its environment, before it is imported."""


class Started:
    """The Ray of this process, of which there can be one: how many engines use it, and the folder where it is ours."""

    users = 0
    closed = False  # it was told to let nobody else in
    folder: Path | None = None
    address: str | None = None  # as it was asked for; None: none of ours is running


def join(address: str) -> Any:
    """Ray's module, started here or joined. Raises UserError where that address has none, or another is in use."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray's own warning asks for it
    if not address and "ray" not in sys.modules:  # it reads them when it is imported
        os.environ.update(LOCAL)
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        Started.closed = True
    import ray

    if not (address or Started.closed or ray.is_initialized()):
        warnings.warn(
            "ray was imported before kshot could tell it to stay on the loopback address and to ask for a token: "
            "whoever reaches this machine's ports may run code in it. Make the engine before ray is imported.",
            stacklevel=3,
        )

    if Started.users or not ray.is_initialized():
        if Started.users and address != Started.address:
            raise UserError(f"this process uses the Ray at {Started.address or 'this machine'} already; use it too.")
        if not Started.users:
            initialise(ray, address)
        Started.users += 1
    return ray


def initialise(ray: Any, address: str) -> None:
    """Starts a Ray of this process' own, or joins one. Raises UserError."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
    if address:
        try:
            reach(address)
            ray.init(address, **quiet)
        except (OSError, RuntimeError, ValueError) as error:
            said = " ".join(str(error).split())[:200]
            raise UserError(
                f"no Ray cluster can be joined at {address!r} ({said}); start one with `ray start --head`, or leave "
                "address out."
            ) from error
    else:
        start_here(ray, quiet)
    Started.address = address


def reach(address: str) -> None:
    """Raises OSError where nobody listens at HOST:PORT, which Ray would try for minutes; ValueError for a ray://."""
    host, colon, port = address.rpartition(":")
    if "//" in address:
        raise ValueError("Ray's client protocol is not taken: call kshot on a machine of the cluster")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH).close()


def start_here(ray: Any, quiet: dict[str, Any]) -> None:
    """Starts a Ray in a folder of its own. Raises UserError where that cannot be."""
    place = tempfile.gettempdir()
    for left in reversed(range(TRIES)):
        folder = Path(tempfile.mkdtemp(prefix="k-", dir=place if len(place) <= SHORT else "/tmp"))
        options = {"include_dashboard": False, "object_store_memory": STORE, **quiet}
        try:
            ray.init("local", _temp_dir=str(folder / "r"), **options)  # it lets everybody into this one
        except BaseException as error:
            kill_children(str(folder))
            ended(ray)
            shutil.rmtree(folder, ignore_errors=True)
            if not isinstance(error, Exception):
                raise
            if not left:
                said = " ".join(str(error).split())[:200]
                raise UserError(f"Ray could not be started here ({said}); see that the machine has room.") from error
            continue
        Started.folder = folder
        return


def kill_children(folder: str) -> None:
    """Ends what a Ray that did not come up has begun in a folder; by itself it would stay until our own end."""
    import psutil  # accelerate, which every engine with a model needs, brings it

    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if folder in " ".join(child.cmdline()):
                child.kill()
                child.wait()


def ended(ray: Any) -> None:
    """Ends Ray's processes, as it does not tell Python that it has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        ray.shutdown()
        gc.collect()


def leave(ray: Any) -> None:
    """Ends the Ray that was started here, or leaves the one that was joined, once nobody here uses it."""
    if not Started.users:  # it was there before us
        return
    Started.users -= 1
    if not Started.users:
        ended(ray)
        Started.address = None
        if Started.folder:
            shutil.rmtree(Started.folder, ignore_errors=True)
            Started.folder = None


class RayReplicas:
    """So many replicas of the engine of a specification, whose registration `modules` hold.

    `cpus` and `gpus` are each one's share, None an even one. Raises UserError where Ray cannot be had, or a cluster is
    too small.
    """

    def __init__(
        self,
        spec: str,
        modules: Sequence[str],
        count: int,
        *,
        address: str = "",
        cpus: float | None = None,
        gpus: float | None = None,
    ) -> None:
        self.spec = spec
        self.modules = list(modules)
        self.count = count
        self.folder = os.getcwd()
        self.actors: dict[int, Any] = {}
        self.pending: dict[Any, int] = {}  # what is waited for, by replica
        self.since: dict[int, float] = {}  # when a replica was asked for that has no place yet
        self.pids: dict[int, int] = {}
        self.ray = join(address)
        try:
            self.options, self.threads = self.shares(bool(address), cpus, gpus)
        except BaseException:
            self.close()
            raise
        self.actor = self.ray.remote(Replica)

    def shares(self, joined: bool, cpus: float | None, gpus: float | None) -> tuple[dict[str, Any], int]:
        """What Ray is to reserve for a replica, and its threads. Raises UserError where the machines lack it."""
        machines = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        cores = [machine.get("CPU", 0.0) for machine in machines]
        cards = [machine.get("GPU", 0.0) for machine in machines]
        if not joined:  # Ray's own count of cores may be that of the machine, and not of what we may use
            cores = [float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)]
        each_gpu = even(cards, self.count) if gpus is None else gpus
        each_cpu = max(1.0, even(cores, self.count)) if cpus is None else cpus
        for what, each, there in (("GPUs", each_gpu, cards), ("CPUs", each_cpu, cores)):
            if each and (joined or what == "GPUs") and places(there, each) < self.count:
                raise UserError(
                    f"{self.count} replicas of {each:g} {what} each do not fit: the machines have "
                    f"{' and '.join(f'{one:g}' for one in there)} {what}; ask for fewer replicas, or less for each."
                )
        # here nobody else asks for cores, and a second engine of this process must not wait for the first
        return {"num_cpus": each_cpu if joined else 0, "num_gpus": each_gpu, "max_restarts": 0}, int(each_cpu)

    def begin(self, at: int) -> None:
        """Asks for a replica, in place of the one that may have been there."""
        self.drop(at)
        self.actors[at] = self.actor.options(**self.options).remote()
        self.since[at] = time.monotonic()
        self.pending[self.actors[at].hello.remote(self.folder, self.threads)] = at

    def work(self, at: int, requests: Sequence[Ticketed]) -> None:
        """Sends a replica requests to a step."""
        self.pending[self.actors[at].work.remote(list(requests))] = at

    def wait(self) -> list[tuple[int, Event]]:
        """Waits for at least one event, and gives all there are."""
        events: list[tuple[int, Event]] = []
        while not events:
            left = min((PATIENCE + since - time.monotonic() for since in self.since.values()), default=None)
            ready, _ = self.ray.wait(list(self.pending), timeout=None if left is None else max(left, 0.0))
            if ready:
                ready, _ = self.ray.wait(list(self.pending), num_returns=len(self.pending), timeout=0)
            for reference in ready:
                at = self.pending.pop(reference)
                self.since.pop(at, None)
                said = self.event(reference)
                event = self.greet(at, said) if isinstance(said, Hello) else said
                if event is not None:
                    events.append((at, event))
            late = [at for at, since in self.since.items() if time.monotonic() - since > PATIENCE]
            for at in late:
                self.drop(at)
                room = ", ".join(f"{self.options[f'num_{what}']:g} {what}" for what in ("cpus", "gpus"))
                none = f"the cluster has had no room for replica {at + 1} ({room}) for {PATIENCE / 60:g} minutes"
                events.append((at, Failed(f"{none}: ask for fewer replicas, or wait until others are done.", True)))
        return events

    def event(self, reference: Any) -> Event | Hello:
        """What came of a call; a Lost where its replica is no more."""
        try:
            found: Made | Answered | Failed | Hello = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            said = str(error)
            if "ModuleNotFoundError" in said or "failed to import" in said:
                wanted = f"install {own_versions()} on every machine of the cluster"
                return Failed(
                    f"a machine of the cluster cannot import kshot: {wanted}, with what its engine needs.", True
                )
            return Lost(reason_of(error))
        return found

    def greet(self, at: int, hello: Hello) -> Failed | None:
        """A replica has its place: it is told to make its engine, if it is of our own version."""
        if hello.versions != own_versions():
            return Failed(
                f"replica {at + 1} on {hello.host} has {hello.versions}, and this is {own_versions()}: "
                "install the same on every machine of the cluster.",
                mistake=True,
            )
        self.pids[at] = hello.pid
        self.pending[self.actors[at].make.remote(self.spec, self.modules)] = at
        return None

    def drop(self, at: int) -> None:
        """Ends a replica, if there is one; nothing of it is waited for any more."""
        self.pending = {reference: other for reference, other in self.pending.items() if other != at}
        self.since.pop(at, None)
        actor = self.actors.pop(at, None)
        if actor is not None:
            self.ray.kill(actor)

    def close(self) -> None:
        """Ends all replicas, and the Ray that was started for them."""
        if self.ray is None:
            return
        for at in list(self.actors):
            self.drop(at)
        leave(self.ray)
        self.ray = None


def places(machines: Sequence[float], each: float) -> int:
    """How many replicas of that much fit into machines of so much."""
    return sum(int(machine / each + 1e-9) for machine in machines)


def even(machines: Sequence[float], count: int) -> float:
    """The most that every replica can have, in whole numbers; less than 1 where they must share one; 0: none is there.

    >>> even([8, 8], 3), even([2], 4), even([0], 2)
    (4.0, 0.5, 0.0)
    """
    for each in range(int(max(machines, default=0)), 0, -1):
        if places(machines, each) >= count:
            return float(each)
    whole = sum(map(int, machines))
    return 1 / -(-count // whole) if whole else 0.0


def reason_of(error: BaseException) -> str:
    """Why a replica is lost, in a few words, out of what Ray says in many."""
    said = " ".join(str(error).split())
    if "OutOfMemory" in type(error).__name__ or "out of memory" in said.lower() or "memory monitor" in said:
        return "its machine ran out of memory"
    if "node" in said and ("NodeDied" in type(error).__name__ or "node has died" in said or "node failure" in said):
        return "its machine was lost"
    return "its process died"
