"""Means over starts or draws, with what they could have been."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from kshot.eval.statistics import Interval


def t_interval(values: Sequence[float] | np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Interval:
    """The 95% interval of a mean of any numbers, by Student's t with n - 1 degrees of freedom.

    >>> interval = t_interval([1.0, 2.0, 3.0])
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.484, 4.484)
    """
    some = np.asarray(values, float)
    if len(some) < 2:
        return Interval(-np.inf, np.inf)
    half = float(stats.t.ppf(0.975, len(some) - 1) * some.std(ddof=1) / np.sqrt(len(some)))
    return Interval(float(some.mean()) - half, float(some.mean()) + half)
