"""Columns of different sizes make a long valley of the loss; min-max and standardisation make it round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_diabetes

from kshot.classic.data.inputs import Array
from kshot.classic.descent.descend import Descent, Rows, RowsObjective, descend
from kshot.classic.descent.optimizers import SGD
from kshot.classic.experiments.registry import experiment
from kshot.classic.regression.feature_scaling import MinMax, Scaler, Standardisation
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.style import BLUE, COLOURS, MARKERS, VERMILLION
from kshot.eval.report.ticks import plain_logarithms

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCALERS: dict[str, Scaler | None] = {"as they are": None, "min-max": MinMax(), "standardised": Standardisation()}
LOOKS = dict(zip(SCALERS, zip(COLOURS, MARKERS, strict=False), strict=False))
COLUMNS = {"s5 and bp": ("s5", "bp"), "all ten columns": ()}


@experiment
def feature_scaling(*, updates: int = 20000, gap: float = 0.001, seed: int = 0) -> Report:
    """A column a hundred times larger makes the loss a hundred by hundred times steeper along its weight.

    L = 1/N sum_n (y_n - b - w x_n)^2 has the Hessian H = 2/N sum_n x_n x_n^T; lr must stay below 2 / lambda_max, and
    along the flattest direction each update then leaves 1 - lr lambda_min of the way, so that the updates needed grow
    as the condition number lambda_max / lambda_min (Hung-yi Lee, "Gradient Descent", tip 3: feature scaling). Linear
    regression on the diabetes data in their own units; lr is 1 / lambda_max everywhere. Nothing is drawn, so `seed` has
    no use.
    """
    data = load_diabetes(scaled=False)
    y = data.target
    found: dict[tuple[str, str], Fit] = {}
    for title, names in COLUMNS.items():
        X = data.data[:, [data.feature_names.index(name) for name in names or data.feature_names]]
        for scaling, scaler in SCALERS.items():
            rows = X if scaler is None else scaler.fit_transform(X)
            found[title, scaling] = Fit(np.column_stack([rows, np.ones(len(rows))]), y, updates)
    lines = []
    for (title, scaling), fit in found.items():
        needed = fit.updates_to(gap)
        lines.append(
            (
                title,
                scaling,
                f"{fit.condition:,.0f}",
                f"{fit.lr:.2g}",
                f"more than {updates:,}" if needed is None else f"{needed:,}",
                f"{fit.descent.losses[-1]:,.0f}",
                f"{fit.least:,.0f}",
            )
        )
    table = Table(
        "Gradient descent with the columns in three scales",
        columns(
            "columns",
            "scaling",
            "condition number#",
            "lr#",
            f"updates to {100 * gap:g}% left#",
            f"loss after {updates:,}#",
            "least loss#",
        ),
        lines,
        f"{len(y)} rows; from weights of 0; mean squared error; left is of the way from the first loss to the least.",
    )

    def told(title: str, scaling: str) -> str:
        needed = found[title, scaling].updates_to(gap)
        return f"more than {updates:,}" if needed is None else f"{needed:,}"

    two, ten = COLUMNS
    conditions = [f"{found[two, scaling].condition:,.0f}" for scaling in SCALERS]
    few, many = ([told(title, scaling) for scaling in SCALERS] for title in (two, ten))
    summary = [
        f"To {100 * gap:g}% of the way left, gradient descent on two columns takes {few[0]} updates as they are, "
        f"{few[1]} after min-max and {few[2]} standardised: the condition number falls from {conditions[0]} to "
        f"{conditions[1]} and {conditions[2]}.",
        f"On all ten columns it takes {many[0]}, {many[1]} and {many[2]}: columns that say nearly the same leave a "
        f"condition number of {found[ten, 'standardised'].condition:,.0f}, which no scale of a column takes away.",
        "Min-max leaves a mean that is not 0, which ties the weights to b; standardised, b is apart from them.",
    ]
    sections = [
        Section("Two weights", [paths_figure({scaling: found[two, scaling] for scaling in SCALERS})]),
        Section("Updates", [loss_figure(found), table]),
    ]
    return Report("Feature scaling", summary, sections)


class Fit:
    """Linear regression by gradient descent on rows that end in a 1; b is the last weight."""

    def __init__(self, rows: Array, y: Array, updates: int) -> None:
        self.rows, self.y = rows, y
        curvature = np.linalg.eigvalsh(2 / len(y) * rows.T @ rows)
        self.condition = float(curvature[-1] / curvature[0])
        self.lr = float(1 / curvature[-1])
        self.best: Array = np.linalg.lstsq(rows, y, rcond=None)[0].astype(np.float64)
        self.least = squared(rows, y)(self.best, slice(None))[0]
        self.descent: Descent = descend(squared(rows, y), np.zeros(rows.shape[1]), SGD(lr=self.lr), updates=updates)

    def updates_to(self, gap: float) -> int | None:
        """Updates until this share of the way is left."""
        return self.descent.updates_to(self.least + gap * (self.descent.losses[0] - self.least))


def squared(rows: Array, y: Array) -> RowsObjective:
    """L = 1/N sum_n (y_n - w x_n)^2, and its gradient -2/N sum_n (y_n - w x_n) x_n."""

    def objective(w: Array, chosen: Rows) -> tuple[float, Array]:
        left = y[chosen] - rows[chosen] @ w
        gradient: Array = -2 / len(left) * rows[chosen].T @ left
        return float(left @ left) / len(left), gradient

    return objective


def paths_figure(fits: dict[str, Fit]) -> Figure:
    """The loss over two weights, b at its best for each pair, and the path."""
    caption = (
        "The loss over the weights of two columns, b at its best for each pair; threefold from contour to contour, "
        "both axes of one scale. Gradient descent from 0, lr = 1 / lambda_max; every "
        "early update, later ones further apart."
    )

    @framed("scaling-paths", "The path in three scales", caption, count=3, height=3.3, apart=True)
    def drawn(*panels: Axes) -> None:
        for axes, (scaling, fit) in zip(panels, fits.items(), strict=True):
            seen = np.unique(np.geomspace(1, len(fit.descent.path), 80).astype(int)) - 1
            path = fit.descent.path[seen, :2]
            centre = fit.best[:2]
            reach = 1.25 * max(np.abs(path - centre).max(), 1e-9)
            across, up = (np.linspace(middle - reach, middle + reach, 101) for middle in centre)
            X = fit.rows[:, :2] - fit.rows[:, :2].mean(axis=0)  # b at its best takes the means away
            H = X.T @ X / len(X)
            away = np.stack(np.meshgrid(across - centre[0], up - centre[1]), axis=-1)
            surface = np.einsum("...i,ij,...j", away, H, away)
            levels = surface.max() * 3.0 ** np.arange(-9, 1)
            axes.contour(across, up, surface, levels=levels, colors="grey", linewidths=0.6, alpha=0.8)
            axes.plot(*path.T, color=VERMILLION, marker=".", markersize=3.5, linewidth=0.9)
            axes.plot(*path[0], "o", color="black", markersize=5, label="start")
            axes.plot(*path[-1], "s", color=BLUE, markersize=5, label="last update")
            axes.plot(*centre, "*", color="black", markersize=9, label="least loss")
            axes.set(title=f"{scaling}\ncondition {fit.condition:,.0f}", xlabel="weight of s5", aspect="equal")
            if scaling == "as they are":
                axes.set_ylabel("weight of bp")
                axes.legend(loc="upper left", fontsize=7.5)

    return drawn


def loss_figure(found: dict[tuple[str, str], Fit]) -> Figure:
    """The share of the way that is left, over updates."""
    caption = "Loss less the least loss, as a share of what it was at the start, over updates of gradient descent."

    @framed("scaling-loss", "Loss over updates in three scales", caption, count=len(COLUMNS), height=3.0, columns=2)
    def drawn(*panels: Axes) -> None:
        for axes, title in zip(panels, COLUMNS, strict=True):
            for scaling, (colour, marker) in LOOKS.items():
                fit = found[title, scaling]
                left = (fit.descent.losses - fit.least) / (fit.descent.losses[0] - fit.least)
                seen = np.unique(np.geomspace(1, len(left), 60).astype(int)) - 1
                axes.plot(
                    seen + 1,
                    100 * np.maximum(left[seen], 1e-9),
                    color=colour,
                    marker=marker,
                    markersize=3.5,
                    linewidth=1.2,
                    label=scaling,
                )
            axes.set(xscale="log", yscale="log", title=title, xlabel="update, the start as 1", ylim=(1e-3, 150))
            plain_logarithms(axes.xaxis)
            plain_logarithms(axes.yaxis)
            axes.grid()
        panels[0].set_ylabel("of the way left (%)")
        panels[0].legend(loc="center right", fontsize=7.5)

    return drawn
