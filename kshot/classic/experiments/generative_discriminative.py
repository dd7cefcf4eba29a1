"""Generative against discriminative: naive Bayes learns from fewer rows, logistic regression ends lower."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_digits, load_iris

from kshot.classic.experiments.registry import experiment
from kshot.classic.gaussian import GaussianNaiveBayes
from kshot.classic.inputs import Array
from kshot.classic.logistic import LogisticRegression
from kshot.eval.report.model import Cell, Column, Figure, Report, Section, Table
from kshot.eval.report.style import BLUE, VERMILLION, small_multiples, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

LOOKS = {"naive Bayes": (VERMILLION, "s"), "logistic regression": (BLUE, "o")}


@dataclass(frozen=True, slots=True)
class Curve:
    """Test error of both models on one data set; arrays are (sizes, draws)."""

    name: str
    sizes: tuple[int, ...]
    naive: Array
    logistic: Array

    def mean(self, values: Array) -> tuple[Array, Array]:
        """Mean over draws and half the width of its 95% interval, each (sizes,)."""
        draws = values.shape[1]
        return values.mean(axis=1), stats.t.ppf(0.975, draws - 1) * values.std(axis=1, ddof=1) / np.sqrt(draws)

    def words(self) -> list[str]:
        """At each size which model has the lower error, or `even` where the paired interval holds 0."""
        middle, half = self.mean(self.naive - self.logistic)
        return [
            "naive Bayes" if m + h < 0 else "logistic regression" if m - h > 0 else "even" for m, h in zip(middle, half)
        ]


@experiment
def generative_discriminative(
    *, draws: int = 60, l2: float = 0.01, var_smoothing: float = 0.01, seed: int = 0
) -> Report:
    """Naive Bayes is better while rows are few, and logistic regression overtakes it as they grow.

    Ng and Jordan 2002 ("On Discriminative vs. Generative Classifiers"): of the pair, the generative one reaches its own,
    higher, asymptote with about log(columns) rows, the discriminative one its lower with about as many as columns.
    Naive Bayes shares each column's variance between the classes, so that both draw straight boundaries. Data sets
    that scikit-learn ships; each draw trains on random rows and tests on all others.
    """
    curves = [
        learning_curve(name, *load(), draws=draws, l2=l2, smoothing=var_smoothing, seed=seed)
        for name, load in DATA.items()
    ]
    rows: list[tuple[str | Cell, ...]] = []
    for curve in curves:
        (naive, naive_half), (logistic, logistic_half) = curve.mean(curve.naive), curve.mean(curve.logistic)
        for at, (size, word) in enumerate(zip(curve.sizes, curve.words(), strict=True)):
            rows.append(
                (
                    curve.name, str(size), f"{100 * naive[at]:.1f} ± {100 * naive_half[at]:.1f}",
                    f"{100 * logistic[at]:.1f} ± {100 * logistic_half[at]:.1f}", word,
                )
            )  # fmt: skip
    table = Table(
        "Test error by training rows",
        [
            Column("data set"), Column("training rows", numeric=True), Column("naive Bayes (%)", numeric=True),
            Column("logistic regression (%)", numeric=True), Column("lower"),
        ],
        rows,
        f"Mean of {draws} draws and its 95% interval; lower: whose error is, where the interval of the paired difference "
        "leaves out 0.",
    )  # fmt: skip
    crossed = [curve for curve in curves if crosses(curve)]
    told = "; ".join(sentence(curve) for curve in curves)
    summary = [
        f"On {len(crossed)} of {len(curves)} data sets naive Bayes has the lower error with the fewest rows and logistic "
        f"regression with the most: {told}."
    ]
    return Report("Generative against discriminative", summary, [Section("Learning curves", [figure(curves), table])])


def crosses(curve: Curve) -> bool:
    """Whether naive Bayes is surely better somewhere, and logistic regression at the most rows."""
    words = curve.words()
    return "naive Bayes" in words and words[-1] == "logistic regression" and words.index("naive Bayes") < len(words) - 1


def sentence(curve: Curve) -> str:
    """The error at both ends in words."""
    naive, logistic = 100 * curve.naive.mean(axis=1), 100 * curve.logistic.mean(axis=1)
    return (
        f"{curve.name} {naive[0]:.1f} against {logistic[0]:.1f}% with {curve.sizes[0]} rows, "
        f"{naive[-1]:.1f} against {logistic[-1]:.1f}% with {curve.sizes[-1]}"
    )


def two(X: Array, y: Any, first: int, second: int) -> tuple[Array, Any]:
    """Only the rows of two classes."""
    kept = np.isin(y, (first, second))
    return X[kept], y[kept]


def odd_digits() -> tuple[Array, Any]:
    """Whether a digit is odd: two classes that are five clusters each."""
    X, y = load_digits(return_X_y=True)
    return X, y % 2


DATA: dict[str, Callable[[], tuple[Array, Any]]] = {
    "iris (versicolor or virginica)": lambda: two(*load_iris(return_X_y=True), 1, 2),
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "digits (odd or even)": odd_digits,
}


def learning_curve(name: str, X: Array, y: Any, *, draws: int, l2: float, smoothing: float, seed: int) -> Curve:
    """Test errors over sizes that double from 6 rows to half of all."""
    random = np.random.default_rng(seed)
    sizes = tuple(size for size in (6 * 2**power for power in range(8)) if size <= len(X) // 2)
    naive, logistic = np.empty((len(sizes), draws)), np.empty((len(sizes), draws))
    for at, size in enumerate(sizes):
        for draw in range(draws):
            train, test = split(y, size, random)
            centre, spread = X[train].mean(axis=0), X[train].std(axis=0)
            scaled = (X - centre) / np.where(spread > 0, spread, 1.0)
            generative = GaussianNaiveBayes(variance="shared", var_smoothing=smoothing).fit(scaled[train], y[train])
            discriminative = LogisticRegression(l2=l2).fit(scaled[train], y[train])
            naive[at, draw] = 1 - generative.score(scaled[test], y[test])
            logistic[at, draw] = 1 - discriminative.score(scaled[test], y[test])
    return Curve(name, sizes, naive, logistic)


def split(y: Any, size: int, random: np.random.Generator) -> tuple[Any, Any]:
    """Random rows to train on, at least two of each class, and all others."""
    while True:
        order = random.permutation(len(y))
        if np.unique(y[order[:size]], return_counts=True)[1].min() >= 2 and len(np.unique(y[order[:size]])) == 2:
            return order[:size], order[size:]


def figure(curves: list[Curve]) -> Figure:
    """Both errors over training rows with their intervals, one panel a data set."""

    def draw() -> Drawing:
        with styled():
            drawing, panels = small_multiples(len(curves), height=3.0, columns=3)
            for axes, curve in zip(panels, curves, strict=True):
                for (label, (colour, marker)), values in zip(LOOKS.items(), (curve.naive, curve.logistic), strict=True):
                    middle, half = curve.mean(values)
                    axes.errorbar(
                        curve.sizes, 100 * middle, yerr=100 * half, color=colour, marker=marker, markersize=4.5,
                        linewidth=1.3, capsize=2.5, label=label,
                    )  # fmt: skip
                axes.set(xscale="log", title=curve.name, xlabel="training rows", xticks=curve.sizes[::2])
                axes.set_xticks([], minor=True)
                axes.set_xticklabels([str(size) for size in curve.sizes[::2]])
                axes.set_ylim(bottom=0)
                axes.grid()
            panels[0].set_ylabel("test error (%)")
            panels[-1].legend(loc="upper right", fontsize=7.5)
            return drawing

    caption = "Test error, mean over random draws of the training rows with its 95% interval."
    return Figure("generative-discriminative", "Test error as training data grows", caption, draw)
