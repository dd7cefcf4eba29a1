"""How far scores spread over seeds: beyond what chance would do to seeds that are alike, and more here than there.

Meets: SciPy's Levene test; Miller's jackknife for the ratio of two spreads, paired where both had the same seeds.
Concedes: ten seeds tell spreads apart only where one is about twice the other; say so beside a p that is large.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from kshot.eval.spread import DRAWS, exchanged
from kshot.eval.statistics import Interval, indices

BROWN_FORSYTHE, RANKED_PAIRS = "Brown-Forsythe", "sums and differences by ranks"
"""The tests of `compare_spreads`: for seeds of their own, and for the same seeds on both sides."""

FEWEST = 3


@dataclass(frozen=True, slots=True)
class OverSeeds:
    """The spread of a mean score over seeds."""

    deviation: float  # standard deviation of the seeds' means
    noise: float  # what it would be if seeds were alike and only samples told scores apart
    beyond: float  # what is left: the square root of the difference of squares; 0 where that is negative
    p: float  # that seeds which are alike lie as far apart


def over_seeds(
    table: Sequence[Sequence[float]], clusters: Sequence[Hashable] | None = None, *, draws: int = DRAWS
) -> OverSeeds:
    """The spread over seeds beyond that of noise, from scores (samples, seeds), all seeds on the same samples.

    Were seeds alike, any of a sample's scores could be any seed's: the means' variance would then be on average the sum
    over samples (whole clusters) of the scores' variance within, over the squared number of samples. p is
    `spread.exchanged`'s. Raises ValueError for fewer than two seeds.

    >>> found = over_seeds([[1, 0], [1, 0], [1, 0], [1, 1]])
    >>> round(found.deviation, 3), round(found.noise, 3)
    (0.53, 0.306)
    """
    import numpy as np

    scores = np.asarray(table, dtype=float)
    p = exchanged(scores.tolist(), clusters, draws=draws).p
    units = scores
    if clusters is not None:
        groups = np.asarray(indices(clusters))
        units = np.zeros((int(groups.max()) + 1, scores.shape[1]))
        np.add.at(units, groups, scores)
    variance = float(scores.mean(axis=0).var(ddof=1))
    noise = float(units.var(axis=1, ddof=1).sum()) / len(scores) ** 2
    return OverSeeds(math.sqrt(variance), math.sqrt(noise), math.sqrt(max(0.0, variance - noise)), p)


@dataclass(frozen=True, slots=True)
class Spreads:
    """Two standard deviations compared."""

    first: float
    second: float
    ratio: float  # first over second; nan where both are 0
    interval: Interval  # of the ratio
    p: float  # that both spread alike, by `test`
    test: str


def compare_spreads(first: Sequence[float], second: Sequence[float], *, paired: bool, level: float = 0.95) -> Spreads:
    """Whether scores spread more over seeds on one side than on the other: a score each seed.

    p is Brown and Forsythe's (1974, JASA 69:364: Levene's test about medians). Where both sides had the same seeds,
    scores go together and that test is wrong; then p is that of the rank correlation of sums and differences, which is
    0 where both spread alike (McCulloch 1987, Commun. Statist. 16:1377, after Pitman and Morgan). The interval is that
    of Miller's jackknife of log deviations (1968, Ann. Math. Statist. 39:567). Raises ValueError for fewer than three
    seeds, and for unequal numbers where they are paired.

    >>> found = compare_spreads([0.4, 0.8, 0.5, 0.7], [0.59, 0.6, 0.61, 0.6], paired=False)
    >>> round(found.first, 3), round(found.second, 3), round(found.ratio, 1), round(found.p, 3)
    (0.183, 0.008, 22.4, 0.004)
    """
    import numpy as np
    from scipy import stats

    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if min(len(a), len(b)) < FEWEST or (paired and len(a) != len(b)):
        raise ValueError(f"scores of {len(a)} and {len(b)} seeds; a spread takes {FEWEST} or more, and pairs as many")
    one, other = float(a.std(ddof=1)), float(b.std(ddof=1))
    test = RANKED_PAIRS if paired else BROWN_FORSYTHE
    if not one and not other:
        return Spreads(0.0, 0.0, math.nan, Interval(0.0, math.inf), 1.0, test)
    if paired:
        sums, differences = a + b, a - b
        flat = not np.ptp(sums) or not np.ptp(differences)
        p = 1.0 if flat else float(stats.spearmanr(sums, differences).pvalue)
    else:
        p = float(stats.levene(a, b, center="median").pvalue)
    ratio = one / other if other else math.inf
    return Spreads(one, other, ratio, ratio_interval(a.tolist(), b.tolist(), paired, level), p, test)


def ratio_interval(a: Sequence[float], b: Sequence[float], paired: bool, level: float) -> Interval:
    """Miller's jackknife interval of the ratio of two deviations; (0, infinity) where one is 0 without some seed."""
    import numpy as np
    from scipy import stats

    def pseudo(values: Sequence[float]) -> list[float]:
        """The jackknife's pseudo-values of the log deviation."""
        whole = np.asarray(values)
        n = len(whole)
        left = [float(np.delete(whole, at).std(ddof=1)) for at in range(n)]
        if min(left) <= 1e-12:
            return []
        return [n * math.log(float(whole.std(ddof=1))) - (n - 1) * math.log(each) for each in left]

    first, second = np.array(pseudo(a)), np.array(pseudo(b))
    if not len(first) or not len(second):
        return Interval(0.0, math.inf)
    if paired:
        found = stats.ttest_rel(first, second).confidence_interval(level)
    else:
        found = stats.ttest_ind(first, second, equal_var=False).confidence_interval(level)
    return Interval(math.exp(found.low), math.exp(found.high))
