"""XOR: where logistic regression ends, and three ways on: made features, learned features, a kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline

from kshot.classic.classification.cascade import CascadedLogisticRegression
from kshot.classic.classification.classifier import Classifier
from kshot.classic.classification.kernel import Distances, KernelLogisticRegression
from kshot.classic.classification.logistic import LogisticRegression
from kshot.classic.data.inputs import Array
from kshot.classic.experiments.boundaries import LOOKS, draw_boundary
from kshot.classic.experiments.registry import experiment
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.numbers import brackets
from kshot.eval.statistics import wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CORNERS = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
CLASSES = np.array([0, 0, 1, 1])


@experiment
def xor_limit(*, rows: int = 200, noise: float = 0.1, starts: int = 40, seed: int = 0) -> Report:
    """No straight line divides XOR; distances to two corners, two logistic regressions before it, or a kernel do.

    Hung-yi Lee, "Classification: Logistic Regression": the limitation, feature transformation, and cascading logistic
    regression models. `rows` train and as many test rows around the four corners with `noise` as standard deviation.
    """
    random = np.random.default_rng(seed)
    X, y = clusters(rows, noise, random)
    unseen, labels = clusters(rows, noise, random)
    corners = np.array([[0.0, 0.0], [1.0, 1.0]])
    models: dict[str, BaseEstimator] = {
        "logistic regression": LogisticRegression(),
        "on distances to (0, 0) and (1, 1)": make_pipeline(Distances(points=corners), LogisticRegression()),
        "cascade, 2 hidden units": CascadedLogisticRegression(hidden=2, random_state=seed),
        "polynomial kernel, degree 2": KernelLogisticRegression(kernel="polynomial", degree=2),
        "RBF kernel": KernelLogisticRegression(kernel="rbf"),
    }
    lines, accuracy = [], {}
    for name, model in models.items():
        model.fit(X, y)
        right = int((model.predict(unseen) == labels).sum())
        accuracy[name] = 100 * right / rows
        train = 100 * model.score(X, y)
        lines.append((name, f"{train:.1f}", f"{accuracy[name]:.1f}", brackets(wilson(right, rows), scale=100)))
    table = Table(
        "XOR by five models",
        columns("model", "train (%)#", "test (%)#", "95% interval"),
        lines,
        f"Accuracy on {rows} test rows around the four corners.",
    )
    solved = {hidden: solving(hidden, starts, seed, X, y) for hidden in (1, 2, 3, 4, 8)}
    luck = Table(
        "Random starts from which the cascade solves XOR",
        columns("hidden units#", f"of {starts} starts#", "95% interval (%)"),
        [(str(hidden), str(count), brackets(wilson(count, starts), 0, scale=100)) for hidden, count in solved.items()],
        "Solved: at least 90% of the train rows right, from one start each.",
    )
    reachable = four_points()
    straight, cascade = accuracy["logistic regression"], accuracy["cascade, 2 hidden units"]
    others = [value for name, value in accuracy.items() if name != "logistic regression"]
    summary = [
        f"A straight line gets {straight:.1f}% of XOR right; features made by hand, a cascade of three logistic "
        f"regressions, and kernels get {min(others):.1f} to {max(others):.1f}%, the cascade {cascade:.1f}%.",
        f"Of the four corners themselves the best line gets {reachable} right, found by trying "
        f"{len(directions())} directions with every threshold.",
        f"Two hidden units are {of_starts(solved[2], starts)}: {solved[2]} of {starts} random starts end in a "
        f"solution; of eight units {solved[8]} do.",
    ]
    sections = [
        Section("Five models", [regions_figure(models, X, y), table]),
        Section("The cascade's own features", [hidden_figure(models["cascade, 2 hidden units"], X, y), luck]),
    ]
    return Report("The limit of logistic regression, and the first neural network", summary, sections)


def of_starts(solved: int, starts: int) -> str:
    """Whether so many units do, by how many starts ended in a solution."""
    return "enough from every start" if solved == starts else "enough but not safe" if solved else "not enough here"


def clusters(rows: int, noise: float, random: np.random.Generator) -> tuple[Array, Any]:
    """Rows around the four corners in turn, and 1 where exactly one coordinate is near 1."""
    corner = np.arange(rows) % 4
    return CORNERS[corner] + noise * random.normal(size=(rows, 2)), CLASSES[corner]


def directions() -> Array:
    """Unit vectors all around, half a degree apart, (720, 2)."""
    angles = np.deg2rad(np.arange(720) / 2)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def four_points() -> int:
    """The most of the four corners that any line gets right: a line orders them, and cuts somewhere."""
    along = directions() @ CORNERS.T  # (directions, 4)
    most = 0
    for positions in along:
        for threshold in [positions.min() - 1, *(positions + 1e-9)]:
            most = max(most, int(((positions > threshold) == CLASSES).sum()))
    return most


def solving(hidden: int, starts: int, seed: int, X: Array, y: Any) -> int:
    """From how many single starts training ends with at least 90% of the rows right."""
    found = 0
    for start in range(starts):
        model = CascadedLogisticRegression(hidden=hidden, n_init=1, random_state=seed + start, tol=1e-3)
        found += bool(model.fit(X, y).score(X, y) >= 0.9)
    return found


def regions_figure(models: dict[str, Any], X: Array, y: Any) -> Figure:
    """The train rows and what each model makes of the plane."""
    caption = "Train rows; the shade is the more probable class, the black line where both are as probable."

    @framed("xor-regions", "What each model makes of XOR", caption, count=len(models), height=2.9, columns=3)
    def drawn(*panels: Axes) -> None:
        for axes, (name, model) in zip(panels, models.items(), strict=True):
            draw_boundary(axes, model, X, y)
            axes.set(title=name, xlabel="x1")
        panels[0].set_ylabel("x2")
        panels[3].set_ylabel("x2")
        handles, names = panels[0].get_legend_handles_labels()
        panels[0].figure.legend(handles, names, title="class", loc="center", bbox_to_anchor=(0.84, 0.25), fontsize=8)

    return drawn


def hidden_figure(model: Classifier, X: Array, y: Any) -> Figure:
    """The rows in the plane of the cascade's two hidden units, and the last layer's line through it."""
    assert isinstance(model, CascadedLogisticRegression)

    caption = (
        "Train rows as the first layer hands them on: a straight line has "
        f"{100 * model.score(X, y):.1f}% of them on the right side."
    )

    @framed("xor-hidden", "XOR in the features that the cascade learned", caption, width=4.2, height=3.4)
    def drawn(axes: Axes) -> None:
        made = model.hidden_features(X)
        for label, (colour, marker) in zip(model.classes_, LOOKS, strict=True):
            chosen = made[y == label]
            axes.plot(*chosen.T, marker, color=colour, markerfacecolor="none", markersize=4.5, label=f"class {label}")
        (w1, w2), b = model.coefs_[1][0], model.intercepts_[1][0]
        ends = np.array([-0.05, 1.05])
        axes.plot(ends, -(w1 * ends + b) / w2, color="black", linewidth=1.3, label="the last layer's line")
        axes.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.05), xlabel="x1' = σ(w1 x + b1)", ylabel="x2' = σ(w2 x + b2)")
        axes.grid()
        axes.legend(loc="best", fontsize=7.5)

    return drawn
