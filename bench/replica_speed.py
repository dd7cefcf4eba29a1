"""What two replicas of a CPU's engine gain over one, and what it is worth to send requests where their prefix is.

    python bench/replica_speed.py [--model smollm2-135m] [--limit 8]

The same plan three times, each in a run of its own: one engine with all cores; two replicas with half of them each,
routed by prefix; the same in turn. Models are loaded before the clock starts. Texts are compared. The last line is one
JSON object: seconds of each, and the share of the prompts' tokens whose keys and values were at hand. Skips, with a
JSON line that says so, where ray is not installed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from kshot.harness.engines import get_engine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark
from kshot.spec import nested, write_spec

TASKS = ("coin-flip", "last-letters", "word-pairs")
STRATEGIES = (
    "few-shot:k=8",
    "few-shot:k=8,order=shuffled",
    "self-consistency:base=few-shot(k=8),n=6",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--limit", type=int, default=8, help="samples a task")
    options = parser.parse_args()
    if find_spec("ray") is None:
        print(json.dumps({"skipped": "ray is not installed: pip install 'kshot[ray]'"}))
        sys.exit(0)
    loaded = load_plan(Plan(TASKS, STRATEGIES, limit=options.limit))
    inner = write_spec("transformers", {"model": options.model, "template": "plain", "batch": "16"})
    within = {"engine": nested(inner), "replicas": 2}
    specs = {
        "one": inner,
        "prefix": write_spec("ray", within),
        "round_robin": write_spec("ray", {**within, "route": "round-robin"}),
    }
    told: dict[str, float] = {}
    texts: dict[str, dict[str, str]] = {}
    for name, spec in specs.items():
        engine = get_engine(spec)
        with tempfile.TemporaryDirectory() as place:
            began = time.perf_counter()
            run_benchmark(loaded, engine, Path(place))
            told[f"{name}_seconds"] = round(time.perf_counter() - began, 1)
            engine.close()
            with Journal.read(Path(place)) as journal:
                texts[name] = dict(journal.connection.execute("SELECT key, text FROM generations"))
                counted = "SELECT sum(cached_tokens), sum(prompt_tokens) FROM generations"
                cached, prompt = journal.connection.execute(counted).fetchone()
        told[f"{name}_cached"] = round(cached / prompt, 4)
        print(
            f"{name}: {told[f'{name}_seconds']} s, {len(texts[name])} requests, {prompt} prompt tokens, {cached} cached"
        )
    told["differ"] = sum(other.get(key) != text for other in texts.values() for key, text in texts["one"].items())
    told["load_average"] = round(os.getloadavg()[0], 1)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
