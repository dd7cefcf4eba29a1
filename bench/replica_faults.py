"""Kills replicas of the engine `ray` with SIGKILL while a run is at work, and compares with an undisturbed run.

    python bench/replica_faults.py [--kills 10] [--model smollm2-135m] [--limit 16] [--seed 0]

One engine answers the plan alone; then two replicas of it do, and at moments drawn at random (by the number of answers
that have come in, and a while after) one of their processes is killed, a replica that is just being started again
among them. The run goes on by itself: nothing is started again from outside. The last line is one JSON object:

    kills           replicas that were killed while the run was at work
    seen            deaths that the engine noticed and mended
    lost            records, or texts of calls, that are missing or different from the undisturbed run, ties apart
    ties            texts that part from it where two tokens are as close as rounding, each printed with how close
    answered_twice  answers that came in for a request that had one
    asked_again     requests that dead replicas had, which were asked again

Texts may part where two tokens tie within rounding, since a death changes which requests share a batch
(bench/parting.py); a record that hangs on such a text is not counted as lost. Skips, with a JSON line that says so,
where ray is not installed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kill_resume import STRATEGIES, TASKS, answered, records
from parting import parting

from kshot.harness.engines import get_engine
from kshot.harness.journal import request_key
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark
from kshot.spec import nested, write_spec
from kshot.types import Generation, Request

AGAIN = re.compile(r"its (\d+) requests are asked again")


class Killer:
    """Kills one of an engine's replicas when so many answers have come in, a random while after."""

    def __init__(self, engine: Any, kills: int, total: int, draw: random.Random) -> None:
        self.engine, self.draw = engine, draw
        self.collected = engine.collect
        self.moments = sorted(draw.sample(range(total * 9 // 10), kills))
        self.answers = self.kills = self.twice = 0
        self.seen: set[int] = set()
        self.timers: list[threading.Timer] = []
        engine.collect = self.collect

    def collect(self) -> list[tuple[int, Generation]]:
        done: list[tuple[int, Generation]] = self.collected()
        for ticket, _ in done:
            self.twice += ticket in self.seen
            self.seen.add(ticket)
        self.answers += len(done)
        while self.moments and self.moments[0] <= self.answers:
            self.moments.pop(0)
            self.timers.append(threading.Timer(self.draw.uniform(0, 0.5), self.kill))
            self.timers[-1].start()
        return done

    def kill(self) -> None:
        """One that lives; where none does, the next one that comes."""
        while True:
            for at in self.draw.sample(range(2), 2):
                pid = self.engine.replicas.pids.get(at)
                try:
                    os.kill(pid, signal.SIGKILL)
                except (ProcessLookupError, TypeError):
                    continue
                self.kills += 1
                return
            time.sleep(0.05)


def noting(engine: Any) -> dict[str, Request]:
    """What an engine is asked from here on, by journal key."""
    asked: dict[str, Request] = {}
    submit = engine.submit

    def noted(ticket: int, request: Request) -> None:
        asked[request_key(engine.id, request)] = request
        submit(ticket, request)

    engine.submit = noted
    return asked


def tied(engine: Any, request: Request, ours: str, theirs: str) -> bool:
    """Whether two texts part at a tie; says where and how close it is."""
    found = parting(engine, request, ours, theirs)
    print(f"token {found.at} {'ties' if found.tie else 'differs'}, {found.gap:.1e} apart: {ours!r} | {theirs!r}")
    return found.tie


def replica_kills(kills: int = 10, model: str = "smollm2-135m", limit: int = 16, seed: int = 0) -> dict[str, Any]:
    """The run alone and the run with kills, compared; the numbers of the last line."""
    loaded = load_plan(Plan(TASKS, STRATEGIES, limit=limit))
    inner = write_spec("transformers", {"model": model, "template": "plain", "batch": "16"})
    with tempfile.TemporaryDirectory() as place:
        whole, broken = Path(place) / "whole", Path(place) / "broken"
        began = time.perf_counter()
        alone: Any = get_engine(inner)
        requests = noting(alone)
        run_benchmark(loaded, alone, whole)
        old, texts = records(whole), answered(whole)
        print(
            f"undisturbed: {len(texts)} requests, {len(old)} records, {time.perf_counter() - began:.0f} s",
            flush=True,
        )
        began = time.perf_counter()
        engine: Any = get_engine(write_spec("ray", {"engine": nested(inner), "replicas": 2}))
        killer = Killer(engine, kills, len(texts), random.Random(seed))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            run_benchmark(loaded, engine, broken)
        for timer in killer.timers:
            timer.cancel()
        engine.close()
        said = [str(one.message) for one in caught if "was lost" in str(one.message)]
        print("\n".join(said))
        again, new = records(broken), answered(broken)
        print(f"{killer.kills} kills: {len(new)} requests, {len(again)} records, {time.perf_counter() - began:.0f} s")
    different = [key for key in texts if new.get(key) != texts[key]]
    ties = {
        key
        for key in different
        if key in new and tied(alone, requests[key], json.loads(texts[key]), json.loads(new[key]))
    }
    alone.close()
    lost = sum(again.get(key) != value for key, value in old.items() if not ties & set(value[2]))
    lost += len(set(again) - set(old))
    return {
        "kills": killer.kills,
        "seen": len(said),
        "lost": lost + len(set(different) - ties),
        "ties": len(ties),
        "answered_twice": killer.twice + killer.answers - len(new),
        "asked_again": sum(int(found[1]) for text in said if (found := AGAIN.search(text))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--limit", type=int, default=16, help="samples a task")
    parser.add_argument("--seed", type=int, default=0, help="of the moments, and of which is killed")
    options = parser.parse_args()
    if find_spec("ray") is None:
        print(json.dumps({"skipped": "ray is not installed: pip install 'kshot[ray]'"}))
        sys.exit(0)
    print(json.dumps(replica_kills(options.kills, options.model, options.limit, options.seed)))


if __name__ == "__main__":
    main()
