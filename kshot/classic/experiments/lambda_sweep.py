"""Regularisation: what lambda does to training error, test error and weights, with L2 and with L1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import PolynomialFeatures

from kshot.classic.data.inputs import Array
from kshot.classic.experiments.drawing import draw_means
from kshot.classic.experiments.registry import experiment
from kshot.classic.experiments.wording import within
from kshot.classic.regression.feature_scaling import Standardisation
from kshot.classic.regression.lasso import LassoRegression
from kshot.classic.regression.linear import ridge_path
from kshot.classic.selection.validation import Rows, n_folds
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.numbers import mean_plus_minus
from kshot.eval.report.style import BLUE, COLOURS, GREY, VERMILLION
from kshot.eval.report.ticks import plain_logarithms, plain_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LAMBDAS = {"L2": np.logspace(-2, 4, 19), "L1": np.logspace(-0.5, 1.75, 16)}
TOLERANCE = 1e-4
"""Of the lasso: its errors are drawn, and a hundredth of a percent cannot be seen."""


@dataclass(frozen=True, slots=True, eq=False)
class PenaltySweep:
    """A penalty's errors over all draws, and one draw's weights."""

    lambdas: Array
    errors: dict[str, Array]  # train, test: (draws, lambdas), root mean squared error
    weights: Array  # (lambdas, columns), of the first draw


@experiment
def lambda_sweep(*, draws: int = 12, train_rows: int = 150, seed: int = 0) -> Report:
    """As lambda grows training error only rises; test error first falls, then rises: smooth is good, too smooth is not.

    L2: sum_n (y_n - f(x_n))^2 + lambda sum_i w_i^2; L1: 1/(2N) sum_n (y_n - f(x_n))^2 + lambda sum_i |w_i|; b is not
    penalised (Hung-yi Lee, "Regression: Case Study"; Tibshirani 1996). Diabetes progression of 442 patients from their
    ten columns, the squares and products of these (65 in all, standardised), on `draws` random draws of `train_rows`
    training rows, tested on the other rows.
    """
    X, y = load_diabetes(return_X_y=True)
    within("lambda-sweep: train_rows", train_rows, 10, len(y) - 10)
    X = PolynomialFeatures(2, include_bias=False).fit_transform(X)
    random = np.random.RandomState(seed)
    orders: list[Rows] = [random.permutation(len(y)) for _ in range(draws)]
    sweeps = {name: sweep(name, X, y, orders, train_rows) for name in LAMBDAS}
    chosen = np.array([chosen_by_folds(X, y, order, train_rows, seed) for order in orders])
    rows = []
    for name, one in sweeps.items():
        best = int(one.errors["test"].mean(axis=0).argmin())
        for at, place in ((0, "least"), (best, "best"), (len(one.lambdas) - 1, "most")):
            zeros = int((one.weights[at] == 0).sum())
            rows.append(
                (
                    name,
                    f"{place}: {plain_number(float(f'{one.lambdas[at]:.2g}'))}",
                    *(mean_plus_minus(one.errors[part][:, at]) for part in ("train", "test")),
                    str(zeros),
                )
            )
    table = Table(
        "Root mean squared error",
        columns("penalty", "lambda", "train#", "test#", "weights at 0#"),
        rows,
        f"Means over {draws} draws with 95% intervals of draws from this table; weights of the first draw. best: "
        "the lambda of least mean test error.",
    )
    l2 = sweeps["L2"]
    train, test = (l2.errors[part].mean(axis=0) for part in ("train", "test"))
    best = int(test.argmin())
    gain = l2.errors["test"][:, 0] - l2.errors["test"][:, best]
    rises = "only rises" if (np.diff(train) >= -1e-9).all() else "does not only rise"
    down = f"goes from {test[0]:.1f} down to" if best else "is least with the least,"
    up = f" and up to {test[-1]:.1f} again" if best < len(test) - 1 else ", the largest tried"
    zeros = (sweeps["L1"].weights == 0).sum(axis=1)
    l1_best = int(sweeps["L1"].errors["test"].mean(axis=0).argmin())
    summary = [
        f"With L2, training error {rises} with lambda, from {train[0]:.1f} to {train[-1]:.1f}, while test error "
        f"{down} {test[best]:.1f} at lambda = {plain_number(float(f'{l2.lambdas[best]:.2g}'))} "
        f"(gain {mean_plus_minus(gain)}){up}.",
        "Choosing lambda for each draw by five folds of its training rows alone gives a test error of "
        f"{mean_plus_minus(chosen)}.",
        f"L1's best lambda sets {zeros[l1_best]} of {X.shape[1]} weights to exactly 0, "
        f"L2's {int((l2.weights[best] == 0).sum())}.",
    ]
    sections = [
        Section("Training and test error", [error_figure(sweeps, draws), table]),
        Section("The weights", [weight_figure(sweeps)]),
    ]
    return Report("Regularisation: the sweep of lambda", summary, sections)


def standardised(train: Array, other: Array) -> tuple[Array, Array]:
    """Both by the mean and the standard deviation of the training rows."""
    scaler = Standardisation().fit(train)
    return scaler.transform(train), scaler.transform(other)


def path(name: str, X: Array, y: Array) -> tuple[Array, Array]:
    """Weights (lambdas, columns) and biases (lambdas,) of one penalty."""
    if name == "L2":
        return ridge_path(X, y, LAMBDAS[name])
    models = [LassoRegression(alpha=alpha, tol=TOLERANCE).fit(X, y) for alpha in LAMBDAS[name]]
    return np.array([model.coef_ for model in models]), np.array([model.intercept_ for model in models])


def errors_of(X: Array, y: Array, weights: Array, biases: Array) -> Array:
    """Root mean squared error of each lambda, (lambdas,)."""
    squared: Array = ((y - weights @ X.T - biases[:, None]) ** 2).mean(axis=1)
    return np.sqrt(squared)


def sweep(name: str, X: Array, y: Array, orders: list[Rows], train_rows: int) -> PenaltySweep:
    """One penalty on all draws."""
    errors: dict[str, list[Array]] = {"train": [], "test": []}
    kept = []
    for order in orders:
        train, test = order[:train_rows], order[train_rows:]
        seen, unseen = standardised(X[train], X[test])
        weights, biases = path(name, seen, y[train])
        errors["train"].append(errors_of(seen, y[train], weights, biases))
        errors["test"].append(errors_of(unseen, y[test], weights, biases))
        kept.append(weights)
    return PenaltySweep(LAMBDAS[name], {part: np.array(found) for part, found in errors.items()}, kept[0])


def chosen_by_folds(X: Array, y: Array, order: Rows, train_rows: int, seed: int) -> float:
    """Test error of the L2 lambda that five folds of the training rows choose."""
    train, test = order[:train_rows], order[train_rows:]
    scores = []
    for inner, held in n_folds(train_rows, 5, seed=seed):
        seen, unseen = standardised(X[train[inner]], X[train[held]])
        scores.append(errors_of(unseen, y[train[held]], *path("L2", seen, y[train[inner]])) ** 2)
    best = int(np.mean(scores, axis=0).argmin())
    seen, unseen = standardised(X[train], X[test])
    return float(errors_of(unseen, y[test], *path("L2", seen, y[train]))[best])


def error_figure(sweeps: dict[str, PenaltySweep], draws: int) -> Figure:
    """Training and test error over lambda, a panel a penalty."""
    caption = f"Means over {draws} draws of the training rows with 95% intervals; the unit is that of the progression."

    @framed("lambda-errors", "Training and test error against lambda", caption, count=2, height=3.1)
    def drawn(*panels: Axes) -> None:
        for axes, (name, one) in zip(panels, sweeps.items(), strict=True):
            for part, colour, marker in (("train", BLUE, "o"), ("test", VERMILLION, "s")):
                looks = {"color": colour, "marker": marker, "markersize": 4, "capsize": 2}
                draw_means(axes, one.lambdas, one.errors[part].T, label=part, **looks)
            axes.set_xscale("log")
            plain_logarithms(axes.xaxis)
            axes.set(title=name, xlabel="lambda")
            axes.grid()
        panels[0].set_ylabel("root mean squared error")
        panels[1].legend(loc="upper left", fontsize=7.5)

    return drawn


def weight_figure(sweeps: dict[str, PenaltySweep]) -> Figure:
    """Every weight over lambda; those that L1 keeps longest are coloured in both panels."""
    kept = np.argsort(-(sweeps["L1"].weights != 0).sum(axis=0), kind="stable")[:4]

    caption = (
        "All 65 weights of the first draw, the largest cut off; coloured: the four that L1 keeps longest, in both "
        "panels."
    )

    @framed("lambda-weights", "The weights against lambda", caption, count=2, height=3.1)
    def drawn(*panels: Axes) -> None:
        reach = 0.0
        for axes, (name, one) in zip(panels, sweeps.items(), strict=True):
            axes.plot(one.lambdas, one.weights, color=GREY, linewidth=0.6, alpha=0.6)
            for column, colour in zip(kept, COLOURS, strict=False):
                axes.plot(one.lambdas, one.weights[:, column], color=colour, linewidth=1.6)
            reach = max(reach, float(np.abs(one.weights[len(one.weights) // 4 :]).max()))
            axes.set_xscale("log")
            plain_logarithms(axes.xaxis)
            axes.set(title=name, xlabel="lambda")
            axes.grid()
        panels[0].set(ylabel="weight of a standardised column", ylim=(-1.1 * reach, 1.1 * reach))

    return drawn
