"""How many samples a comparison takes: the power of exact McNemar, summed over what may turn up.

Meets: exact to what a float holds, checked by simulation and against Connor's formula (1987); fast for tens of
thousands of samples. For scores between 0 and 1 the power of the paired t-test, checked against statsmodels; of an
equivalence the power of two one-sided t-tests, checked against a published one and simulation.
Concedes: two strategies, samples independent, and sign flips taken to find what a t-test finds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def smallest_detectable(n: int, *, discordant: float = 0.3, power: float = 0.8, level: float = 0.05) -> float:
    """The smallest difference that exact McNemar on n samples finds with probability `power`.

    `discordant` is the share of samples on which the two differ; where no difference up to that share can
    be found, the share grows with the difference (all in one direction). Exact: the power is summed over
    the number of discordant samples. 1.0 where even the largest difference would be missed. Raises ValueError.
    """
    if n < 1 or not 0 <= discordant <= 1:
        raise ValueError(f"n is {n} and discordant {discordant}")
    if mcnemar_power(n, 1.0, 1.0, level) < power:
        return 1.0
    low, high = 0.0, 1.0
    while high - low > 1e-5:
        middle = (low + high) / 2
        if mcnemar_power(n, middle, max(discordant, middle), level) >= power:
            high = middle
        else:
            low = middle
    return high


def mcnemar_power(n: int, difference: float, discordant: float, level: float = 0.05) -> float:
    """The probability that exact McNemar rejects at `level`, given both rates of the population."""
    import numpy as np
    from scipy import stats

    # discordant samples that turn up; what lies ten standard deviations away adds nothing that a float could hold
    reach = 10 * math.sqrt(n * discordant * (1 - discordant)) + 20
    low, high = max(0, math.floor(n * discordant - reach)), min(n, math.ceil(n * discordant + reach))
    count = np.arange(low, high + 1)
    upward = (discordant + difference) / (2 * discordant) if discordant else 0.5
    critical = critical_counts(low, high, level)
    rejected = stats.binom.cdf(critical, count, upward) + stats.binom.cdf(critical, count, 1 - upward)
    return float((stats.binom.pmf(count, n, discordant) * rejected).sum())


@lru_cache(maxsize=256)
def critical_counts(low: int, high: int, level: float) -> NDArray[np.float64]:
    """For low to high discordant samples: the most on the rarer side with which exact McNemar rejects; -1 for none."""
    import numpy as np
    from scipy import stats

    count = np.arange(low, high + 1)
    critical = stats.binom.ppf(level / 2, count, 0.5)
    found: NDArray[np.float64] = np.where(2 * stats.binom.cdf(critical, count, 0.5) > level, critical - 1, critical)
    return found


def samples_needed(difference: float, *, discordant: float, power: float = 0.8, level: float = 0.05) -> int:
    """How many samples exact McNemar needs to find this difference with probability `power`; at most a million.

    `discordant` is the share of samples on which the two differ, as seen or expected. The exact test's power
    saws up and down with n: the answer is within one tooth of the first n that reaches it. Raises ValueError
    where no number would do.
    """
    size = abs(difference)
    if not 0 < size <= 1 or not size <= discordant <= 1:
        raise ValueError(f"a difference of {difference} with {discordant} of the samples discordant has no sample size")
    return first_count(lambda n: mcnemar_power(n, size, discordant, level) >= power, difference)


def paired_t_power(n: int, difference: float, spread: float, level: float = 0.05) -> float:
    """The probability that a paired t-test on n samples rejects; `spread` is the differences' standard deviation.

    By the noncentral t distribution (Cohen 1988, section 2.2), squared: both tails of t are one of F.
    """
    from scipy import stats

    if n < 2:
        return 0.0
    if spread <= 0:
        return float(difference != 0)
    critical = stats.f.ppf(1 - level, 1, n - 1)
    power = float(stats.ncf.sf(critical, 1, n - 1, n * (difference / spread) ** 2))
    return 1.0 if math.isnan(power) else power  # so far out that no float can tell


def smallest_mean_difference(n: int, spread: float, *, power: float = 0.8, level: float = 0.05) -> float:
    """The smallest difference of means that a paired t-test on n samples finds with probability `power`; at most 1.0.

    1.0 as well where nothing is known of the spread.
    """
    if n < 2 or spread <= 0 or paired_t_power(n, 1.0, spread, level) < power:
        return 1.0
    low, high = 0.0, 1.0
    while high - low > 1e-5:
        middle = (low + high) / 2
        low, high = (low, middle) if paired_t_power(n, middle, spread, level) >= power else (middle, high)
    return high


def samples_for_mean(difference: float, spread: float, *, power: float = 0.8, level: float = 0.05) -> int:
    """How many samples a paired t-test needs to find this difference of means; at most a million. Raises ValueError."""
    if difference == 0:
        raise ValueError("no difference has no sample size")
    return first_count(lambda n: paired_t_power(n, difference, spread, level) >= power, difference)


def equivalence_power(n: int, spread: float, margin: float, *, difference: float = 0.0, alpha: float = 0.05) -> float:
    """The probability that two one-sided paired t-tests on n samples show a difference to lie within +-margin.

    `spread` is the standard deviation of the differences, for scores of 0 and 1 the root of (share discordant -
    difference^2); `difference` the true mean. Exact: summed over what spread may be measured, given which the mean is
    normal (Phillips 1990, J. Pharmacokin. Biopharm. 18:137).
    """
    import numpy as np
    from scipy import stats

    if n < 2 or (abs(difference) >= margin and spread <= 0):
        return 0.0
    if spread <= 0:
        return 1.0
    error = spread / math.sqrt(n)
    critical = float(stats.t.ppf(1 - alpha, n - 1))
    shares = (np.arange(4_000) + 0.5) / 4_000
    measured = critical * error * np.sqrt(stats.chi2.ppf(shares, n - 1) / (n - 1))  # what the margin is narrowed by
    high, low = (margin - measured - difference) / error, (-margin + measured - difference) / error
    return float(np.maximum(stats.norm.cdf(high) - stats.norm.cdf(low), 0.0).mean())


def samples_for_equivalence(
    spread: float, margin: float, *, difference: float = 0.0, power: float = 0.8, alpha: float = 0.05
) -> int:
    """How many samples it takes to show that a difference lies within +-margin; at most a million.

    The names are `equivalence_power`'s. Of whole clusters, give the spread of their means and count clusters. Raises
    ValueError for a difference that does not lie within.

    >>> samples_for_equivalence(0.3 ** 0.5, 0.05), samples_for_equivalence(0.3 ** 0.5, 0.1)
    (1030, 259)
    """
    if not 0 < margin < 1 or abs(difference) >= margin:
        raise ValueError(f"a difference of {difference} does not lie within a margin of {margin}")
    return first_count(
        lambda n: equivalence_power(n, spread, margin, difference=difference, alpha=alpha) >= power, margin
    )


def first_count(enough: Callable[[int], bool], difference: float) -> int:
    """The least number of samples, from 2 on, that is enough. Raises ValueError where it is above a million."""
    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
        if high > 1_000_000:
            raise ValueError(f"a difference of {difference} needs more than a million samples")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
