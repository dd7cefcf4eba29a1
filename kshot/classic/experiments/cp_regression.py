"""CP after evolution from CP before it: the lecture's line, and the ways by which gradient descent gets there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kshot.classic.data.cp import load_cp
from kshot.classic.data.inputs import Array
from kshot.classic.experiments.registry import experiment
from kshot.classic.regression.linear import LinearRegression
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.style import BLUE, VERMILLION
from kshot.eval.report.ticks import plain_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

START = (-4.0, -120.0)
"""w and b at first, as in the lecture's demonstration."""
NEAR = 1e-3
"""A path has arrived where w and b are within this share of the best."""


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """w and b before the first step and after each, and when they arrived (None: they did not)."""

    name: str
    lr: float
    line: Array  # (steps + 1, 2), in the units of the data
    own: Array  # the same in the units that were descended in
    arrived: int | None


@experiment
def cp_regression(
    *, lr: float = 1e-6, lr_each: float = 1.0, lr_scaled: float = 0.01, steps: int = 100_000, seed: int = 0
) -> Report:
    """One step size cannot suit both w and b while x is in the hundreds: one for each suits, and so do scaled columns.

    L(w, b) = sum_n (y_n - (b + w x_n))^2;  dL/dw = sum_n -2 x_n (y_n - b - w x_n),  dL/db = sum_n -2 (y_n - b - w x_n)
    (Hung-yi Lee, "Regression: Case Study" and its demonstration, whose ten points and start these are). `lr`: one step
    for both, w <- w - lr dL/dw. `lr_each`: one for each, lr_each / sqrt(sum of its squared slopes so far), as in the
    demonstration (AdaGrad). `lr_scaled`: one for both, x standardised. Nothing is drawn, so `seed` has no use.
    """
    X, y = load_cp()
    best = LinearRegression().fit(X, y)
    goal = np.array([best.coef_[0], best.intercept_])
    paths = [
        travelled("one step size for both", X[:, 0], y, goal, lr, steps),
        travelled("a step size each", X[:, 0], y, goal, lr_each, steps, each=True),
        travelled("one step size, x standardised", X[:, 0], y, goal, lr_scaled, steps, scaled=True),
    ]
    table = Table(
        f"Gradient descent from w = {START[0]:g}, b = {START[1]:g}, {steps:,} steps",
        columns(
            "way",
            "lr#",
            f"steps to within {100 * NEAR:g}%#",
            "w at the end#",
            "b at the end#",
            "loss above the least (%)#",
        ),
        [
            (
                path.name,
                plain_number(path.lr),
                "not reached" if path.arrived is None else f"{path.arrived:,}",
                *ending(path, X[:, 0], y, goal),
            )
            for path in paths
        ],
        f"In closed form: w = {goal[0]:.3f}, b = {goal[1]:.2f}.",
    )
    one, each, scaled = paths
    moments = np.column_stack([X[:, 0], np.ones(len(y))])
    curvature = np.linalg.eigvalsh(2 * moments.T @ moments)

    def told(path: Path) -> str:
        if not np.isfinite(path.line[-1]).all():
            return f"{steps:,} steps leave all bounds"
        if path.arrived is None:
            return f"{steps:,} steps end at w = {path.line[-1, 0]:.2f}, b = {path.line[-1, 1]:.1f}"
        return f"{path.arrived:,} steps arrive"

    summary = [
        f"The best line has w = {goal[0]:.3f} and b = {goal[1]:.2f}; with one step size for both {told(one)}, with a "
        f"step size each {told(each)}, and with x standardised and one step size {told(scaled)}.",
        f"The loss is {curvature[1] / curvature[0]:,.0f} times as curved along its steepest direction as along its "
        f"flattest, so that no step of one size above {2e6 / curvature[1]:.1f} millionths is stable, and below it the "
        "flattest direction crawls; with x standardised both are curved alike.",
    ]
    sections = [
        Section("The line", [line_figure(X[:, 0], y, goal)]),
        Section("The ways down", [table, path_figure(X[:, 0], y, goal, paths[:2]), scaled_figure(X[:, 0], y, scaled)]),
    ]
    return Report("CP after evolution: a line by gradient descent", summary, sections)


def ending(path: Path, x: Array, y: Array, goal: Array) -> tuple[str, ...]:
    """w and b at the end, and by how many percent the loss there is above the least."""
    if not np.isfinite(path.line[-1]).all():
        return "out of bounds", "out of bounds", ""
    above = loss(x, y, path.line[-1:])[0] / loss(x, y, goal[None])[0] - 1
    return f"{path.line[-1, 0]:.3f}", f"{path.line[-1, 1]:.2f}", f"{100 * above:.2f}"


def travelled(
    name: str, x: Array, y: Array, goal: Array, lr: float, steps: int, *, each: bool = False, scaled: bool = False
) -> Path:
    """One descent."""
    middle, spread = (x.mean(), x.std()) if scaled else (0.0, 1.0)
    w, b = START
    own = descend((x - middle) / spread, y, (w * spread, b + w * middle), lr, steps, each=each)
    with np.errstate(invalid="ignore"):
        line = np.column_stack([own[:, 0] / spread, own[:, 1] - own[:, 0] * middle / spread])
        near = (np.abs(line / goal - 1) <= NEAR).all(axis=1)
    return Path(name, lr, line, own, int(near.argmax()) if near.any() else None)


