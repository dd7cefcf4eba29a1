"""A model in fewer bits against itself in float32: time, right answers and equal ones, side by side in one process.

    python bench/quantized.py [--model smollm2-135m] [--questions 200] [--data DIR] [--kinds int8]

Two works: word pairs, 8-shot, greedy, and SST-2 by log-likelihood where the
data is at hand. Sides take turns, each time from nothing kept. The last line is one JSON object, by kind:

    ratio      seconds of float32 over seconds of this kind, each the least of --rounds
    cpu        the same of the processor's seconds, which a busy machine changes less
    accuracy   by work: this kind's and float32's, with float32's 95% interval (Wilson)
    equal      share of answers that are float32's own
    within     whether every accuracy lies in that interval; else the exit status is 1
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sides import parser, report

from kshot.eval.statistics import wilson
from kshot.harness.engines.transformers import load_engine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark


def run(engine: Any, task: str, strategy: str, options: Any, data: Path | None) -> tuple[Any, list[float], list[str]]:
    """((seconds, processor's seconds), scores, answers) of a task from nothing kept."""
    loaded = load_plan(Plan((task,), (strategy,), data, options.questions))
    engine.decoder.restart(engine.decoder.rows)
    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter(), time.process_time()
        run_benchmark(loaded, engine, Path(place) / "run")
        seconds = time.perf_counter() - began[0], time.process_time() - began[1]
        with Journal.read(Path(place) / "run") as journal:
            records = sorted(journal.records(), key=lambda record: record.sample_id)
            answers = [str(record.prediction.answer) for record in records]
    return seconds, [record.score.value for record in records], answers


def main() -> None:
    made = parser(__doc__, 200)
    made.add_argument("--kinds", default="int8", help="int8, nf4, bfloat16, several as int8+nf4")
    made.add_argument("--rounds", type=int, default=3)
    options = made.parse_args()
    data = options.data if options.data.is_dir() else None
    works = [("word-pairs", "few-shot:k=8")] + ([("sst2", "choice-logprob:k=4")] if data else [])
    kinds = ["float32", *options.kinds.split("+")]
    engines = {
        kind: load_engine(
            options.model,
            rows=options.batch,
            template="plain",
            dtype="bfloat16" if kind == "bfloat16" else "float32",
            quantize=kind if kind in ("int8", "nf4") else "none",
        )
        for kind in kinds
    }
    seconds: dict[tuple[str, str], tuple[float, ...]] = {}
    found: dict[tuple[str, str], tuple[list[float], list[str]]] = {}
    for _ in range(options.rounds):
        for task, strategy in works:
            for kind, engine in engines.items():
                took, scores, answers = run(engine, task, strategy, options, data)
                seconds[kind, task] = tuple(map(min, took, seconds.get((kind, task), took)))
                found[kind, task] = (scores, answers)
                right = sum(scores) / len(scores)
                print(f"{task}, {kind}: {took[0]:.1f} s, {took[1]:.1f} s of CPU, {right:.1%} right", flush=True)
    said: dict[str, Any] = {}
    for kind in kinds[1:]:
        shown, within = {}, True
        for task, _ in works:
            own, plain = found[kind, task][0], found["float32", task][0]
            interval = wilson(sum(plain), len(plain))
            within &= interval.low <= sum(own) / len(own) <= interval.high
            shown[task] = {
                "ratio": round(seconds["float32", task][0] / seconds[kind, task][0], 2),
                "cpu": round(seconds["float32", task][1] / seconds[kind, task][1], 2),
                "accuracy": [sum(own) / len(own), sum(plain) / len(plain), interval.low, interval.high],
                "equal": sum(map(str.__eq__, found[kind, task][1], found["float32", task][1])) / len(own),
            }
        said[kind] = {"within": within, **shown}
    report("quantized", options, {"kinds": said})
    sys.exit(not all(one["within"] for one in said.values()))


if __name__ == "__main__":
    main()
