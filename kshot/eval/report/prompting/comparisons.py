"""Pairs of strategies on the same samples: the difference, whether it is real, and what could have been seen.

Meets: only samples that both answered are paired; p-values are corrected by Holm over every comparison of the
report at once. Concedes: the smallest detectable difference is that of one uncorrected test at 80% power, of exact
McNemar or, where scores are no 0 or 1, of a paired t-test (of a corpus' value with its bootstrap's spread).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from kshot.eval import corpus, power, statistics
from kshot.eval.metrics.kinds import SHARE, plain_number
from kshot.eval.report.numbers import as_relation, unsigned
from kshot.eval.report.prompting.measures import LEVEL, Measure, clusters_of, paired_scores
from kshot.eval.report.prompting.scale import PLAIN, Scale
from kshot.registry import suggest
from kshot.types import Sample, UserError


@dataclass(frozen=True, slots=True)
class Comparison:
    """One strategy against another on one task."""

    task: str
    strategy: str
    baseline: str
    result: statistics.Paired
    detectable: float  # the smallest difference that this n would have shown with 80% power
    needed: int | None = None  # samples on which the difference seen would be shown with 80% power; None: too many
    adjusted: float = 1.0  # p after Holm over the family
    scale: Scale = PLAIN
    values: tuple[float, float] = (0.0, 0.0)  # of both, on the samples that both have

    @property
    def real(self) -> bool:
        """Whether the difference is shown, after correction."""
        return self.adjusted < LEVEL

    @property
    def word(self) -> str:
        """better, worse, or no difference shown."""
        return "no difference shown" if not self.real else "better" if self.lead > 0 else "worse"

    @property
    def lead(self) -> float:
        """The difference, more being better."""
        return self.scale.better(self.result.difference)

    @property
    def verdict(self) -> str:
        """The word, and where nothing was shown what could have been."""
        if self.real:
            return self.word
        return f"{self.word}; {self.would_show}"

    @property
    def would_show(self) -> str:
        """What so many samples could have shown."""
        if self.scale.kind.share and self.detectable >= 1:
            return f"{self.result.n} samples are too few to show any"
        return f"{self.result.n} samples would show {self.smallest}{self.scale.of_points} or more"

    @property
    def smallest(self) -> str:
        """The smallest difference that is shown, as it is written."""
        if not self.scale.kind.share:
            return plain_number(self.detectable)
        return unsigned(self.detectable, 0) if self.detectable < 1 else "none"

    @property
    def sentence(self) -> str:
        """The figures in one parenthesis."""
        written = self.scale.kind.difference
        low, high = written(self.result.interval.low), written(self.result.interval.high)
        return (
            f"{written(self.result.difference)}{self.scale.of_points} (95% interval {low} to {high}, "
            f"p {as_relation(self.adjusted)})"
        )


def pair(
    a: Measure, b: Measure, samples: Mapping[tuple[str, str], Sample], baseline: str | None = None
) -> Comparison | None:
    """a against b on the samples that both have, uncorrected; None where they share none."""
    shared = [sample_id for sample_id in a.scores if sample_id in b.scores]
    if not shared:
        return None
    clusters = clusters_of(samples, a.task, shared)
    result = paired_scores(a, b.scores, b.counted, shared, clusters)
    scale = a.scale | b.scale
    whole = result.test == statistics.MCNEMAR or (
        scale.kind.plain
        and all(
            score in (0.0, 1.0)
            for each in (a, b)
            for score in each.scores.values()  # not the mean of repeats
        )
    )
    units, discordant = result.clusters or result.n, (result.only_a + result.only_b) / result.n
    if whole:
        detectable = power.smallest_detectable(units, discordant=discordant)
        needed = needed_samples(result.difference, discordant) if clusters is None else None
    else:
        detectable = power.smallest_mean_difference(units, result.spread)
        needed = needed_for_mean(result.difference, result.spread) if clusters is None else None
    values = (value_on(a, shared), value_on(b, shared))
    return Comparison(
        a.task, a.strategy, baseline or b.strategy, result, detectable, needed, scale=scale, values=values
    )


def value_on(measure: Measure, sample_ids: Sequence[str]) -> float:
    """A measure's value over some of its samples."""
    if measure.counted is not None:
        return corpus.value_of([measure.counted.units[key] for key in sample_ids], measure.counted.total)
    return sum(measure.scores[key] for key in sample_ids) / len(sample_ids)