def descend(x: Array, y: Array, start: tuple[float, float], lr: float, steps: int, *, each: bool = False) -> Array:
    """w and b before the first step and after each, (steps + 1, 2). `each`: AdaGrad's step size for each of the two."""
    rows = np.column_stack([x, np.ones_like(x)])
    weights, squares = np.array(start), np.zeros(2)
    path = np.empty((steps + 1, 2))
    path[0] = weights
    with np.errstate(over="ignore", invalid="ignore"):  # a step that is too large leaves all bounds
        for step in range(1, steps + 1):
            slope = -2 * (y - rows @ weights) @ rows  # dL/dw, dL/db
            squares += slope**2
            weights = weights - (lr / np.sqrt(squares) if each else lr) * slope
            path[step] = weights
    return path


def loss(x: Array, y: Array, lines: Array) -> Array:
    """L(w, b) of each line, (lines,)."""
    errors: Array = y - lines[:, 1:] - lines[:, :1] * x
    summed: Array = (errors**2).sum(axis=1)
    return summed


def draw_surface(axes: Axes, x: Array, y: Array, w: tuple[float, float], b: tuple[float, float]) -> None:
    """The loss as bands, each twice the loss of the one within."""
    across, up = np.meshgrid(np.linspace(*b, 121), np.linspace(*w, 121))
    heights = loss(x, y, np.column_stack([up.ravel(), across.ravel()])).reshape(across.shape)
    levels = heights.min() * 2.0 ** np.arange(0, np.ceil(np.log2(heights.max() / heights.min())) + 1)
    axes.contourf(across, up, np.log2(heights), levels=np.log2(levels), cmap="cividis")
    axes.set(xlim=b, ylim=w, xlabel="b (CP)")


def draw_path(axes: Axes, path: Array, goal: Array) -> None:
    """A path with its two ends; of a long one some places, closer together where it is fast."""
    shown = np.unique(np.append(np.geomspace(1, len(path), 300).astype(int) - 1, len(path) - 1))
    axes.plot(path[shown, 1], path[shown, 0], color="white", linewidth=1.4)
    for (w, b), marker, size, word in ((path[0], "o", 6, "start"), (path[-1], "s", 10, "end"), (goal, "*", 8, "best")):
        axes.plot(b, w, marker, color="white", markeredgecolor="black", markersize=size, linestyle="none", label=word)


def path_figure(x: Array, y: Array, goal: Array, paths: list[Path]) -> Figure:
    """The loss over w and b, and the paths in the units of the data."""
    caption = "The loss in bands, each twice the one within; the path of gradient descent in white."

    @framed(
        "cp-paths", "Gradient descent on the loss of the ten points", caption, count=len(paths), height=3.6, columns=2
    )
    def drawn(*panels: Axes) -> None:
        for axes, path in zip(panels, paths, strict=True):
            draw_surface(axes, x, y, (-5.0, 10.0), (-210.0, -90.0))
            draw_path(axes, path.line, goal)
            axes.set(title=f"{path.name}, lr = {plain_number(path.lr)}")
        panels[0].set_ylabel("w (CP after a CP before)")
        panels[0].legend(loc="lower left", fontsize=7.5, frameon=True, facecolor="lightgrey", edgecolor="none")

    return drawn


def scaled_figure(x: Array, y: Array, path: Path) -> Figure:
    """The loss over the weights of a standardised column."""
    caption = "The same loss and the same start over the weights of x less its mean, over its standard deviation."

    @framed("cp-path-scaled", "Gradient descent with x standardised", caption, width=4.4, height=3.6)
    def drawn(axes: Axes) -> None:
        scaled = (x - x.mean()) / x.std()
        goal = np.array([(scaled * y).mean(), y.mean()])
        reach = 1.15 * np.abs(path.own[0] - goal).max()
        draw_surface(axes, scaled, y, (goal[0] - reach, goal[0] + reach), (goal[1] - reach, goal[1] + reach))
        draw_path(axes, path.own, goal)
        axes.set(
            title=f"x standardised, lr = {plain_number(path.lr)}",
            ylabel="w (CP a standard deviation of x)",
            aspect=1,
        )
        axes.locator_params(nbins=5)
        axes.legend(loc="upper right", fontsize=7.5, frameon=True, facecolor="lightgrey", edgecolor="none")

    return drawn


def line_figure(x: Array, y: Array, goal: Array) -> Figure:
    """The ten points and the line."""

    @framed(
        "cp-line",
        "The ten points and the line of least squared error",
        "The lecture's ten Pokemon.",
        width=4.6,
        height=3.0,
    )
    def drawn(axes: Axes) -> None:
        ends = np.array([0.0, 650.0])
        axes.plot(ends, goal[1] + goal[0] * ends, color=VERMILLION, linewidth=1.4)
        axes.annotate(
            f"y = {goal[1]:.1f} + {goal[0]:.2f} x",
            (330, goal[1] + goal[0] * 330),
            xytext=(8, -12),
            textcoords="offset points",
            color="black",
            fontsize=8,
        )
        axes.plot(x, y, "o", color=BLUE, markersize=5, linestyle="none")
        axes.set(xlabel="CP before evolution", ylabel="CP after evolution")
        axes.grid()

    return drawn
