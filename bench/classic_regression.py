"""Bias and variance of many refits against mlxtend's; the ridge path against scikit-learn's: seconds on the same data.

    python bench/classic_regression.py [--refits 1000] [--repeats 11]

Both sides in one run, in turns, each going first in every other round; equal results are asserted, not assumed. Their
fastest way is the one of the least median of seconds; the ratio is the median of the rounds' ratios, the lowest and
the highest beside it. mlxtend refits scikit-learn's estimator and kshot's; both sides draw the same bootstrap samples.
scikit-learn's path is timed in three ways (a loop of Ridge fits, `ridge_regression` with the targets repeated and a
penalty each, by SVD and by Cholesky). Prints a table; the last line is one JSON object: per size a ratio, theirs over
ours for the refits (higher is better), ours over theirs for the path (lower is better), the spread, and the worst of
each.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from mlxtend.evaluate import bias_variance_decomp
from sklearn.datasets import load_diabetes, make_regression
from sklearn.linear_model import LinearRegression as Theirs
from sklearn.linear_model import Ridge, ridge_regression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures

from kshot.classic.regression.linear import LinearRegression, PolynomialRegression, RidgeRegression, ridge_path
from kshot.classic.selection.bias_variance import bias_variance as decomposed

Job = Callable[[], Any]
PATHS = ((442, 10, 100), (2_000, 100, 100), (20_000, 30, 50), (200, 400, 100))
"""(rows, columns, alphas)."""


def timed(jobs: dict[str, Job], repeats: int) -> dict[str, list[float]]:
    """The seconds of each in every round; the order turns around from round to round."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for at in range(repeats):
        for name in list(jobs)[:: 1 if at % 2 == 0 else -1]:
            start = perf_counter()
            jobs[name]()
            seconds[name].append(perf_counter() - start)
    return seconds


