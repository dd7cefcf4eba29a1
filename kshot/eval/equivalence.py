"""Whether two strategies are as good as alike: two one-sided tests, whose null is that they differ.

A p above 0.05 of a test for a difference says nothing of the kind; here a small p says that the difference lies within
a margin that was named beforehand (Schuirmann 1987, J. Pharmacokin. Biopharm. 15:657).

Meets: size and power checked by simulation; scores of 0 and 1 by the score test, which needs no resampling. Concedes:
fractions and clusters go by the bootstrap, widened for few units (Hesterberg 2015, The American Statistician 69:371),
and are rough below some ten units.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kshot.eval.spread import in_pieces
from kshot.eval.statistics import LIMIT, Interval, indices, normal_quantile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DRAWS = 10_000
SCORE, BOOTSTRAP, BOUND = "score test", "bootstrap", "binomial bound"
"""How `equivalence` came by p: the first for scores of 0 and 1, the last where all units have the same difference."""


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Whether a mean difference lies within a margin."""

    n: int  # samples
    difference: float  # their mean
    margin: float
    interval: Interval  # at 1 - 2 alpha: within the margin just where p is at most alpha
    p: float  # the larger of two one-sided p, each of the difference being as large as the margin or larger
    test: str
    alpha: float = 0.05
    clusters: int | None = None  # how many, where samples come in clusters

    @property
    def shown(self) -> bool:
        """Whether the difference is shown to lie within the margin."""
        return self.p <= self.alpha


def equivalence(
    differences: Sequence[float],
    margin: float,
    *,
    clusters: Sequence[Hashable] | None = None,
    alpha: float = 0.05,
    seed: int = 0,
    draws: int = DRAWS,
) -> Equivalence:
    """Two one-sided tests that the mean of paired differences, each in [-1, 1], lies within +-margin.

    Differences of -1, 0 and 1 without clusters go by Tango's score test (1998, Statistics in Medicine 17:891), all
    others by the paired bootstrap over samples or whole clusters. Raises ValueError for no difference or a margin that
    is none.

    >>> found = equivalence([1] * 12 + [-1] * 10 + [0] * 378, 0.05)
    >>> found.shown, round(found.difference, 3), found.test
    (True, 0.005, 'score test')
    """
    import numpy as np

    if not 0 < margin < 1 or not 0 < alpha < 0.5:
        raise ValueError(f"margin is {margin} and alpha {alpha}; a margin is a share, alpha below one half")
    values = np.asarray(differences, dtype=float)
    if not len(values) or (clusters is not None and len(clusters) != len(values)):
        raise ValueError(f"{len(values)} differences and {'no' if clusters is None else len(clusters)} clusters")
    if np.abs(values).max() > 1 or np.isnan(values).any():
        raise ValueError("a difference of two scores lies between -1 and 1")
    n, mean = len(values), float(values.mean())
    groups = np.arange(n) if clusters is None else np.asarray(indices(clusters))
    sums, sizes = np.bincount(groups, weights=values).astype(np.float64), np.bincount(groups)
    number = None if clusters is None else len(sums)
    if np.ptp(sums / sizes) < 1e-12:
        interval, p, test = *bounded(mean, len(sums), margin, alpha), BOUND
    elif clusters is None and bool(np.isin(values, (-1.0, 0.0, 1.0)).all()):
        up, down = int((values > 0).sum()), int((values < 0).sum())
        interval = Interval(score_limit(up, down, n, alpha, low=True), score_limit(up, down, n, alpha, low=False))
        p, test = max(score_p(up, down, n, margin), score_p(down, up, n, margin)), SCORE
    else:
        interval, p = resampled(sums, sizes, margin, alpha, draws, seed)
        test = BOOTSTRAP
    return Equivalence(n, mean, margin, interval, p, test, alpha, number)


def bounded(mean: float, units: int, margin: float, alpha: float) -> tuple[Interval, float]:
    """Of units that are all alike: what share of unlike ones so many leave possible (Clopper and Pearson 1934)."""
    unseen = 1 - alpha ** (1 / units)
    interval = Interval(mean - unseen * (mean + 1), mean + unseen * (1 - mean))
    if abs(mean) >= margin:
        return interval, 1.0
    needed = min((margin - mean) / (1 - mean), (margin + mean) / (1 + mean))  # the share that would reach the margin
    return interval, (1 - needed) ** units


def score_p(up: int, down: int, n: int, margin: float) -> float:
    """One-sided p that the difference is not below the margin: were it, that of one as small as was seen."""
    from statistics import NormalDist

    return NormalDist().cdf(score_statistic(up, down, n, margin))


def score_statistic(up: int, down: int, n: int, difference: float) -> float:
    """Tango's score statistic of the difference (equation 6), the discordant share at its most likely under it."""
    first = 2 * n
    second = -up - down + (2 * n - up + down) * difference
    third = -down * difference * (1 - difference)
    share = (math.sqrt(max(second * second - 4 * first * third, 0.0)) - second) / (2 * first)  # of down
    variance = n * (2 * share + difference * (1 - difference))
    gap = up - down - n * difference
    if variance <= 0:
        return math.copysign(math.inf, gap) if gap else 0.0
    return gap / math.sqrt(variance)


def score_limit(up: int, down: int, n: int, alpha: float, *, low: bool) -> float:
    """The end of the score interval: the difference at which the statistic is as large as chance lets it be."""
    z = normal_quantile(1 - 2 * alpha)
    target = z if low else -z
    lowest, highest = (-1.0, (up - down) / n) if low else ((up - down) / n, 1.0)
    for _ in range(60):
        middle = (lowest + highest) / 2
        if score_statistic(up, down, n, middle) > target:
            lowest = middle
        else:
            highest = middle
    return (lowest + highest) / 2


def resampled(
    sums: NDArray[np.float64], sizes: NDArray[np.int64], margin: float, alpha: float, draws: int, seed: int
) -> tuple[Interval, float]:
    """Interval and p from resampled units, their distances from the mean widened as Student's t is than normal."""
    import numpy as np
    from scipy import stats

    units, mean = len(sums), float(sums.sum() / sizes.sum())
    kinds, counts = np.unique(np.stack([sums, sizes]), axis=1, return_counts=True)
    rng = np.random.default_rng(seed)

    def drawn(rows: int) -> NDArray[np.float64]:
        times = rng.multinomial(units, counts / units, size=rows)  # (rows, kinds)
        found: NDArray[np.float64] = (times @ kinds[0]) / (times @ kinds[1])
        return found

    if len(counts) >= LIMIT:
        error = float(np.sqrt(((sums - mean * sizes) ** 2).sum())) / float(sizes.sum())
        means = mean + error * rng.standard_normal(draws)
    else:
        means = in_pieces(drawn, len(counts), draws)
    wider = float(stats.t.ppf(1 - alpha, units - 1)) / normal_quantile(1 - 2 * alpha) * math.sqrt(units / (units - 1))
    means = mean + wider * (means - mean)
    low, high = np.quantile(means, [alpha, 1 - alpha])
    beyond = max(int((means >= margin).sum()), int((means <= -margin).sum()))
    return Interval(float(low), float(high)), (1 + beyond) / (1 + draws)
