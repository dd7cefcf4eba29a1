"""Intervals, paired tests and corrections: what it takes to say that one strategy beats another.

Meets: pure functions of numbers, explicit seeds, frozen results, checked against SciPy, statsmodels and
published tables. SciPy does the distributions; nothing heavy is imported before a function is called.

Concedes: the bootstrap is the percentile one. A difference that is the same on every sample gives it no
spread to work with, so that its interval then comes from the binomial bound instead. Intervals of
fractional scores are by Student's t, which is rough below some 20 samples. From `LIMIT` distinct differences on,
resampling gives way to its normal limit.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHUNK = 4_000_000
"""Numbers held at once while resampling: 32 MB."""

LIMIT = 2_000
"""Distinct differences from which resampling gives way to what it tends to."""

WILSON, STUDENT, CLUSTERED = "Wilson", "Student's t", "Student's t over clusters"
"""How `named_interval` came by an interval."""

MCNEMAR, SIGN_FLIPS = "exact McNemar", "sign flips"
"""The tests of `paired`: the one for scores of 0 and 1, the other (a permutation test) for fractions and clusters."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval, both ends included."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high

    @property
    def half_width(self) -> float:
        """How far either end is from the middle."""
        return (self.high - self.low) / 2


@dataclass(frozen=True, slots=True)
class Paired:
    """Two sets of scores on the same samples, compared: a minus b."""

    n: int  # samples
    difference: float  # mean of a minus mean of b
    interval: Interval  # of the difference
    p: float  # two-sided, by `test`
    only_a: int  # samples on which a scored higher
    only_b: int
    clusters: int | None = None  # how many were resampled, where samples come in clusters
    test: str = MCNEMAR
    spread: float = 0.0  # standard deviation of the differences between samples (clusters: of their mean differences)


def wilson(successes: float, n: int, level: float = 0.95) -> Interval:
    """The score interval of a proportion (Wilson 1927, JASA 22:209, without continuity correction).

    Fractional successes are taken as they are: the interval is then wide rather than narrow, since no
    scores in [0, 1] with that mean vary more. Nothing observed gives [0, 1]. Raises ValueError.

    >>> interval = wilson(15, 148)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.0624, 0.1605)
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    if n == 0:
        return Interval(0.0, 1.0)
    z = normal_quantile(level)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(low, high)


def clopper_pearson(successes: int, n: int, level: float = 0.95) -> Interval:
    """The exact interval of a proportion (Clopper and Pearson 1934, Biometrika 26:404): covers at least `level`.

    Wider than Wilson's, which covers `level` on average. Nothing observed gives [0, 1]. Raises ValueError.

    >>> interval = clopper_pearson(81, 263)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.2527, 0.3676)
    """
    from scipy import stats

    if n < 0 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; it must be between 0 and 1")
    tail = (1 - level) / 2
    low = float(stats.beta.ppf(tail, successes, n - successes + 1)) if successes else 0.0
    high = float(stats.beta.ppf(1 - tail, successes + 1, n - successes)) if successes < n else 1.0
    return Interval(low, high)


def normal_quantile(level: float) -> float:
    """z such that a standard normal lies within +-z with probability `level`. Raises ValueError."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; it must be between 0 and 1")
    from statistics import NormalDist

    return NormalDist().inv_cdf(0.5 + level / 2)


def mean_interval(values: Sequence[float], level: float = 0.95, clusters: Sequence[Hashable] | None = None) -> Interval:
    """Interval of the mean of scores in [0, 1]: Wilson for 0/1 scores, Student's t for fractions (`named_interval`)."""
    return named_interval(values, level, clusters)[0]


