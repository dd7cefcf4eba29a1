"""Whether what a method found is better on the test: paired over samples, seeds inside, Holm over methods and tasks.

Meets: a sample's scores of all seeds stay together, so that seeds are not taken for more samples; what is tested is the
mean of what seeds found, by flipping the signs of samples' mean differences (of one seed, exact McNemar), Holm over the
family: all methods and tasks against one baseline. Where nothing is decided, what is known is said: alike within a
margin, or how many samples would decide it. McNemar's test of what most seeds answer stands beside it and decides
nothing: three prompts that vote are better than each of them, and nobody has found that one.
Concedes: what other samples to choose on would change is not in it: all seeds of a run choose on the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from kshot.eval.equivalence import equivalence
from kshot.eval.report.prompting.comparisons import needed_for_mean, needed_samples
from kshot.eval.report.searching.outcomes import BEST_HUMAN, FEW_SHOT, RANDOM
from kshot.eval.report.searching.tested import Scores, SearchMethod, Tested
from kshot.eval.statistics import MCNEMAR, Interval, holm, mcnemar_exact, paired
from kshot.types import RIGHT

LEVEL = 0.05
MARGIN = 0.05  # differences below five points are as good as none
BASELINES = (BEST_HUMAN, FEW_SHOT, RANDOM)


@dataclass(frozen=True, slots=True)
class SearchVerdict:
    """A method against a baseline on a task's test."""

    task: str
    method: str
    against: str
    n: int  # samples
    difference: float  # of means over samples and seeds
    interval: Interval
    per_seed: tuple[float, ...]
    only_method: int  # samples that most seeds get right and most of the baseline's do not
    only_baseline: int
    majority_p: float  # exact McNemar's of these
    p: float
    test: str
    alike: bool  # the difference lies within the margin, by two one-sided tests
    needed: int | None  # samples that would show a difference as large; None: none would, or too many
    adjusted: float = 1.0  # p after Holm

    @property
    def decided(self) -> bool:
        """Whether it is better or worse."""
        return self.adjusted < LEVEL

    @property
    def word(self) -> str:
        """better, worse, as good, not decided."""
        if self.decided:
            return "better" if self.difference > 0 else "worse"
        return f"as good (within {100 * MARGIN:g} points)" if self.alike else "not decided"

    @property
    def would_decide(self) -> str:
        """How many samples it would take, where it is not decided."""
        if self.word != "not decided":
            return ""
        return f"{self.needed:,}" if self.needed else "over 100,000"


def verdicts_of(tested: Tested) -> list[SearchVerdict]:
    """Every method against every baseline that it is not, Holm within each baseline's family."""
    found = []
    for against in BASELINES:
        family = [verdict for method in tested.methods if (verdict := verdict_of(tested, method, against)) is not None]
        adjusted = holm([one.p for one in family])
        found += [replace(one, adjusted=p) for one, p in zip(family, adjusted, strict=True)]
    return found


def verdict_of(tested: Tested, method: SearchMethod, against: str) -> SearchVerdict | None:
    """A method against a baseline; None where it is that itself, or one of them was not tested."""
    if method.name == against or (method.name == BEST_HUMAN and against == RANDOM):
        return None  # the last is the same as the other way round
    others = tested.against(method.task, against, len(method.tests))
    if not others:
        return None
    samples = sorted(set.intersection(*(set(scores) for scores in (*method.tests, *others))))
    if not samples:
        return None
    mine, theirs = over_seeds(method.tests, samples), over_seeds(others, samples)
    clusters = [tested.clusters.get((method.task, sample), sample) for sample in samples]
    grouped = clusters if len(set(clusters)) < len(samples) else None
    result = paired(mine, theirs, clusters=grouped)
    ours, other = most(method.tests, samples), most(others, samples)
    up, down = (
        sum(a > b for a, b in zip(ours, other, strict=True)),
        sum(a < b for a, b in zip(ours, other, strict=True)),
    )
    units = result.clusters or result.n
    if result.test == MCNEMAR:
        needed = needed_samples(result.difference, (result.only_a + result.only_b) / units)
    else:
        needed = needed_for_mean(result.difference, result.spread)
    differences = [a - b for a, b in zip(mine, theirs, strict=True)]
    return SearchVerdict(
        method.task, method.name, against, len(samples), result.difference, result.interval,
        tuple(fmean(a[s] - b[s] for s in samples) for a, b in zip(method.tests, others, strict=True)),
        up, down, mcnemar_exact(up, down), result.p, result.test,
        equivalence(differences, MARGIN, clusters=grouped).shown, needed if grouped is None else None,
    )  # fmt: skip


def over_seeds(tests: Sequence[Scores], samples: Sequence[str]) -> list[float]:
    """Each sample's mean over seeds."""
    return [fmean(scores[sample] for scores in tests) for sample in samples]


def most(tests: Sequence[Scores], samples: Sequence[str]) -> list[int]:
    """Whether most seeds are right on a sample; half of them are not most."""
    return [int(2 * sum(scores[sample] >= RIGHT for scores in tests) > len(tests)) for sample in samples]
