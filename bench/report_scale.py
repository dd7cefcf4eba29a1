"""What a report of a large run takes: seconds, size on disk, memory, and a served page's answer.

    python bench/report_scale.py [--records 100000]

A run of generated word problems under five strategies, made with an engine that answers at once (`scripted`) and wrote
a few hundred characters each time. The report is made by the command `kshot report`, in a process of its own. The
server is asked for pages under several filters, after a first page that makes the summary. The last line is one JSON
object:

    report_s, report_mb   `kshot report`: seconds in all, megabytes of report.html
    report_peak_mb        its largest resident memory
    first_page_s          kshot view's first page, which makes the summary
    page_s                the slowest of its filtered pages without a search
    search_s              the slowest search through all prompts, completions, questions and answers
    page_growth_mb        resident memory after 60 pages less that after 10
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from starlette.testclient import TestClient

from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark
from kshot.harness.runs.view.server import make_app
from kshot.types import Request

STRATEGIES = ("zero-shot", "instruction", "few-shot:k=2", "few-shot:k=4", "chain-of-thought:k=4")
FILTERS = ("", "strategy=zero-shot", "outcome=wrong", "strategy=zero-shot&other=instruction&versus=won", "from=90000")
SEARCHES = ("text=answer+is+17", "text=nowhere+to+be+found", "text=apples&outcome=right")


def reply(request: Request) -> str:
    """A chain that ends in a number which depends on the prompt."""
    number = sum(map(ord, request.prompt[-1].content[-60:])) % 40  # type: ignore[union-attr]
    return f"{'They had some and got some more. ' * 10}The answer is {number}."


def resident() -> float:
    """Megabytes of memory that this process holds now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    options = parser.parse_args()
    plan = Plan(("word-problems",), STRATEGIES, limit=-(-options.records // len(STRATEGIES)))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        began = time.perf_counter()
        loaded = load_plan(plan)
        run_benchmark(loaded, ScriptedEngine(reply), folder)
        print(f"made: {loaded.total:,} records in {time.perf_counter() - began:.1f} s", flush=True)
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "kshot", "report", str(folder)], check=True, stdout=subprocess.DEVNULL)
        report_s = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
        size = (folder / "report.html").stat().st_size / 1e6
        print(f"kshot report: {report_s:.1f} s, {size:.1f} MB, {peak:.0f} MB of memory at most", flush=True)
        row = {
            "records": loaded.total, "report_s": round(report_s, 1), "report_mb": round(size, 1),
            "report_peak_mb": round(peak), **served(folder),
        }  # fmt: skip
    print(json.dumps(row))


def served(folder: Path) -> dict[str, float]:
    """What pages of `kshot view` take."""
    client = TestClient(make_app([folder], "t"), base_url="http://127.0.0.1")

    def ask(query: str) -> float:
        began = time.perf_counter()
        answer = client.get(f"/t/run/0/?{query}")
        answer.raise_for_status()
        return time.perf_counter() - began

    first = ask("")
    print(f"first page: {first:.1f} s", flush=True)
    slow = {query: max(ask(query) for _ in range(3)) for query in (*FILTERS, *SEARCHES)}
    for query, seconds in slow.items():
        print(f"  {query or 'no filter'}: {seconds:.3f} s", flush=True)
    ask("")
    before = resident()
    for number in range(50):
        ask(f"from={number * 997}")
    growth = resident() - before
    return {
        "first_page_s": round(first, 1), "page_s": round(max(slow[query] for query in FILTERS), 3),
        "search_s": round(max(slow[query] for query in SEARCHES), 3), "page_growth_mb": round(growth, 1),
    }  # fmt: skip


if __name__ == "__main__":
    main()