def named_interval(
    values: Sequence[float], level: float = 0.95, clusters: Sequence[Hashable] | None = None
) -> tuple[Interval, str]:
    """The interval of the mean of scores in [0, 1], and how it was come by: WILSON, STUDENT or CLUSTERED.

    With `clusters` (one each value), the standard error is that of sums over clusters (Miller 2024,
    arXiv 2411.00640, section 2.2), scaled by G / (G - 1), with t of G - 1 degrees of freedom. Where scores
    show no spread the interval is Wilson's.
    """
    import numpy as np
    from scipy import stats

    scores = np.asarray(values, dtype=float)
    n = len(scores)
    total = float(scores.sum())
    if n < 2 or (clusters is None and bool(np.isin(scores, (0.0, 1.0)).all())):
        return wilson(min(max(total, 0.0), n), n, level), WILSON
    groups = list(range(n)) if clusters is None else list(clusters)
    mean = total / n
    sums = np.bincount(indices(groups), weights=scores - mean)
    count = len(sums)
    error = float(np.sqrt((sums**2).sum() * count / (count - 1)) / n) if count > 1 else 0.0
    if error < 1e-12:  # no spread to measure: be as careful as with the fewest independent samples
        return wilson(min(max(mean * count, 0.0), count), count, level), WILSON
    half = float(stats.t.ppf(0.5 + level / 2, count - 1)) * error
    return Interval(max(0.0, mean - half), min(1.0, mean + half)), STUDENT if clusters is None else CLUSTERED


def t_interval(values: Sequence[float] | NDArray[np.float64], level: float = 0.95) -> Interval:
    """The interval of a mean of any numbers, by Student's t with n - 1 degrees of freedom; infinite below two values.

    >>> interval = t_interval([1.0, 2.0, 3.0])
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.484, 4.484)
    """
    import numpy as np
    from scipy import stats

    some = np.asarray(values, dtype=float)
    if len(some) < 2:
        return Interval(-math.inf, math.inf)
    mean, half = float(some.mean()), float(some.std(ddof=1)) / math.sqrt(len(some))
    half *= float(stats.t.ppf(0.5 + level / 2, len(some) - 1))
    return Interval(mean - half, mean + half)


def standard_error(values: Sequence[float], clusters: Sequence[Hashable] | None = None) -> float:
    """Standard error of the mean (Miller 2024, arXiv 2411.00640, sections 2.1 and 2.2); nan below two values.

    Of the values' differences between two strategies it is the paired standard error (section 4.2). With
    `clusters`, the covariance within each counts: sqrt of the sum over clusters of squared summed deviations,
    over n. The latter is the paper's own and unscaled; `mean_interval` adds G / (G - 1) for few clusters.

    >>> round(standard_error([1, 0, 1, 1]), 4), round(standard_error([1, 0, 1, 1], ["a", "a", "b", "b"]), 4)
    (0.25, 0.1768)
    """
    import numpy as np

    scores = np.asarray(values, dtype=float)
    n = len(scores)
    if n < 2:
        return math.nan
    if clusters is None:
        return float(scores.std(ddof=1) / math.sqrt(n))
    if len(clusters) != n:
        raise ValueError(f"{n} values and {len(clusters)} clusters")
    sums = np.bincount(indices(clusters), weights=scores - scores.mean())
    return float(np.sqrt((sums**2).sum()) / n)


def indices(labels: Sequence[Hashable]) -> list[int]:
    """Each label's number, in order of appearance."""
    seen: dict[Hashable, int] = {}
    return [seen.setdefault(label, len(seen)) for label in labels]


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided exact p of McNemar's test from the two discordant counts (McNemar 1947; the binomial form).

    >>> round(mcnemar_exact(4, 14), 4)
    0.0309
    """
    from scipy import stats

    if b < 0 or c < 0:
        raise ValueError(f"discordant counts {b} and {c} cannot be negative")
    return 1.0 if b + c == 0 else float(stats.binomtest(b, b + c, 0.5).pvalue)


def holm(pvalues: Sequence[float]) -> list[float]:
    """p-values adjusted for the whole family, in the order given (Holm 1979, Scand. J. Statist. 6:65).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(pvalues)), key=lambda index: pvalues[index])
    adjusted = [0.0] * len(pvalues)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(pvalues) - rank) * pvalues[index]))
        adjusted[index] = highest
    return adjusted


