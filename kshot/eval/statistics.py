"""Is the difference real: intervals, paired tests, corrections, and what a sample size could have shown.

SciPy and statsmodels do the work where they have it. Scores are numbers in [0, 1], in the same order of
samples on both sides of a comparison. Concedes: the bootstrap interval is the plain percentile one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = Sequence[float] | NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Paired:
    """Two strategies on the same samples: b minus a."""

    n: int
    difference: float
    interval: Interval  # paired bootstrap
    p: float  # exact McNemar; for fractional scores an exact sign test
    only_a: int  # samples that a alone has right (or better)
    only_b: int


def wilson(successes: float, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927). `successes` may be fractional, as a sum of mean scores."""
    if n == 0:
        return Interval(0.0, 1.0)
    from scipy.stats import norm

    z = float(norm.ppf(0.5 + level / 2))
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """Two-sided exact McNemar test: are the discordant samples split evenly (McNemar 1947)?"""
    if only_a + only_b == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(only_a, only_a + only_b, 0.5).pvalue)


def paired(
    a: Scores, b: Scores, *, clusters: Sequence[str | None] | None = None, draws: int = 10_000, seed: int = 0, level: float = 0.95
) -> Paired:
    """Difference b - a with its bootstrap interval and exact test. Resamples whole clusters where they are given.

    Raises ValueError where the two sides differ in length or are empty.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape or not first.size:
        raise ValueError(f"paired scores need the same samples on both sides, got {first.size} and {second.size}")
    gap = second - first
    only_a, only_b = int((gap < 0).sum()), int((gap > 0).sum())
    interval = bootstrap(gap, clusters=clusters, draws=draws, seed=seed, level=level)
    return Paired(len(gap), float(gap.mean()), interval, mcnemar_exact(only_a, only_b), only_a, only_b)


def bootstrap(
    values: NDArray[np.float64],
    *,
    clusters: Sequence[str | None] | None = None,
    draws: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of a mean (Efron 1979).

    Differences of scores take few distinct values, and how often each is drawn is multinomial, so a draw
    costs the number of distinct values, not of samples. A sample without a cluster is its own.
    """
    if clusters is not None and any(cluster is not None for cluster in clusters):
        names: list[str] = [f"#{at}" if name is None else f"={name}" for at, name in enumerate(clusters)]
        _, which = np.unique(names, return_inverse=True)
        sums, sizes = np.bincount(which, values), np.bincount(which).astype(np.float64)
        units = np.column_stack([sums, sizes])
    else:
        units = np.column_stack([values, np.ones_like(values)])
    distinct, counts = np.unique(units, axis=0, return_counts=True)
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(int(counts.sum()), counts / counts.sum(), size=draws)
    totals = weights @ distinct
    means = totals[:, 0] / totals[:, 1]
    low, high = np.quantile(means, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(low), float(high))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p values of a family of tests (Holm 1979)."""
    if not p:
        return []
    from statsmodels.stats.multitest import multipletests

    return [float(value) for value in multipletests(list(p), method="holm")[1]]


def smallest_detectable(n: int, discordant: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Smallest paired difference that n samples show with this power (Miller 2024, arXiv 2411.00640, section 5).

    `discordant` is the share of samples on which the two sides differ; the difference's variance is at
    most that. The result is at most 1, and 1 where there are no samples.
    """
    if n == 0:
        return 1.0
    from scipy.stats import norm

    z = float(norm.ppf(1 - alpha / 2) + norm.ppf(power))
    return min(1.0, z * math.sqrt(max(discordant, 1 / n) / n))


def majority_curve(
    answers: Sequence[Sequence[str | None]], right: Sequence[Sequence[bool]], ns: Sequence[int], *, draws: int = 200, seed: int = 0
) -> list[float]:
    """Expected accuracy of the majority of n chains, from one set of draws: random subsets without replacement.

    `answers[s]` are sample s's chain answers (None never votes) and `right[s]` whether each is right. Ties
    go to the answer reached first in the subset's order, as in `self-consistency`. Monte Carlo with
    `draws` subsets a sample; exact for n = 1 and for n = all.
    """
    generator = np.random.default_rng(seed)
    curve = []
    for n in ns:
        total = 0.0
        for chain, correct in zip(answers, right, strict=True):
            if n == 1:
                total += sum(correct) / len(chain)
            elif n >= len(chain):
                total += majority_right(chain, correct, range(len(chain)))
            else:
                subsets = (generator.permutation(len(chain))[:n] for _ in range(draws))
                total += sum(majority_right(chain, correct, subset) for subset in subsets) / draws
        curve.append(total / len(answers))
    return curve


def majority_right(chain: Sequence[str | None], correct: Sequence[bool], subset: Sequence[int] | NDArray[np.int64] | range) -> float:
    """1 where the most frequent answer among the subset's chains is right."""
    counts: dict[str, int] = {}
    verdict: dict[str, bool] = {}
    for index in subset:
        answer = chain[index]
        if answer is not None:
            counts[answer] = counts.get(answer, 0) + 1
            verdict[answer] = correct[index]
    return float(verdict[max(counts, key=lambda answer: counts[answer])]) if counts else 0.0
