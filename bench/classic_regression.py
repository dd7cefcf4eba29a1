"""Bias and variance of many refits against mlxtend's; the ridge path against scikit-learn's: seconds on the same data.

    python bench/classic_regression.py [--refits 1000] [--repeats 5]

Both sides in one run, in turns, the best of `--repeats` each; equal results are asserted, not assumed. mlxtend refits
scikit-learn's estimator and kshot's, and the faster counts; both sides draw the same bootstrap samples. scikit-learn's
path is timed in three ways (a loop of Ridge fits, `ridge_regression` with the targets repeated and a penalty each, by
SVD and by Cholesky), and the fastest counts. Prints a table; the last line is one JSON object: per size a ratio, theirs
over ours for the refits (higher is better), ours over theirs for the path (lower is better), and the worst of each.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from mlxtend.evaluate import bias_variance_decomp
from sklearn.datasets import load_diabetes, make_regression
from sklearn.linear_model import LinearRegression as Theirs
from sklearn.linear_model import Ridge, ridge_regression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures

from kshot.classic.bias_variance import bias_variance as decomposed
from kshot.classic.regression import LinearRegression, PolynomialRegression, RidgeRegression, ridge_path

Job = Callable[[], Any]
PATHS = ((442, 10, 100), (2_000, 100, 100), (20_000, 30, 50), (200, 400, 100))
"""(rows, columns, alphas)."""


def best(jobs: dict[str, Job], repeats: int) -> dict[str, float]:
    """The fewest seconds of each, timed in turns."""
    seconds = {name: float("inf") for name in jobs}
    for _ in range(repeats):
        for name, job in jobs.items():
            start = perf_counter()
            job()
            seconds[name] = min(seconds[name], perf_counter() - start)
    return seconds


def wave(rows: int, points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A noisy sine to train on, and to test on."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(rows + points, 1))
    y = np.sin(4 * x[:, 0]) + 0.3 * rng.normal(size=rows + points)
    return x[:rows], y[:rows], x[rows:], y[rows:]


def bias_variance(refits: int = 1000, repeats: int = 3) -> dict[str, Any]:
    """Seconds for the decomposition of `refits` bootstrap refits, ours and mlxtend's; the worst ratio of three models."""
    X, y = load_diabetes(return_X_y=True)
    diabetes = (X[:300], y[:300], X[300:], y[300:])
    scaled = MinMaxScaler((-1, 1))
    models = {
        "line, diabetes 300x10": (diabetes, LinearRegression(), Theirs()),
        "ridge, diabetes 300x10": (diabetes, RidgeRegression(alpha=0.1), Ridge(alpha=0.1)),
        "degree 5, sine 100x1": (
            wave(100, 100), PolynomialRegression(degree=5), make_pipeline(scaled, PolynomialFeatures(5), Theirs()),
        ),
    }  # fmt: skip
    each = {}
    for name, (data, ours, theirs) in models.items():
        found = decomposed(ours, *data, refits=refits, seed=1)
        expected = bias_variance_decomp(theirs, *data, loss="mse", num_rounds=refits, random_seed=1)
        parts = np.array([found.mean(part) for part in ("loss", "bias", "variance")])
        off = float(np.abs(parts / expected - 1).max())
        assert off < 1e-6, f"{name}: the parts differ from mlxtend's by {off:.1e} of themselves"
        jobs: dict[str, Job] = {
            "kshot": lambda: decomposed(ours, *data, refits=refits, seed=1),  # noqa: B023
            "mlxtend, scikit-learn's": lambda: bias_variance_decomp(
                theirs,
                *data,
                loss="mse",
                num_rounds=refits,
                random_seed=1,  # noqa: B023
            ),
            "mlxtend, kshot's": lambda: bias_variance_decomp(
                ours,
                *data,
                loss="mse",
                num_rounds=refits,
                random_seed=1,  # noqa: B023
            ),
        }
        each[name] = summed(best(jobs, repeats), off, higher_is_better=True)
    return worst(each, higher_is_better=True) | {"refits": refits}


def ridge(repeats: int = 5) -> dict[str, Any]:
    """Seconds for a path of alphas, ours and scikit-learn's fastest way; the worst ratio of several sizes."""
    each = {}
    for rows, columns, count in PATHS:
        X, y = make_regression(rows, columns, n_informative=min(columns, 20), noise=10.0, bias=3.0, random_state=0)
        alphas = np.logspace(-3, 4, count)

        def loop(X: np.ndarray = X, y: np.ndarray = y, alphas: np.ndarray = alphas) -> np.ndarray:
            return np.array([Ridge(alpha=alpha).fit(X, y).coef_ for alpha in alphas])

        def repeated(solver: str, X: np.ndarray = X, y: np.ndarray = y, alphas: np.ndarray = alphas) -> np.ndarray:
            centred = X - X.mean(axis=0)
            targets = np.repeat((y - y.mean())[:, None], len(alphas), axis=1)
            return ridge_regression(centred, targets, alphas, solver=solver)

        coefs, _ = ridge_path(X, y, alphas)
        off = max(float(np.abs(coefs - one).max() / np.abs(one).max()) for one in (loop(), repeated("svd")))
        assert off < 1e-6, f"{rows}x{columns}: the weights differ from scikit-learn's by {off:.1e} of the largest"
        jobs: dict[str, Job] = {
            "kshot": lambda: ridge_path(X, y, alphas),  # noqa: B023
            "loop of Ridge": loop,
            "ridge_regression, svd": lambda: repeated("svd"),  # noqa: B023
            "ridge_regression, cholesky": lambda: repeated("cholesky"),  # noqa: B023
        }
        each[f"{rows}x{columns}, {count} alphas"] = summed(best(jobs, repeats), off, higher_is_better=False)
    return worst(each, higher_is_better=False)


def summed(seconds: dict[str, float], off: float, *, higher_is_better: bool) -> dict[str, Any]:
    """Ours, theirs at their fastest, which that was, the ratio, and how far the results are apart."""
    ours = seconds.pop("kshot")
    way = min(seconds, key=seconds.__getitem__)
    ratio = seconds[way] / ours if higher_is_better else ours / seconds[way]
    return {"ours": ours, "theirs": seconds[way], "their_way": way, "ratio": ratio, "agreement": off}


def worst(each: dict[str, dict[str, Any]], *, higher_is_better: bool) -> dict[str, Any]:
    """The size with the worst ratio, and all of them under `each`."""
    name = (min if higher_is_better else max)(each, key=lambda one: each[one]["ratio"])
    return each[name] | {"size": name, "each": each}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--refits", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    found = {"bias_variance": bias_variance(args.refits, args.repeats), "ridge": ridge(args.repeats)}
    print(f"{'':38}{'kshot ms':>10}{'theirs ms':>11}{'ratio':>8}{'apart':>9}  their fastest way")
    for part, result in found.items():
        for name, one in result["each"].items():
            print(
                f"{part + ': ' + name:46}{1e3 * one['ours']:>10.2f}{1e3 * one['theirs']:>11.2f}{one['ratio']:>8.2f}"
                f"{one['agreement']:>9.0e}  {one['their_way']}"
            )
    ratios = {
        part: {name: round(one["ratio"], 3) for name, one in result["each"].items()} for part, result in found.items()
    }
    print(json.dumps(ratios | {f"{part}_worst": round(result["ratio"], 3) for part, result in found.items()}))


if __name__ == "__main__":
    main()
