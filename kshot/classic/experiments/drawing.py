"""What several experiments draw alike: means with their intervals, and images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kshot.classic.data.inputs import Array, Values
from kshot.eval.statistics import t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_means(axes: Axes, places: Sequence[float] | Array, values: Sequence[Values] | Values, **looks: Any) -> None:
    """The mean of each row of values at its place, with its 95% interval by Student's t; of a single value without."""
    means = [float(np.mean(some)) for some in values]
    halves = np.nan_to_num([t_interval(some).half_width for some in values], posinf=0.0)
    axes.errorbar(places, means, yerr=halves, **{"markersize": 4.5, "linewidth": 1.3, "capsize": 2.5, **looks})


def draw_image(axes: Axes, pixels: Values, *, low: float | None = None, high: float | None = None) -> None:
    """An image as coloured squares, dark where it is large."""
    axes.pcolormesh(pixels, cmap="Greys", vmin=low, vmax=high, edgecolors="face", linewidth=0)
    axes.set_ylim(len(pixels), 0)  # the first row on top
    axes.set_aspect("equal")
    axes.set_axis_off()
