"""Gaussian classifiers against scikit-learn's: seconds to fit and to predict on the same rows.

    python bench/classic_gaussian.py [--repeats 7]

Both sides in one run, in turns, the best of `--repeats` each; equal predictions are asserted before anything is
timed. scikit-learn's LDA is timed with each of its solvers that gives the same estimate up to N against N - classes,
and the faster one counts. The ratio is kshot's seconds over scikit-learn's, below 1 where kshot is faster. Prints a
table; the last line is one JSON object with a ratio a model and size, and the worst of all.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.naive_bayes import GaussianNB

from kshot.classic.classification.gaussian import GaussianClassifier, GaussianNaiveBayes

SIZES = ((200, 6, 2), (1_797, 64, 10), (20_000, 30, 3), (100_000, 20, 2))
"""(rows, columns, classes)."""

MODELS: dict[str, tuple[Callable[[], Any], tuple[Callable[[], Any], ...]]] = {
    "LDA": (
        lambda: GaussianClassifier(covariance="shared"),
        (lambda: LinearDiscriminantAnalysis(solver="lsqr"), lambda: LinearDiscriminantAnalysis(solver="svd")),
    ),
    "QDA": (
        lambda: GaussianClassifier(covariance="own"),
        (lambda: QuadraticDiscriminantAnalysis(), lambda: QuadraticDiscriminantAnalysis(solver="eigen")),
    ),
    "GaussianNB": (GaussianNaiveBayes, (GaussianNB,)),
}


def data(rows: int, columns: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping clusters, the same for every run."""
    X, y = make_classification(
        rows,
        columns,
        n_informative=columns,
        n_redundant=0,
        n_classes=classes,
        n_clusters_per_class=1,
        class_sep=0.7,
        random_state=0,
    )
    return X, y


def work(make: Callable[[], Any], X: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Seconds to fit, and to predict all rows."""
    start = perf_counter()
    model = make().fit(X, y)
    between = perf_counter()
    model.predict(X)
    return between - start, perf_counter() - between


def compare(name: str, size: tuple[int, int, int], repeats: int) -> dict[str, Any]:
    """The best seconds of both sides; scikit-learn's is its fastest way."""
    X, y = data(*size)
    ours, theirs = MODELS[name]
    different = (ours().fit(X, y).predict(X) != theirs[0]().fit(X, y).predict(X)).mean()
    assert different < 1e-4, f"{name} {size}: {different:.2%} of the predictions differ"
    seconds: dict[Any, list[tuple[float, float]]] = {make: [] for make in (ours, *theirs)}
    for _ in range(repeats):
        for make, taken in seconds.items():
            taken.append(work(make, X, y))
    best = {make: min(fit + predict for fit, predict in taken) for make, taken in seconds.items()}
    fit_ratio = min(fit for fit, _ in seconds[ours]) / min(fit for make in theirs for fit, _ in seconds[make])
    fastest = min(best[make] for make in theirs)
    return {
        "model": name,
        "rows": size[0],
        "columns": size[1],
        "classes": size[2],
        "kshot": best[ours],
        "scikit_learn": fastest,
        "ratio": best[ours] / fastest,
        "fit_ratio": fit_ratio,
    }


def gaussian_models(repeats: int) -> list[dict[str, Any]]:
    """Every model on every size."""
    return [compare(name, size, repeats) for size in SIZES for name in MODELS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    found = gaussian_models(parser.parse_args().repeats)
    headings = ("rows", "columns", "classes", "kshot ms", "sklearn ms", "ratio", "fit only")
    print(f"{'model':12}" + "".join(f"{heading:>11}" for heading in headings))
    for one in found:
        sizes = (f"{one[key]:>11}" for key in headings[:3])
        timed = (1e3 * one["kshot"], 1e3 * one["scikit_learn"], one["ratio"], one["fit_ratio"])
        print(f"{one['model']:12}" + "".join(sizes) + "".join(f"{value:>11.2f}" for value in timed))
    ratios = {"{model} {rows}x{columns}x{classes}".format(**one): round(one["ratio"], 3) for one in found}
    print(json.dumps({"gaussian": ratios, "worst": max(ratios.values())}))


if __name__ == "__main__":
    main()
