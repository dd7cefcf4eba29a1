"""How near are quantiles over many forms that come of a few cells to those of the whole grid?

    python bench/many_forms.py [--grids 10] [--forms 100] [--samples 100] [--run runs/GRID]

Of simulated grids (a quality of each form from features and chance, a difficulty of each sample), or of a run that
asked every form every sample: cells are drawn balanced, and quantiles of forms are estimated from these alone: by the
forms' bare means, by the model, and by the model with features (of a run, with what the forms' names have in common).
Prints mean absolute errors in points and how often intervals held; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from kshot.eval.many_forms import QUANTILES, balanced_cells, distribution, one_hot

Grid = tuple[np.ndarray, Sequence[Sequence[float]] | None]


def simulated(count: int, forms: int, samples: int) -> Iterator[Grid]:
    """Grids whose forms are told apart by their features, and by themselves a little less."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        names = [[f"t{rng.integers(4)}", f"s{rng.integers(6)}", f"c{rng.integers(4)}"] for _ in range(forms)]
        features = one_hot(names)
        quality = 0.8 + np.asarray(features) @ rng.normal(0, 0.6, len(features[0])) + rng.normal(0, 0.5, forms)
        chances = 1 / (1 + np.exp(-(quality[:, None] + rng.normal(0, 1.5, samples)[None])))
        yield (rng.uniform(size=(forms, samples)) < chances).astype(float), features


def measured(folder: Path) -> Grid:
    """The largest whole grid of a run: forms that were asked every sample."""
    from kshot.eval.report.prompting.forms import variations
    from kshot.eval.report.prompting.measures import measured
    from kshot.eval.report.prompting.over_forms import features_of
    from kshot.harness.runs.read import read_run

    run, journal = read_run(folder)
    with journal:
        found = max(variations(list(measured(run).values()), run), key=lambda one: len(one.points))
    asked = list(dict.fromkeys(key for _, measure in found.points for key in measure.scores))
    points = [(name, m.scores) for name, m in found.points if len(m.scores) == len(asked)]
    table = np.array([[scores[key] for key in asked] for _, scores in points])
    return table, features_of([name for name, _ in points])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grids", type=int, default=10)
    parser.add_argument("--forms", type=int, default=100)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--each", type=int, nargs="+", default=[2, 4, 8], help="samples a form")
    parser.add_argument("--run", type=Path)
    options = parser.parse_args()
    if options.run:
        whole = measured(options.run)
        grids = [whole] * options.grids  # other cells each time
        print(f"{len(whole[0])} forms, {len(whole[0][0])} samples: {quantiles(whole[0]).round(1).tolist()}")
    else:
        grids = list(simulated(options.grids, options.forms, options.samples))
    found = {each: errors(grids, each, options.draws) for each in options.each}
    for each, (distances, held) in found.items():
        for name, error in distances.items():
            kept = "" if name not in held else f"   intervals hold {held[name]:.0%}"
            print(f"{each} samples a form, {name:>13}: {'  '.join(f'{e:5.1f}' for e in error)}{kept}")
    print(json.dumps({each: {"errors": d, "held": h} for each, (d, h) in found.items()}))


def errors(grids: Sequence[Grid], each: int, draws: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Mean absolute errors of the quantiles in points by method, and the share of quantiles that intervals hold."""
    distances: dict[str, list[np.ndarray]] = {}
    held: dict[str, list[bool]] = {}
    for seed, (scores, features) in enumerate(grids):
        truth = quantiles(scores)
        seen = balanced_cells(*scores.shape, each * len(scores), seed=seed)
        table = np.where(seen, scores, np.nan)
        distances.setdefault("bare means", []).append(np.abs(quantiles(table) - truth))
        for name, given in (("model", None), ("with features", features)):
            if name == "model" or given is not None:
                found = distribution(table.tolist(), given, draws=draws)
                values = [100 * found.quantiles[q][0] for q in QUANTILES]
                distances.setdefault(name, []).append(np.abs(np.array(values) - truth))
                inside = [at / 100 in found.quantiles[q][1] for at, q in zip(truth, QUANTILES, strict=True)]
                held.setdefault(name, []).extend(inside)
    means = {name: np.mean(some, axis=0).round(2).tolist() for name, some in distances.items()}
    return means, {name: float(np.mean(some)) for name, some in held.items()}


def quantiles(table: np.ndarray) -> np.ndarray:
    """Of forms' mean scores, in percent."""
    found: np.ndarray = 100 * np.percentile(np.nanmean(table, axis=1), QUANTILES)
    return found


if __name__ == "__main__":
    main()
