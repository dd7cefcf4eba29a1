"""What choosing on the test set does to the estimate, and what validation rows and nested folds do instead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer

from kshot.classic.data.inputs import Array
from kshot.classic.experiments.drawing import draw_means
from kshot.classic.experiments.registry import experiment
from kshot.classic.selection.validation import choose, n_folds, nested
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.numbers import mean_plus_minus
from kshot.eval.report.style import BLUE, GREY, VERMILLION
from kshot.eval.report.ticks import plain_logarithms

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRIED = (1, 3, 10, 30, 100, 300)
TRAIN, JUDGE, COLUMNS = 50, 50, 3
"""Rows to train on, rows of the validation and of the test set each, and the columns that a model looks at."""
KINDS = ("labels by chance", "real labels")
WAYS = {
    "chosen on the test set": (VERMILLION, "s", "-"),
    "chosen on validation rows": (BLUE, "o", "-"),
    "new rows": (GREY, "D", "--"),
}
Data = tuple[Array, NDArray[np.intp]]


class NearestMean(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn carries no types
    """The class, 0 or 1, whose mean is nearer in a few columns: a model that is fitted in no time."""

    def __init__(self, *, columns: tuple[int, ...] = (0,)) -> None:
        self.columns = columns

    def fit(self, X: Any, y: Any) -> Self:
        """The line half way between the means."""
        seen = X[:, self.columns]
        zero, one = seen[y == 0].mean(axis=0), seen[y == 1].mean(axis=0)
        self.classes_ = np.array([0, 1])
        self.coef_, self.intercept_ = one - zero, float((zero @ zero - one @ one) / 2)
        return self

    def predict(self, X: Any) -> NDArray[np.intp]:
        """0 or 1."""
        nearer: NDArray[np.intp] = (X[:, self.columns] @ self.coef_ + self.intercept_ > 0).astype(np.intp)
        return nearer

    def score(self, X: Any, y: Any, sample_weight: None = None) -> float:
        """Accuracy, without the checks that would take longer than the model."""
        return float((self.predict(X) == y).mean())


@experiment
def validation(*, draws: int = 200, nested_draws: int = 30, candidates: int = 30, seed: int = 0) -> Report:
    """The score that chose a model is too good: by the more, the more models were tried; scores on other rows are not.

    max of M scores, each a true accuracy plus chance, rises with M though every model stays what it is (Hung-yi Lee,
    "Where does the error come from?": the public and the private test set; Varma and Simon 2006 for nested
    cross-validation). Models look at 3 random columns each, of breast cancer's 30: with its labels, and with labels by
    chance, of which no model can know more than half. `draws` random draws of 50 training, 50 validation and 50 test
    rows; `nested_draws` draws of 60 rows for cross-validation among `candidates` models. All other rows are new rows.
    """
    curves = {kind: tried(kind, draws, seed) for kind in KINDS}
    folds = {kind: folded(kind, nested_draws, candidates, seed) for kind in KINDS}
    most = TRIED[-1]
    chance, real = ({way: curves[kind][way][-1] for way in WAYS} for kind in KINDS)
    optimism = {kind: curves[kind]["chosen on the test set"] - curves[kind]["new rows"] for kind in KINDS}
    summary = [
        f"With labels by chance the best of {most} models scores {told(chance['chosen on the test set'])}% on the test "
        f"set that chose it; chosen on validation rows instead, its test score is "
        f"{told(chance['chosen on validation rows'])}%; of new rows {told(chance['new rows'])}% are right.",
        f"With real labels the test set that chose among {most} promises {told(real['chosen on the test set'])}% and "
        f"new rows give {told(real['new rows'])}%: {told(optimism[KINDS[1]][-1])} points too good, against "
        f"{told(optimism[KINDS[1]][0])} for a single model.",
        *(
            f"Cross-validation, {kind}: the winner's own score is {told(folds[kind][0])}%, nested folds say "
            f"{told(folds[kind][1])}%, new rows {told(folds[kind][2])}%."
            for kind in KINDS
        ),
    ]
    sections = [
        Section("Choosing on the test set", [tried_figure(curves, draws), tried_table(curves, draws)]),
        Section("Nested cross-validation", [fold_table(folds, nested_draws), fold_figure(folds, nested_draws)]),
    ]
    return Report("Validation: what chose a model must not judge it", summary, sections)


def tables(kind: str, draws: int, seed: int) -> Iterator[tuple[Data, np.random.Generator]]:
    """The rows in a new order for each draw, their labels as they are or by chance, and the draw's generator."""
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    for number in range(draws):
        random = np.random.default_rng([seed, number])
        order = random.permutation(len(y))
        yield (X[order], y[order] if kind == KINDS[1] else random.integers(2, size=len(y))), random


def models(random: np.random.Generator, count: int, columns: int) -> list[tuple[int, ...]]:
    """The columns that each model looks at."""
    return [tuple(random.choice(columns, size=COLUMNS, replace=False).tolist()) for _ in range(count)]