def benjamini_hochberg(pvalues: Sequence[float]) -> list[float]:
    """p-values adjusted so that rejecting those up to q keeps the false discovery rate at q, in the order given.

    Benjamini and Hochberg 1995, J. R. Statist. Soc. B 57:289, for independent or positively dependent tests. Holm's
    guards against a single false claim; this against too large a share of them, where many strategies are screened.

    >>> benjamini_hochberg([0.01, 0.04, 0.03])
    [0.03, 0.04, 0.04]
    """
    order = sorted(range(len(pvalues)), key=lambda index: pvalues[index], reverse=True)
    adjusted = [0.0] * len(pvalues)
    lowest = 1.0
    for rank, index in enumerate(order):
        lowest = min(lowest, pvalues[index] * len(pvalues) / (len(pvalues) - rank))
        adjusted[index] = lowest
    return adjusted


def cochran_q(scores: Sequence[Sequence[float]]) -> tuple[float, float]:
    """(Q, p) of Cochran's test that several strategies are right equally often on the same samples.

    `scores` is (strategies, samples), 0 or 1 (Cochran 1950, Biometrika 37:256); chi-squared with one degree of
    freedom less than strategies, by approximation. Two strategies give McNemar's without correction. Samples on
    which all agree say nothing; where there are no others, (0, 1). Raises ValueError.
    """
    import numpy as np
    from scipy import stats

    table = np.asarray(scores, dtype=float)
    if table.ndim != 2 or table.shape[0] < 2 or not np.isin(table, (0.0, 1.0)).all():
        raise ValueError("Cochran's Q needs scores of 0 or 1, of two strategies or more on the same samples")
    count = len(table)
    columns, rows = table.sum(axis=1), table.sum(axis=0)  # right of each strategy, right on each sample
    spread = float((rows * (count - rows)).sum())
    if spread == 0:
        return 0.0, 1.0
    q = count * (count - 1) * float(((columns - columns.mean()) ** 2).sum()) / spread
    return q, float(stats.chi2.sf(q, count - 1))


def paired(
    a: Sequence[float],
    b: Sequence[float],
    *,
    seed: int = 0,
    draws: int = 10_000,
    level: float = 0.95,
    clusters: Sequence[Hashable] | None = None,
) -> Paired:
    """Scores of two strategies on the same samples, a minus b.

    The interval is the paired percentile bootstrap (Efron and Tibshirani 1993, chapter 13). Samples with the
    same difference are alike, so a draw is one multinomial over the distinct differences. With `clusters` (one
    each sample), whole clusters are resampled, and p comes from flipping the sign of whole clusters.
    Raises ValueError where the lengths differ or there is nothing.

    >>> result = paired([1, 1, 1, 0, 1, 1, 1, 1], [0, 0, 1, 0, 0, 0, 1, 0])
    >>> result.difference, result.only_a, result.p
    (0.625, 5, 0.0625)
    """
    import numpy as np

    if len(a) != len(b) or (clusters is not None and len(clusters) != len(a)):
        raise ValueError(f"scores of {len(a)} and {len(b)} samples cannot be paired")
    if not len(a):
        raise ValueError("no samples to compare")
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    differences = first - second
    only_a, only_b = int((differences > 0).sum()), int((differences < 0).sum())
    groups = np.arange(len(a)) if clusters is None else np.asarray(indices(clusters))
    sums = np.bincount(groups, weights=differences).astype(np.float64)
    sizes = np.bincount(groups)
    rng = np.random.default_rng(seed)
    interval = bootstrap(sums, sizes, rng, draws, level)
    binary = bool(np.isin(first, (0.0, 1.0)).all() and np.isin(second, (0.0, 1.0)).all())
    test = MCNEMAR if binary and clusters is None else SIGN_FLIPS
    p = mcnemar_exact(only_a, only_b) if test == MCNEMAR else sign_flips(sums, rng, draws)
    number = None if clusters is None else len(sums)
    spread = float((sums / sizes).std(ddof=1)) if len(sums) > 1 else 0.0
    return Paired(len(a), float(differences.mean()), interval, p, only_a, only_b, number, test, spread)


