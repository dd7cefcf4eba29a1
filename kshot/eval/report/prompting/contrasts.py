"""What several models gain by a strategy, and whether one gains more than another, on the same samples.

Meets: every family of comparisons is corrected by Holm as a whole; only samples that both sides have are paired.
Concedes: with more than four models each is held against the smallest alone, so that the families do not grow with the
square of their number; of values of a corpus, such as BLEU, gains are compared within a model and not between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from kshot.eval import power, statistics
from kshot.eval.macro import macro
from kshot.eval.metrics.kinds import plain_number
from kshot.eval.report.numbers import as_relation, unsigned
from kshot.eval.report.prompting.comparisons import Comparison, baseline_of, corrected, pair, task_baseline
from kshot.eval.report.prompting.measures import FEWEST_CLUSTERS, LEVEL, Measure, clusters_of
from kshot.eval.report.prompting.scale import PLAIN, Scale
from kshot.eval.report.prompting.subjects import Joined
from kshot.eval.statistics import Interval

MOST_PAIRED = 4
"""Models up to which every two are compared."""


@dataclass(frozen=True, slots=True)
class Gain:
    """A strategy against the baseline, with one model."""

    label: str
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Contrast:
    """How much more a strategy gains with one model than with another."""

    task: str
    strategy: str
    baseline: str
    label: str
    other: str
    result: statistics.Paired
    differences: Mapping[str, float]  # by sample
    scale: Scale = PLAIN
    adjusted: float = 1.0

    @property
    def real(self) -> bool:
        """Whether it is shown, after correction."""
        return self.adjusted < LEVEL

    @property
    def lead(self) -> float:
        """The difference, more being better."""
        return self.scale.better(self.result.difference)

    @property
    def word(self) -> str:
        """Which gains more, if that is shown."""
        return "no difference shown" if not self.real else "gains more" if self.lead > 0 else "gains less"

    @property
    def smallest(self) -> str:
        """The smallest difference that one uncorrected test on so many samples finds with 80% probability."""
        found = power.smallest_mean_difference(self.result.clusters or self.result.n, self.result.spread)
        if not self.scale.kind.share:
            return plain_number(found)
        return unsigned(found, 0) if found < 2 else "none"

    @property
    def sentence(self) -> str:
        """The figures in one parenthesis."""
        write = self.scale.kind.difference
        low, high = write(self.result.interval.low), write(self.result.interval.high)
        return (
            f"{write(self.result.difference)}{self.scale.of_points} (95% interval {low} to {high}, "
            f"p {as_relation(self.adjusted)})"
        )


@dataclass(frozen=True, slots=True)
class OverTasks:
    """Contrasts of one strategy and two models, over tasks that count alike."""

    strategy: str
    label: str
    other: str
    tasks: int
    difference: float
    interval: Interval
    clustered: Interval | None  # with tasks resampled as clusters, where there are enough


def baselines(joined: Joined, wanted: str | None = None) -> dict[str, str]:
    """Each task's baseline, the same for all models. Raises UserError where the one wanted never ran."""
    baseline_of([(task, strategy) for _, task, strategy in joined.found], wanted)
    return {task: task_baseline(joined.strategies(task), wanted) for task in joined.tasks()}


def gains_of(joined: Joined, base: Mapping[str, str]) -> list[Gain]:
    """Every strategy against its task's baseline, with every model that ran both."""
    found: list[tuple[str, Comparison]] = []
    for (label, task, strategy), m in joined.found.items():
        other = joined.found.get((label, task, base[task]))
        compared = pair(m, other, joined.samples) if other is not None and strategy != base[task] else None
        if compared:
            found.append((label, compared))
    family = corrected([compared for _, compared in found])
    return [Gain(label, compared) for (label, _), compared in zip(found, family, strict=True)]


def pairs_of(labels: Sequence[str]) -> list[tuple[str, str]]:
    """The models that are compared, (larger, smaller): every two of a few, else each with the smallest.

    >>> pairs_of("abc")
    [('b', 'a'), ('c', 'a'), ('c', 'b')]
    """
    every = list(combinations(labels, 2)) if len(labels) <= MOST_PAIRED else [(labels[0], each) for each in labels[1:]]
    return sorted(((large, small) for small, large in every), key=lambda two: [labels.index(each) for each in two])


def versus(joined: Joined) -> list[Comparison]:
    """The same strategy with two models; each comparison's strategy is the larger model, its baseline the smaller."""
    found = []
    for task in joined.tasks():
        for strategy in joined.strategies(task):
            for large, small in pairs_of(joined.labels):
                a, b = (joined.found.get((label, task, strategy)) for label in (large, small))
                if a is None or b is None:
                    continue
                compared = pair(replace(a, strategy=large), replace(b, strategy=small), joined.samples)
                if compared:
                    found.append(replace(compared, task=f"{task}, {strategy}"))
    return corrected(found)


def contrasts_of(joined: Joined, base: Mapping[str, str]) -> list[Contrast]:
    """Whether one model gains more than another, strategy by strategy and task by task."""
    found = []
    for task in joined.tasks():
        for strategy in joined.strategies(task):
            for large, small in pairs_of(joined.labels) if strategy != base[task] else ():
                keys = [(label, task, name) for label in (large, small) for name in (strategy, base[task])]
                four = [joined.found[key] for key in keys if key in joined.found]
                if len(four) == 4 and all(m.counted is None for m in four):
                    contrast = contrasted(joined, four, large, small, base[task])
                    found += [contrast] if contrast else []
    adjusted = statistics.holm([one.result.p for one in found])
    return [replace(one, adjusted=p) for one, p in zip(found, adjusted, strict=True)]


def contrasted(joined: Joined, four: Sequence[Measure], large: str, small: str, baseline: str) -> Contrast | None:
    """The difference of two models' gains; None where the four have no sample in common."""
    a1, b1, a2, b2 = four
    shared = [key for key in a1.scores if all(key in m.scores for m in four)]
    if not shared:
        return None
    scores = [[m.scores[key] for key in shared] for m in four]
    clusters = clusters_of(joined.samples, a1.task, shared)
    result = statistics.interaction(*scores, clusters=clusters)
    each = [w - x - y + z for w, x, y, z in zip(*scores, strict=True)]
    scale = a1.scale | b1.scale | a2.scale | b2.scale
    return Contrast(
        a1.task, a1.strategy, baseline, large, small, result, dict(zip(shared, each, strict=True)), scale
    )  # fmt: skip


def over_tasks(contrasts: Sequence[Contrast]) -> list[OverTasks]:
    """Contrasts over tasks, each counting alike, where there are two or more in points of a share."""
    groups: dict[tuple[str, str, str], list[Contrast]] = {}
    for one in contrasts:
        if one.scale.kind.share and one.scale.kind.sign > 0:
            groups.setdefault((one.strategy, one.label, one.other), []).append(one)
    found = []
    for (strategy, label, other), group in groups.items():
        if len(group) > 1:
            mean, interval = macro([(one.result.difference, one.result.interval) for one in group])
            found.append(OverTasks(strategy, label, other, len(group), mean, interval, by_task(group)))
    return found


def by_task(group: Sequence[Contrast]) -> Interval | None:
    """The interval of the mean over tasks with whole tasks resampled; None where they are too few to say anything."""
    if len(group) < FEWEST_CLUSTERS:
        return None
    return statistics.t_interval([one.result.difference for one in group])
