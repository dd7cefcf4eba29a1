"""An effect as one number in points, with its interval: what answers say of a claim.

Meets: samples and exemplar seeds are both drawn again, as both could have been others (the pigeonhole bootstrap of Owen
2007, Annals of Applied Statistics 1:386, which is never too narrow in the limit); the same samples and the same seeds
in every arm, so that all is paired. Tasks are fixed: a claim is about those that it names. Concedes: percentile
intervals; where no draw differs from another, the interval is that of what so many alike samples leave possible.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kshot.eval.statistics import Interval, indices

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DRAWS = 2_000
FEW = 10
"""Draws beyond 0 below which their share is too coarse for a p."""

POWER = 1.959964 + 0.841621
"""Standard errors that an effect must be away from 0 for 80% power at a two-sided 5%."""


@dataclass(frozen=True, slots=True)
class Replies:
    """What one strategy said to a task's samples, in their order."""

    scores: NDArray[np.float64]  # (samples,) by the task's metric, in [0, 1]
    targets: NDArray[np.int64]  # (samples,) place of the right label; -1 where there are none
    said: NDArray[np.int64]  # (samples,) place of the label that was answered; -1 for none of them
    probabilities: NDArray[np.float64] | None  # (samples, labels)
    clusters: tuple[str, ...] | None = None  # of the samples, where they come in some

    def taken(self, chosen: NDArray[np.int64]) -> Replies:
        """Those to some samples, of which any may be named more than once."""
        probabilities = None if self.probabilities is None else self.probabilities[chosen]
        return Replies(self.scores[chosen], self.targets[chosen], self.said[chosen], probabilities)


Tables = Mapping[str, Sequence[Sequence[Replies]]]
"""By task: an effect's arms, in each one `Replies` a seed (one alone, where it has none)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An effect in points (hundredths of the metric)."""

    value: float
    interval: Interval  # 95%
    narrow: Interval  # 90%: what two one-sided tests at 5% look at
    p: float  # two-sided, that there is no effect
    n: int  # samples of all tasks
    by_task: tuple[tuple[str, float, Interval], ...] = ()

    @property
    def standard_error(self) -> float:
        """As the 95% interval has it."""
        return self.interval.half_width / 1.959964

    @property
    def detectable(self) -> float:
        """The smallest effect, in points, that so many samples show in four of five tries."""
        return POWER * self.standard_error

    @property
    def samples_needed(self) -> int | None:
        """How many samples it would take to show the effect seen in four of five tries; None for no effect at all."""
        if not abs(self.value) > 1e-9:
            return None
        return max(self.n, round(self.n * (self.detectable / abs(self.value)) ** 2))


def estimated(
    tables: Tables,
    statistic: Callable[[Sequence[Sequence[Replies]]], float],
    test: Callable[[Tables], float] | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """The mean over tasks of a statistic of their arms, in points. Raises ValueError for tables without samples.

    Draws are moved so that their mean is the value: a spread or a minimum is further out in a resample than in what it
    is drawn from. The p is `test`'s, where one is given that suits the statistic, or read off them (`two_sided`).
    """
    import numpy as np

    if not tables or any(not len(arm[0].scores) for arms in tables.values() for arm in arms):
        raise ValueError("there are no samples to estimate from")
    rng = np.random.default_rng(seed)
    values = {task: 100 * statistic(arms) for task, arms in tables.items()}
    drawn = {
        task: np.array([100 * statistic(redrawn(arms, rng)) for _ in range(draws)]) for task, arms in tables.items()
    }
    sizes = {task: len(arms[0][0].scores) for task, arms in tables.items()}
    drawn = {task: each - each.mean() + values[task] for task, each in drawn.items()}
    means = np.mean(list(drawn.values()), axis=0)
    value = float(np.mean(list(values.values())))
    total = sum(sizes.values())
    by_task = tuple((task, values[task], quantiles(drawn[task], values[task], 0.95, sizes[task])) for task in tables)
    return Estimate(
        value,
        quantiles(means, value, 0.95, total),
        quantiles(means, value, 0.90, total),
        two_sided(means) if test is None else test(tables),
        total,
        by_task,
    )


def redrawn(arms: Sequence[Sequence[Replies]], rng: np.random.Generator) -> list[list[Replies]]:
    """Arms with their samples (clusters of them, where they come in some) and their seeds drawn again."""
    import numpy as np

    first = arms[0][0]
    if first.clusters is None:
        chosen = rng.integers(len(first.scores), size=len(first.scores))
    else:
        labels = np.asarray(indices(first.clusters))
        members = [np.flatnonzero(labels == each) for each in range(int(labels.max()) + 1)]
        chosen = np.concatenate([members[at] for at in rng.integers(len(members), size=len(members))])
    most = max(len(arm) for arm in arms)
    seeds = rng.integers(most, size=most) if most > 1 else np.zeros(1, dtype=int)
    return [
        [arm[at if len(arm) > 1 else 0].taken(chosen) for at in (seeds if len(arm) > 1 else seeds[:1])] for arm in arms
    ]


def quantiles(drawn: NDArray[np.float64], value: float, level: float, n: int) -> Interval:
    """The percentile interval; where all draws are alike, what n alike samples leave possible (Clopper-Pearson)."""
    import numpy as np

    if float(np.ptp(drawn)) < 1e-9:
        unseen = 100 * (1 - ((1 - level) / 2) ** (1 / n))
        return Interval(value - unseen, value + unseen)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def two_sided(drawn: NDArray[np.float64]) -> float:
    """Twice the share of draws at or beyond 0 on its smaller side, the observed one counted.

    Where fewer than `FEW` are, a share says little, and a correction over a family would need ever more draws: then it
    is that of a normal distribution with their mean and spread, and at most the share.
    """
    from scipy import stats

    beyond = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    share = min(1.0, 2 * (1 + beyond) / (1 + len(drawn)))
    spread = float(drawn.std())
    if beyond >= FEW or spread < 1e-9:
        return share
    return min(share, float(2 * stats.norm.sf(abs(float(drawn.mean())) / spread)))
