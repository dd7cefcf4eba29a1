"""Do the intervals and tests of reports do what they say? By simulation, over sizes and rates.

    python bench/coverage.py [--runs 2000] [--out coverage.png]

For every n and accuracy: how often Wilson's and Clopper-Pearson's 95% intervals hold the true accuracy; how often the
paired bootstrap interval holds the true difference; how often exact McNemar rejects at 5% where there is no
difference; the same for clustered samples with clusters named and not. Draws a figure; the last line is one JSON
object with the extremes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from kshot.eval.statistics import clopper_pearson, mcnemar_exact, mean_interval, paired, wilson

SIZES = (20, 50, 100, 200, 500)
RATES = (0.02, 0.1, 0.3, 0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("coverage.png"))
    options = parser.parse_args()
    rng, runs = np.random.default_rng(0), options.runs
    table: dict[str, dict[int, list[float]]] = {}

    def note(name: str, n: int, value: float) -> None:
        table.setdefault(name, {}).setdefault(n, []).append(value)

    for n in SIZES:
        for rate in RATES:
            right = rng.binomial(n, rate, runs)
            for name, interval in (("Wilson", wilson), ("Clopper-Pearson", clopper_pearson)):
                held = {int(k): rate in interval(int(k), n) for k in np.unique(right)}
                note(name, n, float(np.mean([held[int(k)] for k in right])))
            # two strategies of one accuracy, right together half the time more often than by chance
            shared = rng.random((runs, n)) < 0.5
            first, second = rng.random((runs, n)) < rate, rng.random((runs, n)) < rate
            second = np.where(shared, first, second)
            won, lost = (first & ~second).sum(1), (second & ~first).sum(1)
            rejected = [mcnemar_exact(int(b), int(c)) < 0.05 for b, c in zip(won, lost, strict=True)]
            note("McNemar rejects", n, float(np.mean(rejected)))
            few = range(min(runs, 400))
            held_ = [
                0.0 in paired(first[i].astype(float), second[i].astype(float), draws=1000, seed=i).interval for i in few
            ]
            note("paired bootstrap", n, float(np.mean(held_)))
        # clusters of five that stand and fall together
        level = np.repeat(rng.random((runs, n // 5)) < 0.5, 5, axis=1)
        alike = np.where(rng.random(level.shape) < 0.7, level, rng.random(level.shape) < 0.5).astype(float)
        clusters = np.repeat(np.arange(n // 5), 5).tolist()
        few = range(min(runs, 1000))
        note("clusters named", n, float(np.mean([0.5 in mean_interval(alike[i], clusters=clusters) for i in few])))
        note("clusters ignored", n, float(np.mean([0.5 in mean_interval(alike[i]) for i in few])))
        print(n, {name: [round(v, 3) for v in by[n]] for name, by in table.items()}, flush=True)
    draw(table, options.out)
    extremes = {name: [min(map(min, by.values())), max(map(max, by.values()))] for name, by in table.items()}
    print(json.dumps({"runs": runs, **{name: [round(v, 3) for v in ends] for name, ends in extremes.items()}}))


def draw(table: dict[str, dict[int, list[float]]], out: Path) -> None:
    """Coverage against the number of samples, a line a method, a band over the accuracies."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    colours = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00")
    names = [name for name in table if name != "McNemar rejects"]
    for name, colour, marker in zip(names, colours, "os^Dv", strict=True):
        sizes = list(table[name])
        middle = [float(np.mean(table[name][n])) for n in sizes]
        left.plot(sizes, middle, marker=marker, color=colour, label=name)
        left.fill_between(sizes, [min(table[name][n]) for n in sizes], [max(table[name][n]) for n in sizes],
                          color=colour, alpha=0.15, linewidth=0)  # fmt: skip
    left.axhline(0.95, color="grey", linewidth=1)
    left.set(xlabel="samples", ylabel="share of intervals that hold the truth", xscale="log", ylim=(0.5, 1.01))
    left.legend(frameon=False, fontsize=8)
    by = table["McNemar rejects"]
    right.plot(list(by), [max(values) for values in by.values()], "o-", color=colours[0], label="most, over accuracies")
    right.axhline(0.05, color="grey", linewidth=1)
    right.set(xlabel="samples", ylabel="exact McNemar rejects a true null", xscale="log", ylim=(0, 0.06))
    right.legend(frameon=False, fontsize=8)
    for axes in (left, right):
        axes.set_xticks(SIZES, [str(n) for n in SIZES])
        axes.set_xticks([], minor=True)
        axes.grid(alpha=0.3)
    figure.savefig(out, dpi=150)


if __name__ == "__main__":
    main()