def tried(kind: str, draws: int, seed: int) -> dict[str, Array]:
    """Accuracies (numbers of models tried, draws) of what is reported each way, and of new rows."""
    found = {way: np.empty((len(TRIED), draws)) for way in WAYS}
    for draw, ((X, y), random) in enumerate(tables(kind, draws, seed)):
        parts = np.split(np.arange(len(y)), np.cumsum([TRAIN, JUDGE, JUDGE]))
        train, validation_rows, test, new = parts
        fitted = [
            NearestMean(columns=columns).fit(X[train], y[train]) for columns in models(random, TRIED[-1], X.shape[1])
        ]
        right = np.array([model.predict(X) == y for model in fitted])  # (models, rows)
        on_validation, on_test, on_new = (right[:, rows].mean(axis=1) for rows in (validation_rows, test, new))
        for at, count in enumerate(TRIED):
            by_test, by_validation = on_test[:count].argmax(), on_validation[:count].argmax()
            found["chosen on the test set"][at, draw] = on_test[by_test]
            found["new rows"][at, draw] = on_new[by_test]
            found["chosen on validation rows"][at, draw] = on_test[by_validation]
    return found


def folded(kind: str, draws: int, candidates: int, seed: int, rows: int = 60) -> tuple[Array, Array, Array]:
    """The winner's own cross-validation score, the nested score, its accuracy on new rows; (draws,) each."""
    found = []
    for (X, y), random in tables(kind, draws, seed):
        grid = {"columns": models(random, candidates, X.shape[1])}
        seen, labels = X[:rows], y[:rows]
        folds = n_folds(rows, 5, labels=labels, seed=seed)
        choice = choose(NearestMean(), grid, seen, labels, folds)
        outer = nested(NearestMean(), grid, seen, labels, folds, labels=labels, seed=seed)
        own = choice.scores[choice.best].mean()
        found.append((own, outer.scores.mean(), choice.model.score(X[rows:], y[rows:])))
    own, outside, new = np.array(found).T
    return own, outside, new


def told(values: Array) -> str:
    """A mean and the half width of its interval, in percent."""
    return mean_plus_minus(values, scale=100)


def tried_table(curves: dict[str, dict[str, Array]], draws: int) -> Table:
    """Reported and true accuracy against the number of models tried."""
    return Table(
        "Accuracy of the best of so many models (%)",
        columns("labels", "models tried#", *(f"{way}#" for way in WAYS)),
        [
            (kind, str(count), *(told(curve[way][at]) for way in WAYS))
            for kind, curve in curves.items()
            for at, count in enumerate(TRIED)
        ],
        f"Means over {draws} draws with 95% intervals of draws from this table; new rows: of the model that the "
        "test set chose.",
    )


def fold_table(folds: dict[str, tuple[Array, Array, Array]], draws: int) -> Table:
    """Three accuracies of the same procedure."""
    return Table(
        "Accuracy by cross-validation (%)",
        columns("labels", "winner's own score#", "nested#", "new rows#", "own less new#", "nested less new#"),
        [
            (kind, told(own), told(outer), told(new), told(own - new), told(outer - new))
            for kind, (own, outer, new) in folds.items()
        ],
        f"Five folds of 60 rows, means over {draws} draws with 95% intervals; new rows: all others.",
    )


def tried_figure(curves: dict[str, dict[str, Array]], draws: int) -> Figure:
    """Accuracy against the number of models tried."""
    caption = f"Means over {draws} draws with 95% intervals; new rows: of the model that the test set chose."

    @framed("validation-tried", "The best of many models", caption, count=2, height=3.1)
    def drawn(*panels: Axes) -> None:
        for axes, (kind, curve) in zip(panels, curves.items(), strict=True):
            for way, (colour, marker, dashes) in WAYS.items():
                looks = {"color": colour, "marker": marker, "linestyle": dashes}
                draw_means(axes, TRIED, 100 * curve[way], label=way, **looks)
            axes.set_xscale("log")
            plain_logarithms(axes.xaxis)
            axes.set(title=kind, xlabel="models tried")
            axes.grid()
        panels[0].set_ylabel("accuracy (%)")
        panels[0].legend(loc="upper left", fontsize=7.5)

    return drawn


def fold_figure(folds: dict[str, tuple[Array, Array, Array]], draws: int) -> Figure:
    """How far the two estimates are from the truth."""
    caption = f"Each of {draws} draws, in order of size, and their mean with its 95% interval."

    @framed("validation-nested", "Cross-validation's estimates against new rows", caption, count=2, height=2.6)
    def drawn(*panels: Axes) -> None:
        for axes, (kind, (own, outer, new)) in zip(panels, folds.items(), strict=True):
            for at, (estimate, colour, marker) in enumerate(((own, VERMILLION, "s"), (outer, BLUE, "o"))):
                off = 100 * (estimate - new)
                spread = np.linspace(-0.22, 0.22, len(off))
                axes.plot(at + spread, np.sort(off), marker, color=colour, markersize=3, alpha=0.5, linestyle="none")
                looks = {"color": "black", "marker": "_", "markersize": 16, "capsize": 4, "linewidth": 1.5}
                draw_means(axes, [at], off[None], **looks)
            axes.axhline(0, color=GREY, linewidth=1)
            axes.set(title=kind, xlim=(-0.6, 1.6), xticks=[0, 1], xticklabels=["winner's own score", "nested"])
            axes.grid(axis="y")
        panels[0].set_ylabel("estimate less new rows (points)")

    return drawn