def interaction(
    a1: Sequence[float],
    b1: Sequence[float],
    a2: Sequence[float],
    b2: Sequence[float],
    *,
    seed: int = 0,
    draws: int = 10_000,
    level: float = 0.95,
    clusters: Sequence[Hashable] | None = None,
) -> Paired:
    """The difference of two differences, (a1 - b1) - (a2 - b2), of scores in [0, 1] on the same samples.

    How much more a gains over b in the first setting (a model, say) than in the second. A sample's four scores stay
    together: the paired percentile bootstrap over samples, or over whole `clusters`, and p by flipping the signs of
    the differences (Efron and Tibshirani 1993, chapters 13 and 15). Raises ValueError as `paired` does.

    >>> interaction([1, 1, 1, 1], [0, 0, 0, 1], [1, 0, 0, 1], [0, 0, 0, 1]).difference
    0.5
    """
    import numpy as np

    lengths = {len(each) for each in (a1, b1, a2, b2, *(() if clusters is None else (clusters,)))}
    if len(lengths) > 1 or not len(a1):
        raise ValueError(f"scores of {' and '.join(map(str, sorted(lengths)))} samples cannot be paired")
    first, base, second, other = (np.asarray(each, dtype=float) for each in (a1, b1, a2, b2))
    halves = ((first - base) - (second - other)) / 2  # within -1 and 1, as `bootstrap` takes them
    groups = np.arange(len(halves)) if clusters is None else np.asarray(indices(clusters))
    sums, sizes = np.bincount(groups, weights=halves).astype(np.float64), np.bincount(groups)
    rng = np.random.default_rng(seed)
    half = bootstrap(sums, sizes, rng, draws, level)
    spread = float((2 * sums / sizes).std(ddof=1)) if len(sums) > 1 else 0.0
    return Paired(
        len(halves), float(2 * halves.mean()), Interval(2 * half.low, 2 * half.high), sign_flips(sums, rng, draws),
        int((halves > 0).sum()), int((halves < 0).sum()), None if clusters is None else len(sums), SIGN_FLIPS, spread,
    )  # fmt: skip


def bootstrap(
    sums: NDArray[np.float64], sizes: NDArray[np.int64], rng: np.random.Generator, draws: int, level: float
) -> Interval:
    """Percentile interval of sum(sums) / sum(sizes), units drawn with replacement; from LIMIT on its normal limit."""
    import numpy as np

    units = len(sums)
    kinds, counts = np.unique(np.stack([sums, sizes]), axis=1, return_counts=True)
    if np.ptp(kinds[0] / kinds[1]) < 1e-12:
        # the share of unlike units that as many alike ones leave possible (Clopper-Pearson, two-sided)
        value, unseen = float(kinds[0, 0] / kinds[1, 0]), 1 - ((1 - level) / 2) ** (1 / units)
        return Interval(value - unseen * (value + 1), value + unseen * (1 - value))
    if len(counts) >= LIMIT and (kinds[1] == kinds[1, 0]).all():  # what so many distinct means would come to
        half = normal_quantile(level) * float((sums / sizes).std()) / math.sqrt(units)
        return Interval(float((sums / sizes).mean()) - half, float((sums / sizes).mean()) + half)
    rows = max(1, CHUNK // len(counts))
    means = []
    for start in range(0, draws, rows):
        drawn = rng.multinomial(units, counts / units, size=min(rows, draws - start))  # (draws, kinds)
        means.append((drawn @ kinds[0]) / (drawn @ kinds[1]))
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def sign_flips(sums: NDArray[np.float64], rng: np.random.Generator, draws: int) -> float:
    """Two-sided p of the sum when each unit's sign is as likely turned as not (Fisher 1935, section 21).

    By Monte Carlo, the observed signs counted as one draw, so that p is never 0 and the level holds; from LIMIT
    distinct sizes on, none of which weighs much, by its normal limit.
    """
    import numpy as np
    from scipy import stats

    sizes, counts = np.unique(np.round(np.abs(sums), 12), return_counts=True)
    observed, squares = abs(float(sums.sum())), float((sums**2).sum())
    if len(counts) >= LIMIT and float(sizes[-1]) ** 2 < 0.01 * squares:
        return float(2 * stats.norm.sf(observed / math.sqrt(squares)))
    rows = max(1, CHUNK // len(counts))
    reached = 0
    for start in range(0, draws, rows):
        heads = rng.binomial(counts, 0.5, size=(min(rows, draws - start), len(counts)))
        reached += int((np.abs((2 * heads - counts) @ sizes) >= observed - 1e-9).sum())
    return (1 + reached) / (1 + draws)