def wave(rows: int, points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A noisy sine to train on, and to test on."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(rows + points, 1))
    y = np.sin(4 * x[:, 0]) + 0.3 * rng.normal(size=rows + points)
    return x[:rows], y[:rows], x[rows:], y[rows:]


def bias_variance(refits: int = 1000, repeats: int = 3) -> dict[str, Any]:
    """Seconds for the decomposition of `refits` refits, ours and mlxtend's; the worst ratio of three models."""
    X, y = load_diabetes(return_X_y=True)
    diabetes = (X[:300], y[:300], X[300:], y[300:])
    quintic = make_pipeline(MinMaxScaler((-1, 1)), PolynomialFeatures(5), Theirs())
    each = {
        "line, diabetes 300x10": refitted(LinearRegression(), Theirs(), diabetes, refits, repeats),
        "ridge, diabetes 300x10": refitted(RidgeRegression(alpha=0.1), Ridge(alpha=0.1), diabetes, refits, repeats),
        "degree 5, sine 100x1": refitted(PolynomialRegression(degree=5), quintic, wave(100, 100), refits, repeats),
    }
    return worst(each, higher_is_better=True) | {"refits": refits}


def refitted(ours: Any, theirs: Any, data: tuple[np.ndarray, ...], refits: int, repeats: int) -> dict[str, Any]:
    """One model; mlxtend with scikit-learn's and with ours."""

    def mlxtends(model: Any) -> tuple[float, float, float]:
        return bias_variance_decomp(model, *data, loss="mse", num_rounds=refits, random_seed=1)

    def kshots() -> list[float]:
        found = decomposed(ours, *data, refits=refits, seed=1)
        return [found.mean(part) for part in ("loss", "bias", "variance")]

    off = float(np.abs(np.array(kshots()) / mlxtends(theirs) - 1).max())
    assert off < 1e-6, f"{ours}: the parts differ from mlxtend's by {off:.1e} of themselves"
    ways: dict[str, Job] = {
        "kshot": kshots,
        "mlxtend, scikit-learn's": lambda: mlxtends(theirs),
        "mlxtend, kshot's": lambda: mlxtends(ours),
    }
    return summed(timed(ways, repeats), off, higher_is_better=True)


def ridge(repeats: int = 11) -> dict[str, Any]:
    """Seconds for a path of alphas, ours and scikit-learn's fastest way; the worst ratio of several sizes."""
    each = {
        f"{rows}x{columns}, {alphas} alphas": paths(rows, columns, np.logspace(-3, 4, alphas), repeats)
        for rows, columns, alphas in PATHS
    }
    return worst(each, higher_is_better=False)


def paths(rows: int, columns: int, alphas: np.ndarray, repeats: int) -> dict[str, Any]:
    """One size."""
    X, y = make_regression(rows, columns, n_informative=min(columns, 20), noise=10.0, bias=3.0, random_state=0)

    def loop() -> np.ndarray:
        return np.array([Ridge(alpha=alpha).fit(X, y).coef_ for alpha in alphas])

    def repeated(solver: str) -> np.ndarray:
        centred, targets = X - X.mean(axis=0), np.repeat((y - y.mean())[:, None], len(alphas), axis=1)
        return ridge_regression(centred, targets, alphas, solver=solver)

    coefs, _ = ridge_path(X, y, alphas)
    off = max(float(np.abs(coefs - one).max() / np.abs(one).max()) for one in (loop(), repeated("svd")))
    assert off < 1e-6, f"{rows}x{columns}: the weights differ from scikit-learn's by {off:.1e} of the largest"
    ways: dict[str, Job] = {
        "kshot": lambda: ridge_path(X, y, alphas),
        "loop of Ridge": loop,
        "ridge_regression, svd": lambda: repeated("svd"),
        "ridge_regression, cholesky": lambda: repeated("cholesky"),
    }
    return summed(timed(ways, repeats), off, higher_is_better=False)


def summed(seconds: dict[str, list[float]], off: float, *, higher_is_better: bool) -> dict[str, Any]:
    """Median seconds of ours and of their fastest way, the median of the rounds' ratios, and its spread."""
    ours = seconds.pop("kshot")
    way = min(seconds, key=lambda name: median(seconds[name]))
    pairs = zip(seconds[way], ours, strict=True) if higher_is_better else zip(ours, seconds[way], strict=True)
    ratios = sorted(over / under for over, under in pairs)
    return {
        "ours": median(ours),
        "theirs": median(seconds[way]),
        "their_way": way,
        "ratio": median(ratios),
        "spread": (ratios[0], ratios[-1]),
        "agreement": off,
    }


def worst(each: dict[str, dict[str, Any]], *, higher_is_better: bool) -> dict[str, Any]:
    """The size with the worst ratio, and all of them under `each`."""
    name = (min if higher_is_better else max)(each, key=lambda one: each[one]["ratio"])
    return each[name] | {"size": name, "each": each}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--refits", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=11)
    args = parser.parse_args()
    found = {"bias_variance": bias_variance(args.refits, max(3, args.repeats // 3)), "ridge": ridge(args.repeats)}
    print(f"{'':46}{'kshot ms':>10}{'theirs ms':>11}{'ratio':>8}{'spread':>18}{'apart':>9}  their fastest way")
    for part, result in found.items():
        for name, one in result["each"].items():
            print(
                f"{part + ': ' + name:46}{1e3 * one['ours']:>10.2f}{1e3 * one['theirs']:>11.2f}{one['ratio']:>8.2f}"
                f"{'{:.2f} to {:.2f}'.format(*one['spread']):>18}{one['agreement']:>9.0e}  {one['their_way']}"
            )
    ratios = {
        part: {name: round(one["ratio"], 3) for name, one in result["each"].items()} for part, result in found.items()
    }
    spreads = {
        f"{part}_spread": {name: [round(end, 3) for end in one["spread"]] for name, one in result["each"].items()}
        for part, result in found.items()
    }
    worsts = {f"{part}_worst": round(result["ratio"], 3) for part, result in found.items()}
    print(json.dumps(ratios | spreads | worsts))


if __name__ == "__main__":
    main()
