"""The mean over tasks, every task counting alike, with an interval made of the tasks' own."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kshot.eval.statistics import Interval


def macro(estimates: Sequence[tuple[float, Interval]]) -> tuple[float, Interval]:
    """The mean of independent estimates, and its interval from theirs. Raises ValueError without any.

    Each end is as far from the mean as the tasks' ends are from their estimates, put together as independent errors
    are: the method of variance estimates recovery (Zou and Donner 2008, Statistics in Medicine 27:1693, equation 9),
    of two proportions' difference Newcombe's hybrid score interval (1998, ibid. 17:873). So a task without spread
    counts with the uncertainty that its own interval has.

    >>> mean, interval = macro([(0.5, Interval(0.4, 0.6)), (1.0, Interval(0.8, 1.0))])
    >>> round(mean, 3), round(interval.low, 3), round(interval.high, 3)
    (0.75, 0.638, 0.8)
    """
    if not estimates:
        raise ValueError("no estimates")
    count = len(estimates)
    mean = math.fsum(value for value, _ in estimates) / count
    below = math.hypot(*(value - interval.low for value, interval in estimates)) / count
    above = math.hypot(*(interval.high - value for value, interval in estimates)) / count
    return mean, Interval(mean - below, mean + above)
