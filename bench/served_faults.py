"""Kills kshot with SIGKILL in the middle of a served run, again and again, while the server fails as servers do.

    python bench/served_faults.py [--kills 20] [--limit 12] [--faults 0.2] [--seed 0]

The server drops connections, cuts answers off, answers 429, 5xx and what is no answer, stalls, and is stopped and
started again on its port. First an undisturbed run; then the same over again with all that, each worker killed at a
random moment and started anew until one comes to its end. Then ten kills of a Ray replica (replica_faults.py) where Ray
is installed. The last line is one JSON object:

    kills, restarts, faults   how often kshot was killed, the server started again, a request went wrong
    lost                      records or answers of the undisturbed run that are missing or other after all that
    asked_twice               requests that came to the server after their answer was in the journal: when their
                              worker started, or by what the worker itself had been given back until then
    replicas                  what replica_faults.py found, or why it was not run
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import random
import signal
import tempfile
import threading
import time
import warnings
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from faulty_server import Failure, FaultyServer, ScriptedModel, named, none, now_and_then
from kill_resume import STRATEGIES, TASKS, answered, records

from kshot.harness.engines import get_engine
from kshot.harness.engines.served.dialects import UNKNOWN
from kshot.harness.engines.served.wording import CallWording
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark
from kshot.types import Generation, Request

WORKERS = multiprocessing.get_context("forkserver")
WORKERS.set_forkserver_preload(["kshot.harness.runs.run", "kshot.prompts.strategies", "kshot.eval.tasks", "openai"])
WORDING = CallWording(UNKNOWN, "scripted", stops=4)


def name_of(request: Request) -> str:
    """A request's name as the server has it."""
    return named(WORDING.body(request.prompt, request, "max_tokens", 1 << 30)[1])


class Watched:
    """An engine that writes down when it gave which answer back."""

    def __init__(self, engine: Any, log: Any) -> None:
        self.engine, self.log = engine, log
        self.id, self.chat, self.capacity = engine.id, engine.chat, engine.capacity
        self.names: dict[int, str] = {}

    def submit(self, ticket: int, request: Request) -> None:
        self.names[ticket] = name_of(request)
        self.engine.submit(ticket, request)

    def collect(self) -> list[tuple[int, Generation]]:
        found: list[tuple[int, Generation]] = self.engine.collect()
        for ticket, _ in found:
            self.log.write(json.dumps([time.time(), self.names[ticket]]) + "\n")
        return found

    def close(self) -> None:
        self.engine.close()


def work(folder: Path, url: str, limit: int, log: Path) -> None:
    """One worker: runs or resumes."""
    warnings.simplefilter("ignore")  # of every wait
    loaded = load_plan(Plan(TASKS, STRATEGIES, limit=limit))
    engine = get_engine(f"openai:base_url={url},chat=no,concurrency=16,timeout=1,patience=120")
    with log.open("a", encoding="utf-8", buffering=1) as given:
        run_benchmark(loaded, Watched(engine, given), folder)
    engine.close()


def journaled(folder: Path) -> set[str]:
    """The names, as the server has them, of the requests that the journal holds answers to."""
    if not answered(folder):
        return set()
    with Journal.read(folder) as journal:
        return {name_of(request) for _, request, _ in journal.calls()}


def start(options: argparse.Namespace, folder: Path, url: str) -> ForkServerProcess:
    """A worker as a process of its own, forked off one that has imported all it needs."""
    worker = WORKERS.Process(target=work, args=(folder, url, options.limit, Path(f"{folder}.log")))
    worker.start()
    return worker


def repeated(events: list[Any], before: set[str], log: Path) -> int:
    """Requests that came although their answer was in the journal before, or had been given back earlier."""
    given = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("]")] if log.exists() else []
    when = {name: at for at, name in given}
    came = [event for event in events if not event.answered]
    return sum(event.name in before or event.at > when.get(event.name, event.at) for event in came)


def restarting(server: FaultyServer, draw: random.Random, over: threading.Event, count: list[int]) -> None:
    """Stops the server and starts it again on its port, now and then."""
    while not over.wait(draw.uniform(2, 5)):
        server.stop()
        over.wait(draw.uniform(0.2, 1.0))
        server.start()
        count[0] += 1


def replicas(kills: int) -> Any:
    """What kills of a Ray replica came to, where Ray is installed."""
    if importlib.util.find_spec("ray") is None:
        return "not run: Ray is not installed"
    try:
        from replica_faults import replica_kills
    except ImportError as error:
        return f"not run: {error}"
    return replica_kills(kills)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--limit", type=int, default=12, help="samples a task")
    parser.add_argument("--faults", type=float, default=0.2, help="share of requests that go wrong")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replica-kills", type=int, default=10)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    wrong = [0]
    faults = now_and_then(options.faults, options.seed)

    def counted(number: int, path: str, body: dict[str, Any]) -> Failure | None:
        failure = faults(number, path, body)
        wrong[0] += failure is not None
        return failure

    over, restarts = threading.Event(), [0]
    with tempfile.TemporaryDirectory() as place, FaultyServer(ScriptedModel(service=0.05)) as server:
        whole, broken = Path(place) / "whole", Path(place) / "broken"
        server.faults = none
        first = start(options, whole, server.url)
        first.join()
        if first.exitcode:
            raise SystemExit("the undisturbed run failed")
        total = len(answered(whole))
        print(f"undisturbed: {total} requests, {len(records(whole))} records", flush=True)
        server.faults = counted
        disturber = threading.Thread(target=restarting, args=(server, draw, over, restarts))
        disturber.start()
        kills = twice = 0
        while True:
            before = journaled(broken)
            begun = len(server.events)
            worker = start(options, broken, server.url)
            if kills < options.kills:
                goal = begun + draw.randrange(1, max(2, 2 * total // options.kills))  # events from its start on
                while worker.is_alive() and len(server.events) < goal:
                    time.sleep(0.002)
                worker.kill()
            worker.join()
            twice += repeated(server.events[begun:], before, Path(f"{broken}.log"))
            if worker.exitcode == -signal.SIGKILL:
                kills += 1
                print(f"kill {kills}: {len(before)} -> {len(answered(broken))} of {total} answered", flush=True)
                continue
            if worker.exitcode:
                raise SystemExit(f"a resumed run failed with exit code {worker.exitcode}")
            break
        over.set()
        disturber.join()
        old, new = records(whole), records(broken)
        texts, again = answered(whole), answered(broken)
        lost = sum(new.get(key) != value for key, value in old.items()) + len(set(new) - set(old))
        lost += sum(again.get(key) != value for key, value in texts.items())
    found = {"kills": kills, "restarts": restarts[0], "faults": wrong[0], "requests": total, "lost": lost}
    print(json.dumps({**found, "asked_twice": twice, "replicas": replicas(options.replica_kills)}))


if __name__ == "__main__":
    main()
