"""What was found, and what it is held against, on the test split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.searching.outcomes import BEST_HUMAN, FEW_SHOT, SearchOutcome

Scores = Mapping[str, float]
"""By sample."""


@dataclass(frozen=True, slots=True)
class SearchMethod:
    """A method on a task: its searches, seed by seed."""

    task: str
    name: str
    outcomes: tuple[SearchOutcome, ...]
    tests: tuple[Scores, ...]  # of each one's winner

    @property
    def validation(self) -> float:
        """The mean over seeds of the winners' validation scores."""
        return fmean(one.winner.score for one in self.outcomes)

    @property
    def out_of_bag(self) -> float | None:
        """The mean over seeds of the out-of-bag estimates; None where one is not known."""
        known = [one.out_of_bag for one in self.outcomes if one.out_of_bag is not None]
        return fmean(known) if len(known) == len(self.outcomes) else None

    @property
    def test(self) -> float:
        """The mean over seeds of the winners' test scores."""
        return fmean(mean_of(scores) for scores in self.tests)


@dataclass(frozen=True, slots=True)
class Tested:
    """A run of searches with its test."""

    methods: tuple[SearchMethod, ...]
    baselines: Mapping[str, tuple[str, Scores]]  # task -> few-shot's specification and scores
    scores: Mapping[tuple[str, str], Scores]  # by task and specification
    calibrated: Mapping[str, str] = field(default_factory=dict)  # specification -> the same, calibrated
    clusters: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (task, sample) -> cluster

    @property
    def tasks(self) -> list[str]:
        """In order."""
        return list(dict.fromkeys(method.task for method in self.methods))

    def method(self, task: str, name: str) -> SearchMethod | None:
        """A task's method; None where it was not run."""
        return next((one for one in self.methods if (one.task, one.name) == (task, name)), None)

    def against(self, task: str, name: str, count: int) -> list[Scores]:
        """The test scores of what methods are held against, one a seed; [] where that is not there."""
        if name == FEW_SHOT:
            return [self.baselines[task][1]] * count if task in self.baselines else []
        found = self.method(task, name)
        if found is None:
            return []
        if name == BEST_HUMAN or len(found.tests) == 1:
            return [found.tests[0]] * count
        return list(found.tests[:count]) if len(found.tests) >= count else []

    def after_calibration(self, task: str, specs: Sequence[str]) -> float | None:
        """The mean test score of specifications once they are calibrated; None where that was not asked."""
        found = [self.scores.get((task, self.calibrated.get(spec, ""))) for spec in specs]
        known = [mean_of(scores) for scores in found if scores]
        return fmean(known) if known and len(known) == len(found) else None


def mean_of(scores: Scores) -> float:
    """The mean over samples."""
    return fmean(scores.values())


def gathered(
    run: RunData,
    outcomes: Sequence[SearchOutcome],
    few_shot: Mapping[str, str],
    calibrated: Mapping[str, str],
) -> Tested:
    """The test's scores by what they are of; a search whose winner has no records is left out."""
    scores: dict[tuple[str, str], dict[str, float]] = {}
    for record in run.records:
        scores.setdefault((record.task, record.strategy), {})[record.sample_id] = record.score.value
    grouped: dict[tuple[str, str], list[SearchOutcome]] = {}
    for one in outcomes:
        if (one.task, one.spec) in scores:
            grouped.setdefault((one.task, one.method), []).append(one)
    methods = tuple(
        SearchMethod(task, name, tuple(some), tuple(scores[task, one.spec] for one in some))
        for (task, name), some in grouped.items()
    )
    baselines = {task: (spec, scores[task, spec]) for task, spec in few_shot.items() if (task, spec) in scores}
    clusters = {key: sample.cluster for key, sample in run.samples.items() if sample.cluster is not None}
    return Tested(methods, baselines, scores, calibrated, clusters)