@lru_cache(maxsize=4096)
def needed_samples(difference: float, discordant: float) -> int | None:
    """The samples that would show this difference; None where it is none, or they would be more than 100,000."""
    if abs(difference) < 1e-3:
        return None
    try:
        n = power.samples_needed(difference, discordant=min(1.0, max(discordant, abs(difference))))
    except ValueError:
        return None
    return n if n <= 100_000 else None


@lru_cache(maxsize=4096)
def needed_for_mean(difference: float, spread: float) -> int | None:
    """The same for other scores, by the spread of their differences."""
    if abs(difference) < 1e-3 * min(1.0, spread):
        return None
    try:
        n = power.samples_for_mean(difference, spread)
    except ValueError:
        return None
    return n if n <= 100_000 else None


def tests_of(family: Iterable[Comparison]) -> str:
    """The tests that a family's p-values come from, in words."""
    tests = set(comparison.result.test for comparison in family)
    said = [statistics.MCNEMAR] if statistics.MCNEMAR in tests else []
    if statistics.SIGN_FLIPS in tests:
        said.append("sign flips for fractions, repeats and clusters" if said else "a permutation test by sign flips")
    if corpus.RANDOMISED in tests:
        said.append(f"{corpus.RANDOMISED} for values of a corpus" if said else corpus.RANDOMISED)
    first, *others = said or [statistics.MCNEMAR]
    return f"{first} ({', '.join(others)})" if others else first


def all_at_once(measures: Mapping[tuple[str, str], Measure], samples: Mapping[tuple[str, str], Sample]) -> list[str]:
    """A sentence a task with three strategies or more: whether they differ at all, by Cochran's Q.

    Only where scores are 0 or 1 and samples independent, on the samples that all strategies answered.
    """
    said = []
    for task in dict.fromkeys(task for task, _ in measures):
        here = [measure for (name, _), measure in measures.items() if name == task]
        shared = [key for key in here[0].scores if all(key in measure.scores for measure in here)]
        table = [[measure.scores[key] for key in shared] for measure in here]
        plain = all(measure.scale.kind.plain for measure in here)
        binary = plain and all(score in (0.0, 1.0) for row in table for score in row)
        if len(here) < 3 or not shared or not binary or clusters_of(samples, task, shared):
            continue
        q, p = statistics.cochran_q(table)
        word = "differ" if p < LEVEL else "show no difference"
        said.append(
            f"{task}: taken together, the {len(here)} strategies {word} (Cochran's Q = {q:.1f}, p {as_relation(p)}, "
            f"{len(shared):,} samples)."
        )
    return said


def corrected(family: Sequence[Comparison]) -> list[Comparison]:
    """The family with Holm-adjusted p-values."""
    adjusted = statistics.holm([comparison.result.p for comparison in family])
    return [replace(comparison, adjusted=p) for comparison, p in zip(family, adjusted, strict=True)]


def against_baseline(
    measures: Mapping[tuple[str, str], Measure],
    samples: Mapping[tuple[str, str], Sample],
    baseline: str | None = None,
) -> list[Comparison]:
    """Every strategy against each task's baseline. Raises UserError where the baseline named never ran."""
    baseline_of(measures, baseline)
    family = []
    for task in dict.fromkeys(task for task, _ in measures):
        here = [strategy for name, strategy in measures if name == task]
        base = task_baseline(here, baseline)
        for strategy in here:
            found = None if strategy == base else pair(measures[task, strategy], measures[task, base], samples)
            if found:
                family.append(found)
    return corrected(family)


def baseline_of(keys: Iterable[tuple[str, str]], wanted: str | None = None) -> str:
    """The baseline among all (task, strategy). Raises UserError where the one wanted is not there."""
    strategies = list(dict.fromkeys(strategy for _, strategy in keys))
    if wanted is not None and wanted not in strategies:
        raise UserError(f"the baseline {wanted!r} is not among the strategies: {suggest(wanted, strategies)}")
    return task_baseline(strategies, wanted)


def task_baseline(strategies: Sequence[str], wanted: str | None = None) -> str:
    """The baseline among a task's strategies: the one wanted where it ran, else zero-shot, else the first."""
    if wanted is not None and wanted in strategies:
        return wanted
    plain = [name for name in strategies if name == "zero-shot" or name.startswith("zero-shot:")]
    return plain[0] if plain else strategies[0]


def described(measure: Measure) -> str:
    """The score and its interval: "45.0% (29.3–61.5%)"."""
    kind = measure.scale.kind
    ends = kind.range(measure.interval.low, measure.interval.high)
    return f"{kind.value(measure.value)} ({ends}{'%' if kind.unit == SHARE else ''})"
