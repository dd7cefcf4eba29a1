"""Simulates how good the best of many equal prompts looks, and what the out-of-bag estimate makes of it.

    python docs/build/search_bias.py [--runs 400] [--seed 0]

Candidates are all right on 70% of samples, independently. Of each row so many searches are simulated; the table between
the marks of docs/prompt-search.md is written anew. `halving` gives up the worse half of the candidates on 16 and on 32
samples, as searches here do. `edits` makes each candidate of the best so far by changing a quarter of its answers at
random, so that all have the same true accuracy and the search has followed its samples. The last line is one JSON
object: by row the naive and the corrected error, in points.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

from kshot.eval.selection_bias import selection_bias

PAGE = Path(__file__).parent.parent / "prompt-search.md"
BEGIN, END = "<!-- bias -->", "<!-- /bias -->"
TRUE = 0.7
Matrix = list[list[float]]


def whole(draw: random.Random, count: int, n: int) -> Matrix:
    """All candidates on all samples."""
    return [[float(draw.random() < TRUE) for _ in range(n)] for _ in range(count)]


def halving(draw: random.Random, count: int, n: int) -> Matrix:
    """The better half goes on from 16 samples, and from 32."""
    table = whole(draw, count, n)
    left = list(range(count))
    kept = [n] * count
    for upto in (16, 32):
        if upto >= n:
            break
        left.sort(key=lambda at: -fmean(table[at][:upto]))
        half = math.ceil(len(left) / 2)
        for at in left[half:]:
            kept[at] = upto
        left = left[:half]
    return [row[:upto] for row, upto in zip(table, kept, strict=True)]


def edits(draw: random.Random, count: int, n: int) -> Matrix:
    """Each candidate is the best so far with a quarter of its answers drawn anew."""
    table = whole(draw, 1, n)
    while len(table) < count:
        best = max(table, key=fmean)
        table.append([float(draw.random() < TRUE) if draw.random() < 0.25 else value for value in best])
    return table


ROWS: tuple[tuple[str, Callable[[random.Random, int, int], Matrix], int, int], ...] = (
    ("all on all", whole, 30, 32), ("all on all", whole, 90, 16), ("all on all", whole, 30, 64),
    ("all on all", whole, 90, 64), ("all on all", whole, 30, 200), ("halving", halving, 30, 64),
    ("halving", halving, 64, 64), ("edits of the best", edits, 30, 64), ("edits of the best", edits, 30, 200),
)  # fmt: skip


def main() -> None:
    """Simulates, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    lines = [
        "| how candidates come and go | N | n | validation score of the winner | out-of-bag | truth |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    said = {}
    for name, make, count, n in ROWS:
        draw = random.Random(f"{options.seed} {name} {count} {n}")
        found = [selection_bias(make(draw, count, n), resamples=400, seed=at) for at in range(options.runs)]
        naive, corrected = (
            100 * fmean(values) for values in zip(*((f.naive, f.out_of_bag) for f in found), strict=True)
        )
        lines.append(f"| {name} | {count} | {n} | {naive:.1f}% | {corrected:.1f}% | {100 * TRUE:.0f}% |")
        said[f"{name}, {count}, {n}"] = [round(naive - 100 * TRUE, 1), round(corrected - 100 * TRUE, 1)]
        print(lines[-1], flush=True)
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    told = f"Means over {options.runs} simulated searches a row."
    PAGE.write_text(
        "".join([before, BEGIN, "\n", *(f"{line}\n" for line in lines), f"\n{told}\n", END, after]), encoding="utf-8"
    )
    print(json.dumps(said))


if __name__ == "__main__":
    main()
