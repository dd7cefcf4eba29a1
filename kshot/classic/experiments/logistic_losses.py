"""Why logistic regression is trained with cross-entropy: squared error is flat where the model is most wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_breast_cancer

from kshot.classic.classification.logistic import LOSSES, logistic_objective
from kshot.classic.data.inputs import Array
from kshot.classic.descent.solvers import Objective
from kshot.classic.experiments.registry import experiment
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.style import BLUE, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS = {"cross-entropy": (BLUE, "o"), "squared-error": (VERMILLION, "s")}
COLUMN = 20  # worst radius
STARTS = {"near": (0.0, 0.0), "far": (-8.0, 2.0)}


@experiment
def logistic_losses(*, lr: float = 0.5, max_iter: int = 20000, seed: int = 0) -> Report:
    """Far from the target cross-entropy's gradient is large and squared error's nearly 0, so that descent crawls.

    dC/dz is f - y for cross-entropy and 2 (f - y) f (1 - f) for squared error (Hung-yi Lee, "Classification: Logistic
    Regression"): the second is nearly 0 at f = 0 though y is 1. One real column (breast cancer, worst radius), so that
    the whole loss surface over w and b can be seen; `lr` is the same for both. Nothing is drawn, so `seed` has no use.
    """
    rows, target = one_column()
    none = np.zeros(2)
    objectives = {name: logistic_objective(rows, target, loss=name, penalty=none) for name in LOSSES}

    def accuracy(weights: Array) -> float:
        return float(((rows @ weights > 0) == target).mean())

    best = accuracy(descend(objectives["cross-entropy"], np.zeros(2), lr, 2000)[-1])
    paths, rows_, steps_to = {}, [], {}
    for start, weights in STARTS.items():
        for name, objective in objectives.items():
            path = paths[start, name] = descend(objective, np.array(weights), lr, max_iter)
            reached = next((step for step, w in enumerate(path) if accuracy(w) >= best - 0.01), None)
            steps_to[start, name] = reached
            slope = float(np.linalg.norm(objective(path[0])[1]))
            rows_.append(
                (
                    start,
                    name,
                    f"{100 * accuracy(path[0]):.1f}",
                    f"{slope:.2g}",
                    f"more than {max_iter}" if reached is None else str(reached),
                    f"{100 * accuracy(path[-1]):.1f}",
                )
            )
    descent = Table(
        f"Gradient descent with lr = {lr:g}",
        columns(
            "start",
            "loss",
            "accuracy at the start (%)#",
            "gradient at the start#",
            f"steps to {100 * (best - 0.01):.1f}%#",
            "accuracy at the end (%)#",
        ),
        rows_,
        f"Train accuracy over {len(target)} rows; the goal is that of the best line less one point; the gradient is of "
        "the loss a row, its Euclidean norm.",
    )
    far = "far"
    slopes = {name: float(np.linalg.norm(objectives[name](np.array(STARTS[far]))[1])) for name in objectives}
    steps = {name: steps_to[far, name] for name in objectives}

    def told(name: str) -> str:
        return f"not within {max_iter} steps" if steps[name] is None else f"in {steps[name]} steps"

    near = {
        name: f"more than {max_iter}" if steps_to["near", name] is None else str(steps_to["near", name])
        for name in objectives
    }
    wrong = 100 * (1 - accuracy(np.array(STARTS[far])))
    summary = [
        f"From a start with {wrong:.1f}% of the rows wrong, cross-entropy comes within a point of the best accuracy "
        f"({100 * best:.1f}%) {told('cross-entropy')}, squared error {told('squared-error')}: the gradient there is "
        f"{slopes['cross-entropy']:.2g} against {slopes['squared-error']:.2g}.",
        f"From w = b = 0 the steps are {near['cross-entropy']} with cross-entropy and {near['squared-error']} with "
        "squared error.",
    ]
    sections = [
        Section("The two surfaces", [surface_figure(objectives, paths), descent]),
        Section("The gradient far from the target", [slope_table(), slope_figure()]),
    ]
    return Report("Cross-entropy against squared error", summary, sections)


def one_column() -> tuple[Array, Array]:
    """Worst radius, standardised, beside a column of ones, (569, 2); and 1 for malignant, 0 for benign."""
    X, benign = load_breast_cancer(return_X_y=True)
    radius = (X[:, COLUMN] - X[:, COLUMN].mean()) / X[:, COLUMN].std()
    return np.column_stack([radius, np.ones(len(X))]), 1.0 - benign


def descend(objective: Objective, start: Array, lr: float, steps: int) -> Array:
    """The weights before the first step of gradient descent and after each, (steps + 1, weights)."""
    path = [start]
    for _ in range(steps):
        path.append(path[-1] - lr * objective(path[-1])[1])
    return np.array(path)


def slope_table() -> Table:
    """|dC/dz| where the target is 1, from far wrong to far right."""
    rows = []
    for z in (-10.0, -5.0, -2.0, 0.0, 2.0, 5.0):
        slopes = [abs(float(LOSSES[name](np.array([z]), np.ones(1))[1][0])) for name in LOOKS]
        rows.append((f"{z:g}", f"{1 / (1 + np.exp(-z)):.2g}", *(f"{slope:.2g}" for slope in slopes)))
    heads = columns("z#", "f(x)#", *(f"{name}#" for name in LOOKS))
    return Table("Size of dC/dz where the target is 1", heads, rows)


def slope_figure() -> Figure:
    """|dC/dz| over z where the target is 1."""
    caption = (
        "The size of a row's gradient: cross-entropy's is largest where the row is most wrong, squared error's is 0."
    )

    @framed("loss-slopes", "The gradient of one row", caption, width=4.6, height=2.8)
    def drawn(axes: Axes) -> None:
        z = np.linspace(-10, 6, 200)
        for name, (colour, marker) in LOOKS.items():
            size = np.abs(LOSSES[name](z, np.ones_like(z))[1])
            axes.plot(z, size, color=colour, marker=marker, markevery=25, markersize=4.5, label=name)
        axes.set(xlabel="z = w x + b (the target is 1)", ylabel="|dC/dz|", ylim=(-0.02, 1.05))
        axes.annotate("wrong", (-10, 0.5), color="black", ha="left", fontsize=8)
        axes.annotate("right", (6, 0.5), color="black", ha="right", fontsize=8)
        axes.grid()
        axes.legend(loc="upper right", fontsize=7.5)

    return drawn


def surface_figure(objectives: dict[str, Objective], paths: dict[tuple[str, str], Array]) -> Figure:
    """Both losses over w and b as contours, with the paths."""
    caption = "The loss over all w and b of one column, and gradient descent's path from two starts with the same step."

    @framed("loss-surfaces", "The loss surfaces of logistic regression", caption, count=2, height=3.7)
    def drawn(*panels: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        across, up = np.meshgrid(np.linspace(-12, 12, 97), np.linspace(-8, 8, 65))
        for axes, (name, objective) in zip(panels, objectives.items(), strict=True):
            heights = [objective(np.array([w, b]))[0] for w, b in zip(across.ravel(), up.ravel(), strict=True)]
            surface = np.array(heights).reshape(across.shape)
            levels = MaxNLocator(14).tick_values(surface.min(), surface.max())
            bands = axes.contourf(across, up, surface, levels=levels, cmap="cividis")
            axes.figure.colorbar(bands, ax=axes, label="loss a row", shrink=0.9)
            for (start, loss), path in paths.items():
                if loss == name:
                    axes.plot(*path.T, color="white", linewidth=1.6)
                    for place, marker, size, word in ((path[0], "o", 7, "start"), (path[-1], "*", 11, "end")):
                        axes.plot(
                            *place,
                            marker,
                            color="white",
                            markeredgecolor="black",
                            markersize=size,
                            linestyle="none",
                            label=word if start == "near" else None,
                        )
            axes.set(title=name, xlabel="w")
        panels[0].set_ylabel("b")
        panels[0].legend(loc="lower left", fontsize=7.5, frameon=True, facecolor="lightgrey", edgecolor="none")

    return drawn
