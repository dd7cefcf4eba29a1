"""How far two orders agree: Spearman's rank correlation with an interval.

Meets: ties; p by permutation, exact for few pairs (SciPy's). Concedes: the interval is an approximation, a little
narrow below ten pairs and with many ties.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kshot.eval.statistics import Interval, normal_quantile

PERMUTATIONS = 10_000
FEWEST = 4


@dataclass(frozen=True, slots=True)
class RankCorrelation:
    """Spearman's rho of pairs."""

    n: int  # pairs
    rho: float
    interval: Interval
    p: float  # two-sided, that there is none


def spearman(
    a: Sequence[float], b: Sequence[float], *, level: float = 0.95, seed: int = 0, draws: int = PERMUTATIONS
) -> RankCorrelation:
    """Spearman's rank correlation (1904, Am. J. Psychology 15:72), equal values given their mean rank.

    The interval is Bonett and Wright's (2000, Psychometrika 65:23): Fisher's z with variance (1 + rho^2 / 2) / (n - 3).
    A rho of 1 has no spread; its lower end is then that of the next lower rho, a swap of two neighbours away. p counts
    permutations whose rho is as far from 0, all of them where they are at most `draws`. Raises ValueError for fewer
    than four pairs, or where one side is the same throughout and has no order.

    >>> found = spearman([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5])
    >>> round(found.rho, 3), round(found.interval.low, 3)
    (0.829, -0.127)
    """
    import numpy as np
    from scipy import stats

    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    n = len(x)
    if n != len(y) or n < FEWEST:
        raise ValueError(f"{n} and {len(y)} values; a rank correlation takes {FEWEST} pairs or more")
    if np.isnan(x).any() or np.isnan(y).any() or not np.ptp(x) or not np.ptp(y):
        raise ValueError("one side is the same throughout, or no number, and has no order")
    ranks, others = stats.rankdata(x), stats.rankdata(y)
    rho = float(np.corrcoef(ranks, others)[0, 1])
    ends = sorted(end_of(rho, n, level, sign) for sign in (-1, 1))

    def correlation(some: object) -> float:
        return float(np.corrcoef(np.asarray(some), others)[0, 1])

    test = stats.permutation_test(
        (ranks,), correlation, permutation_type="pairings", n_resamples=draws, rng=np.random.default_rng(seed)
    )
    return RankCorrelation(n, rho, Interval(*ends), float(test.pvalue))


def end_of(rho: float, n: int, level: float, sign: int) -> float:
    """An end of Bonett and Wright's interval."""
    next_to_one = 1 - 12 / (n**3 - n)
    if abs(rho) > next_to_one:
        if sign * rho > 0:
            return math.copysign(1.0, rho)
        rho = math.copysign(next_to_one, rho)
    half = normal_quantile(level) * math.sqrt((1 + rho * rho / 2) / (n - 3))
    return math.tanh(math.atanh(rho) + sign * half)
