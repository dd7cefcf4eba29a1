"""Reads a CSV of 100,000 rows as a task, beside `datasets.load_dataset` on the same file.

    python bench/data.py [--rows 100000] [--repeats 3]

For answers that are numbers, few words, and words that differ in every row. kshot's seconds are those until every row
is a sample that a perfect reply is known to win; datasets' those until its rows are Python's, no cache being there.
The rows are held against each other. Prints the median of pairs, and one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ONSETS = ["b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "v", "w"]
RIMES = ["an", "el", "in", "or", "us", "ar", "et", "ol", "um", "id"]


def name(number: int) -> str:
    """A made-up name, another for every number."""
    sounds = []
    for _ in range(4):
        number, onset = divmod(number, len(ONSETS))
        sounds.append(ONSETS[onset] + RIMES[(onset * 7 + number) % len(RIMES)])
    return "".join(sounds).capitalize()


ANSWERS: dict[str, Callable[[int], str]] = {
    "numbers": lambda n: str(n * 7 % 10_007),
    "few words": lambda n: ["Paris", "Oslo", "Rome", "Bern"][n % 4],
    "numbered words": lambda n: f"item {n}",
    "names": name,
}


def write(path: Path, rows: int, answer: Callable[[int], str]) -> None:
    drawn = random.Random(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "topic", "answer"])
        for number in range(rows):
            question = f'What is "{number}", of {drawn.randrange(10**6)}, said in a line\nor in two of some length?'
            writer.writerow([question, f"topic {number % 50}", answer(number)])


def as_task(path: Path) -> list[tuple[str, str]]:
    from kshot.eval.tasks import get_task
    from kshot.types import Source

    samples = get_task(f"{path}:exemplars=0").load("test", Source())
    return [(sample.question, sample.target) for sample in samples]


def as_dataset(path: Path, cache: Path) -> list[tuple[str, str]]:
    import datasets

    found = datasets.load_dataset("csv", data_files=str(path), split="train", cache_dir=str(cache))
    return [(row["question"], str(row["answer"])) for row in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    import datasets

    import kshot.eval.tasks  # noqa: F401  both sides' imports are paid before

    datasets.disable_progress_bars()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, answer in ANSWERS.items():
            path, pairs = Path(folder) / "own.csv", []
            write(path, args.rows, answer)
            for repeat in range(args.repeats):
                began = time.perf_counter()
                ours = as_task(path)
                between = time.perf_counter()
                theirs = as_dataset(path, Path(folder) / f"cache-{kind}-{repeat}")
                ended = time.perf_counter()
                if ours != theirs:
                    raise SystemExit(f"{kind}: the rows differ")
                pairs.append((between - began, ended - between))
            mine, plain = (statistics.median(side) for side in zip(*pairs, strict=True))
            ratio = statistics.median(one / other for one, other in pairs)
            found[kind] = {"kshot": round(mine, 2), "datasets": round(plain, 2), "ratio": round(ratio, 2)}
            print(f"{kind:15} kshot {mine:5.2f} s, datasets {plain:5.2f} s, {ratio:.2f} times as long", flush=True)
    print(json.dumps({"rows": args.rows, **found}))


if __name__ == "__main__":
    main()
