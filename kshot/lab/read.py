"""From a run's records to the tables that an effect is estimated from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kshot.eval.tasks import get_task
from kshot.lab.claims.estimate import Replies
from kshot.lab.claims.finding import Finding
from kshot.prompts.strategies import get_strategy
from kshot.types import Record, Sample, UserError

if TYPE_CHECKING:
    from kshot.eval.report.prompting.run_data import RunData


class AnsweredCells:
    """A run's first attempts by cell, gathered once for all findings."""

    def __init__(self, run: RunData) -> None:
        self.cells: dict[tuple[str, str], dict[str, Record]] = {}
        for record in run.records:
            if record.repeat == 0:
                self.cells.setdefault((record.task, record.strategy), {})[record.sample_id] = record
        self.samples: dict[str, list[Sample]] = {}
        for (task, _), sample in run.samples.items():
            self.samples.setdefault(task, []).append(sample)
        self.read: dict[tuple[str, str, int], Replies] = {}

    def tables_of(self, finding: Finding) -> dict[str, list[list[Replies]]]:
        """By task: the finding's arms, in each one's seeds, its first `n` samples. Raises UserError where some lack."""
        found: dict[str, list[list[Replies]]] = {}
        for spec in finding.tasks:
            task = get_task(spec).name
            seeded = map(finding.seeded, finding.effect.arms)
            found[spec] = [[self.answers(task, get_strategy(each).name, finding.n) for each in arm] for arm in seeded]
        return found

    def asked(self, spec: str, n: int) -> list[tuple[str, str]]:
        """A task's first samples: id and question."""
        return [(sample.id, sample.question) for sample in self.samples.get(get_task(spec).name, [])[:n]]

    def answers(self, task: str, strategy: str, n: int) -> Replies:
        """What a strategy said to a task's first samples. Raises UserError where some lack."""
        cell = (task, strategy, n)
        if cell not in self.read:
            samples = self.samples.get(task, [])[:n]
            self.read[cell] = answers(self.cells.get((task, strategy), {}), samples, f"{task}, {strategy}")
        return self.read[cell]


def answers(records: Mapping[str, Record], samples: Sequence[Sample], of: str) -> Replies:
    """What was said to the samples, in their order. Raises UserError where one was not asked."""
    import numpy as np

    lacking = sum(sample.id not in records for sample in samples)
    if lacking or not samples:
        raise UserError(f"{of}: {lacking} of {len(samples)} samples have no answer; run the finding again to its end.")
    rows = [records[sample.id] for sample in samples]
    labels = sorted({name for row in rows for name in row.prediction.probabilities} or {s.target for s in samples})
    place = {name: at for at, name in enumerate(labels)}
    probabilities = None
    if all(set(row.prediction.probabilities) == set(labels) for row in rows):
        probabilities = np.array([[row.prediction.probabilities[name] for name in labels] for row in rows])
    clusters = tuple(sample.cluster or sample.id for sample in samples)
    return Replies(
        scores=np.array([row.score.value for row in rows]),
        targets=np.array([place.get(sample.target, -1) for sample in samples]),
        said=np.array([place.get(row.prediction.answer or "", -1) for row in rows]),
        probabilities=probabilities,
        clusters=clusters if len(set(clusters)) < len(clusters) else None,
    )
