"""Kills a run of a real model with SIGKILL at random moments, resumes it with another batch each time, and compares.

    python bench/kill_resume.py [--kills 20] [--grow] [--model smollm2-135m] [--limit 12] [--seed 0]

The parent makes one uninterrupted run, then the same run over again in another folder, where it kills the
worker at random moments (while it loads, while it decodes, while it writes) and starts it again with a batch
drawn anew. Afterwards, between the two folders: the records must be equal (prediction, score, calls) and so must
the text of every call. With --grow the run that is killed is one that grows: a task, two strategies and half of the
samples first, then another task, then all of it; a third of the kills fall into each. The last line is one JSON object:

    kills        workers that were killed before they ended
    lost         records or calls of the uninterrupted run that are missing or different after the kills
    asked_twice  requests put to the model although the journal had answered them before the worker started
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
from pathlib import Path

from kshot.harness.engines.transformers import load_engine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark

TASKS = ("coin-flip", "last-letters")
STRATEGIES = (
    "few-shot",
    "zero-shot-cot:max_new_tokens=48,answer_tokens=12",
    "self-consistency:base=chain-of-thought(max_new_tokens=48),n=6",
    "least-to-most:max_steps=3,plan_tokens=32,max_new_tokens=32",
)
BATCHES = (1, 3, 8, 16, 48)
PARTS = ((1, 2, 2), (2, 2, 2), (2, 4, 1))  # a run that grows: tasks, strategies, and what its limit is divided by
SPREAD = 6  # kills fall within the first so-manieth of an uninterrupted run's time after the weights are loaded


def work(folder: Path, model: str, limit: int, batch: int, log: Path, part: int) -> None:
    """One worker: runs or resumes, and writes the key of every request it puts to the model to the log."""
    tasks, strategies, share = PARTS[part]
    loaded = load_plan(Plan(TASKS[:tasks], STRATEGIES[:strategies], limit=limit // share))
    engine = load_engine(model, rows=batch, template="plain")
    with log.open("a", encoding="utf-8", buffering=1) as asked:
        run_benchmark(loaded, engine, folder, on_ask=lambda key: asked.write(key + "\n") and None)


def answered(folder: Path) -> dict[str, str]:
    """Request key -> text, of all that the journal holds."""
    if not (folder / "journal.sqlite").is_file():
        return {}
    try:
        with Journal.read(folder) as journal:
            return dict(journal.connection.execute("SELECT key, text FROM generations"))
    except Exception:  # killed before its tables were made
        return {}


def records(folder: Path) -> dict[tuple[object, ...], tuple[object, ...]]:
    """What must be equal: everything but the costs, which depend on the batch."""
    with Journal.read(folder) as journal:
        return {
            (r.task, r.strategy, r.sample_id, r.repeat): (r.prediction, r.score, r.calls, r.completion_tokens)
            for r in journal.records()
        }


def start(options: argparse.Namespace, folder: Path, batch: int, log: Path, part: int) -> subprocess.Popen[bytes]:
    """A worker as a process of its own."""
    args = ["--folder", str(folder), "--log", str(log), "--batch", str(batch), "--part", str(part)]
    args += ["--model", options.model, "--limit", str(options.limit)]
    return subprocess.Popen([sys.executable, __file__, *args])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--limit", type=int, default=12, help="samples a task")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the batches")
    parser.add_argument("--grow", action="store_true", help="kill a run that grows")
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        work(options.folder, options.model, options.limit, options.batch, options.log, options.part)
        return
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as place:
        whole, broken = Path(place) / "whole", Path(place) / "broken"
        began = time.perf_counter()
        if start(options, whole, 16, Path(place) / "whole.log", len(PARTS) - 1).wait():
            raise SystemExit("the uninterrupted run failed")
        seconds = time.perf_counter() - began
        total = len(answered(whole))
        print(f"uninterrupted: {total} requests, {len(records(whole))} records, {seconds:.0f} s", flush=True)
        kills = twice = asked_in_all = workers = 0
        part = 0 if options.grow else len(PARTS) - 1
        while part < len(PARTS):
            before = set(answered(broken))
            workers += 1
            log, batch = Path(place) / f"{workers}.log", draw.choice(BATCHES)
            worker = start(options, broken, batch, log, part)
            if kills < (options.kills * (part + 1) // len(PARTS) if options.grow else options.kills):
                moment = draw.uniform(0, seconds / SPREAD)
                while worker.poll() is None and not log.exists():  # its imports and the model's weights
                    time.sleep(0.01)
                    if draw.random() < 0.001:
                        break
                time.sleep(moment)
                if worker.poll() is None:
                    os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
            asked = log.read_text().split() if log.exists() else []
            twice += sum(key in before for key in asked) + len(asked) - len(set(asked))
            asked_in_all += len(asked)
            if worker.returncode == -signal.SIGKILL:
                kills += 1
                print(f"kill {kills}: batch {batch}, {len(before)} -> {len(answered(broken))} answered", flush=True)
                continue
            if worker.returncode:
                raise SystemExit(f"a resumed run failed with exit code {worker.returncode}")
            part += 1
        old, new = records(whole), records(broken)
        texts, again = answered(whole), answered(broken)
        lost = sum(new.get(key) != value for key, value in old.items()) + len(set(new) - set(old))
        lost += sum(again.get(key) != value for key, value in texts.items())
        for key in texts:
            if again.get(key) != texts[key]:
                with Journal.read(whole) as journal:
                    request = journal.call(key)[0]
                print(f"differs: {request.params}, seed {request.seed}: {texts[key]!r} | {again.get(key)!r}")
    print(f"{asked_in_all} requests put to the model over all workers, for {total} answers that were needed")
    print(json.dumps({"kills": kills, "lost": lost, "asked_twice": twice}))


if __name__ == "__main__":
    main()
