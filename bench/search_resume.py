"""Kills a real `kshot search` with SIGKILL at random moments, gives the same command again each time, and compares.

    python bench/search_resume.py [--kills 10] [--model smollm2-135m] [--tasks coin-flip] [--methods edits] [--budget N]

The parent makes one uninterrupted search, then the same over again in another folder, where it kills the process while
it loads, searches, tests or writes, and starts it again with a batch drawn anew. Afterwards, between the two folders:
what every search tried and chose, the text of every answer and the records of the test must be equal, likelihoods to
three places: they hang on the batch that they were computed in. The last line is
one JSON object:

    kills        processes that were killed before they ended
    lost         searches, answers or records that are missing or different after the kills
    asked_twice  requests put to the model although a journal had answered them before the process started
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from kshot.harness.engines.transformers import load_engine
from kshot.harness.journal import request_key
from kshot.types import Engine, Request

sys.path.insert(0, str(Path(__file__).parent))
from kill_resume import BATCHES, answered, records

LOG = "KSHOT_BENCH_LOG"
COSTS = ("seconds", "cached_tokens")  # which hang on the batch


class Logged:
    """An engine that writes the key of every request it is given to a file."""

    def __init__(self, engine: Engine, log: Path) -> None:
        self.engine = engine
        self.log = log.open("a", encoding="utf-8", buffering=1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def submit(self, ticket: int, request: Request) -> None:
        self.log.write(request_key(self.engine.id, request) + "\n")
        self.engine.submit(ticket, request)


def logged(*, model: str = "smollm2-135m", rows: int = 16) -> Engine:
    """The engine of kshot's own, with a log of what it is asked."""
    return Logged(load_engine(model, rows=rows, template="plain"), Path(os.environ[LOG]))  # type: ignore[return-value]


def even(value: Any) -> Any:
    """A value without what hangs on the batch: costs, and likelihoods beyond three places."""
    if is_dataclass(value) and not isinstance(value, type):
        return even({each.name: getattr(value, each.name) for each in fields(value)})
    if isinstance(value, Mapping):
        return {key: even(inner) for key, inner in value.items() if key not in COSTS}
    if isinstance(value, list | tuple):
        return [even(inner) for inner in value]
    return round(value, 3) + 0.0 if isinstance(value, float) else value


def near(one: Any, other: Any) -> bool:
    """Whether two such values are the same; what fell on two sides of a rounding is."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) < 0.0021
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(near(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(near, one, other))
    return bool(one == other)


def found(folder: Path) -> Any:
    """What every search came to."""
    return even(json.loads((folder / "found.json").read_text(encoding="utf-8"))["searches"])


def answers(folder: Path) -> dict[str, str]:
    """All that has been answered, on the way and in the test."""
    return {**answered(folder / "search"), **answered(folder)}


def start(options: argparse.Namespace, folder: Path, batch: int, log: Path) -> subprocess.Popen[bytes]:
    """The command as a process of its own."""
    tasks = [word for task in options.tasks.split(",") for word in ("--task", task)]
    methods = [word for method in options.methods.split(",") for word in ("--method", method)]
    numbers = {"budget": options.budget, "validation": 8, "train": 12, "seeds": 1, "limit": 8, "proposals": 4}
    sizes = [word for name, value in numbers.items() for word in (f"--{name}", str(value))]
    engine = f"{Path(__file__).resolve()}:logged(model={options.model},rows={batch})"
    words = [*tasks, *methods, *sizes, "--engine", engine, "--runs", str(folder.parent), "--run", folder.name]
    environment = {**os.environ, LOG: str(log)}
    return subprocess.Popen(
        [sys.executable, "-m", "kshot", "search", *words], env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--tasks", default="coin-flip,word-pairs:relation=past")
    parser.add_argument("--budget", type=int, default=64, help="scorings of a search")
    parser.add_argument("--methods", default="edits,demos,ape")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the batches")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as place:
        whole, broken = Path(place) / "whole", Path(place) / "broken"
        began = time.perf_counter()
        if start(options, whole, 16, Path(place) / "whole.log").wait():
            raise SystemExit("the uninterrupted search failed")
        seconds = time.perf_counter() - began
        total = len(answers(whole))
        print(f"uninterrupted: {total} answers, {len(found(whole))} searches, {seconds:.0f} s", flush=True)
        kills = twice = 0
        while True:
            before = set(answers(broken))
            log, batch = Path(place) / f"{kills}.log", draw.choice(BATCHES)
            process = start(options, broken, batch, log)
            if kills < options.kills:
                moment = draw.uniform(0, seconds / 4)
                while process.poll() is None and not log.exists():  # its imports and the model's weights
                    time.sleep(0.02)
                    if draw.random() < 0.001:
                        break
                until = time.perf_counter() + moment
                while process.poll() is None and time.perf_counter() < until:
                    time.sleep(0.02)
                if process.poll() is None:
                    os.kill(process.pid, signal.SIGKILL)
            process.wait()
            asked = log.read_text().split() if log.exists() else []
            twice += sum(key in before for key in asked) + len(asked) - len(set(asked))
            if process.returncode == -signal.SIGKILL:
                kills += 1
                print(f"kill {kills}: batch {batch}, {len(before)} -> {len(answers(broken))} answers", flush=True)
                continue
            if process.returncode:
                raise SystemExit(f"a resumed search failed with exit code {process.returncode}")
            break
        old, new, texts, again = records(whole), records(broken), answers(whole), answers(broken)
        lost = sum(not near(even(new.get(key)), even(value)) for key, value in old.items()) + len(set(new) - set(old))
        lost += sum(again.get(key) != value for key, value in texts.items()) + len(set(again) - set(texts))
        lost += sum(not near(one, other) for one, other in zip(found(whole), found(broken), strict=True))
    print(json.dumps({"kills": kills, "lost": lost, "asked_twice": twice}))


if __name__ == "__main__":
    main()
