"""How long a run of many journaled generations takes to go through again, without a model.

    python bench/replay.py [--generations 100000]

A run is made with an engine that answers at once (`scripted`), self-consistency with 20 draws a sample among its
strategies; then the same programs go over its journal, as a resume and `kshot rescore` do: every request is looked up,
every answer read and scored again. The last line is one JSON object: generations, seconds (of the replay), a_second.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import rescore, run_benchmark

DRAWS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generations", type=int, default=100_000)
    options = parser.parse_args()
    samples = -(-options.generations // DRAWS)
    plan = Plan(("word-problems",), (f"self-consistency:base=chain-of-thought,n={DRAWS}",), limit=samples)
    loaded = load_plan(plan)
    engine = ScriptedEngine(
        lambda request: f"They had {request.seed % 7} and got 3. The answer is {request.seed % 90}."
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        began = time.perf_counter()
        progress = run_benchmark(loaded, engine, folder)
        print(f"made: {progress.asked:,} generations in {time.perf_counter() - began:.1f} s", flush=True)
        began = time.perf_counter()
        again = run_benchmark(loaded, engine, folder)
        seconds = time.perf_counter() - began
        if again.asked:
            raise SystemExit(f"the resume asked {again.asked} requests again")
        print(f"resumed: {again.replayed:,} generations read from the journal in {seconds:.1f} s", flush=True)
        began = time.perf_counter()
        count, changed = rescore(folder)
        print(f"rescored: {count:,} records, {changed} changed, in {time.perf_counter() - began:.1f} s")
        with Journal.read(folder) as journal:
            size = journal.path.stat().st_size
    print(f"journal: {size / 1e6:.0f} MB")
    row = {"generations": again.replayed, "seconds": round(seconds, 2), "a_second": round(again.replayed / seconds)}
    print(json.dumps(row))


if __name__ == "__main__":
    main()
