"""Generative against discriminative: naive Bayes learns from fewer rows, logistic regression ends lower."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

from kshot.classic.classification.gaussian import GaussianNaiveBayes
from kshot.classic.classification.logistic import LogisticRegression
from kshot.classic.data.digits import load_digits
from kshot.classic.data.inputs import Array
from kshot.classic.experiments.drawing import draw_means
from kshot.classic.experiments.registry import experiment
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.numbers import mean_plus_minus
from kshot.eval.report.style import BLUE, VERMILLION
from kshot.eval.statistics import t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS = {"naive Bayes": (VERMILLION, "s"), "logistic regression": (BLUE, "o")}


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Test error of both models on one data set; arrays are (sizes, draws)."""

    name: str
    sizes: tuple[int, ...]
    naive: Array
    logistic: Array

    def words(self) -> list[str]:
        """At each size which model has the lower error, or `even` where the paired interval holds 0."""
        spans = [t_interval(difference) for difference in self.naive - self.logistic]
        return ["naive Bayes" if span.high < 0 else "logistic regression" if span.low > 0 else "even" for span in spans]


@experiment
def generative_discriminative(
    *, draws: int = 60, l2: float = 0.01, var_smoothing: float = 0.01, seed: int = 0
) -> Report:
    """Naive Bayes is better while rows are few, and logistic regression overtakes it as they grow.

    Ng and Jordan 2002 ("On Discriminative vs. Generative Classifiers"): of the pair, the generative one reaches its
    own, higher, asymptote with about log(columns) rows, the discriminative one its lower with about columns. Naive
    Bayes shares each column's variance between the classes, so that both draw straight boundaries. Data sets that
    scikit-learn ships; each draw trains on random rows and tests on all others.
    """
    curves = [
        learning_curve(name, *load(), draws=draws, l2=l2, smoothing=var_smoothing, seed=seed)
        for name, load in DATA.items()
    ]
    rows = []
    for curve in curves:
        for at, (size, word) in enumerate(zip(curve.sizes, curve.words(), strict=True)):
            rows.append(
                (
                    curve.name,
                    str(size),
                    mean_plus_minus(curve.naive[at], scale=100),
                    mean_plus_minus(curve.logistic[at], scale=100),
                    word,
                )
            )
    table = Table(
        "Test error by training rows",
        columns("data set", "training rows#", "naive Bayes (%)#", "logistic regression (%)#", "lower"),
        rows,
        f"Mean of {draws} draws and its 95% interval, of draws from these rows; lower: whose error is, where the "
        "interval of the paired difference leaves out 0.",
    )
    first = [curve for curve in curves if "naive Bayes" in curve.words()[: len(curve.sizes) // 2 + 1]]
    last = [curve for curve in curves if curve.words()[-1] == "logistic regression"]
    told = "; ".join(sentence(curve) for curve in curves)
    summary = [
        f"With few rows naive Bayes has the clearly lower error on {len(first)} of {len(curves)} data sets, with the "
        f"most rows logistic regression on {len(last)} of {len(curves)}: {told}."
    ]
    return Report("Generative against discriminative", summary, [Section("Learning curves", [figure(curves), table])])


def sentence(curve: LearningCurve) -> str:
    """The error at both ends in words."""
    naive, logistic = 100 * curve.naive.mean(axis=1), 100 * curve.logistic.mean(axis=1)
    return (
        f"{curve.name} {naive[0]:.1f} against {logistic[0]:.1f}% with {curve.sizes[0]} rows, "
        f"{naive[-1]:.1f} against {logistic[-1]:.1f}% with {curve.sizes[-1]}"
    )


def two(data: tuple[Array, Any], first: int, second: int) -> tuple[Array, Any]:
    """Only the rows of two classes."""
    X, y = data
    kept = np.isin(y, (first, second))
    return X[kept], y[kept]


def odd_digits() -> tuple[Array, Any]:
    """Whether a digit is odd: two classes that are five clusters each."""
    digits = load_digits()
    return digits.X, digits.y % 2


DATA: dict[str, Callable[[], tuple[Array, Any]]] = {
    "iris": lambda: two(load_iris(return_X_y=True), 1, 2),
    "wine": lambda: two(load_wine(return_X_y=True), 0, 1),
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "digits": odd_digits,
}


def learning_curve(name: str, X: Array, y: Any, *, draws: int, l2: float, smoothing: float, seed: int) -> LearningCurve:
    """Test errors over sizes that double from 4 rows to half of all."""
    random = np.random.default_rng(seed)
    sizes = tuple(size for size in (4 * 2**power for power in range(8)) if size <= len(X) // 2)
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
    return LearningCurve(name, sizes, naive, logistic)


def split(y: Any, size: int, random: np.random.Generator) -> tuple[Any, Any]:
    """Random rows to train on, at least two of each class, and all others."""
    while True:
        order = random.permutation(len(y))
        if np.unique(y[order[:size]], return_counts=True)[1].min() >= 2 and len(np.unique(y[order[:size]])) == 2:
            return order[:size], order[size:]


def figure(curves: list[LearningCurve]) -> Figure:
    """Both errors over training rows with their intervals, one panel a data set."""
    caption = (
        "Test error, mean over random draws of the training rows with its 95% interval. Iris: versicolor or virginica; "
        "wine: first or second grower; breast cancer: benign or malignant; digits: odd or even."
    )

    @framed(
        "generative-discriminative",
        "Test error as training data grows",
        caption,
        count=len(curves),
        height=2.5,
        columns=2,
    )
    def drawn(*panels: Axes) -> None:
        for axes, curve in zip(panels, curves, strict=True):
            for (label, (colour, marker)), values in zip(LOOKS.items(), (curve.naive, curve.logistic), strict=True):
                draw_means(axes, curve.sizes, 100 * values, color=colour, marker=marker, label=label)
            axes.set(title=curve.name, xscale="log", yscale="log", xlabel="training rows")
            axes.set_xticks(curve.sizes, [str(size) for size in curve.sizes])
            axes.set_yticks([2, 5, 10, 20, 40], ["2", "5", "10", "20", "40"])
            axes.minorticks_off()
            axes.grid()
        for axes in panels[::2]:
            axes.set_ylabel("test error (%)")
        panels[0].legend(loc="upper right", fontsize=7.5)

    return drawn
