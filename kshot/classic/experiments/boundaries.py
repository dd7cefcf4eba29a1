"""How an experiment draws a classifier of two columns: its probability as shades, its boundary, the rows on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kshot.classic.classification.classifier import Classifier
from kshot.classic.data.inputs import Array
from kshot.eval.report.style import BLUE, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS = ((BLUE, "o"), (VERMILLION, "s"))


def draw_boundary(axes: Axes, model: Classifier, X: Array, y: Any, *, margin: float = 0.08) -> None:
    """Shades by P(C_1 | x), a line where it is one half, and the rows, a colour and a marker a class."""
    low, high = X.min(axis=0), X.max(axis=0)
    low, high = low - margin * (high - low), high + margin * (high - low)
    across, up = np.meshgrid(np.linspace(low[0], high[0], 200), np.linspace(low[1], high[1], 200))
    probability = model.predict_proba(np.column_stack([across.ravel(), up.ravel()]))[:, 1].reshape(across.shape)
    axes.contourf(across, up, probability, levels=[0, 0.5, 1], colors=[BLUE, VERMILLION], alpha=0.10)
    if probability.min() < 0.5 < probability.max():
        axes.contour(across, up, probability, levels=[0.5], colors="black", linewidths=1.3)
    for label, (colour, marker) in zip(model.classes_, LOOKS, strict=True):
        rows = X[np.asarray(y) == label]
        axes.plot(
            rows[:, 0],
            rows[:, 1],
            marker,
            color=colour,
            markersize=3.2,
            markerfacecolor="none",
            markeredgewidth=0.8,
            linestyle="none",
            label=str(label),
            alpha=0.9,
        )
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
