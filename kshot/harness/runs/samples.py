"""Which samples of a task a run asks, however often it grew: who asks for more gets those that there were, and more.

Meets: what was asked under one limit is asked under any larger one, also of a task whose own selections for two limits
have not all samples in common; and the exemplars stay those that the run began with, which under any limit up to SPARED
are the same: a draw among them would be another one if a single sample of theirs went. Concedes: a sample that came
later may be an exemplar of others, as it was theirs from the start; it is never one of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kshot.types import Sample, Source, Task, UserError

SPARED = 256  # test samples that are no exemplars though a smaller limit does not ask them


@dataclass(frozen=True, slots=True)
class AskedSamples:
    """A task's samples, and what its strategies may show before them."""

    asked: Sequence[Sample]  # under the last limit
    kept: Sequence[Sample]  # under all limits, in the order in which they came
    pool: tuple[Sample, ...]  # exemplars
    counts: Mapping[int | None, int] = field(default_factory=dict)  # limit -> samples under it
    whole: tuple[Sample, ...] = ()  # the pool with what is asked too, in which places are counted
    late: frozenset[str] = frozenset()  # ids of samples that are asked what an exemplar asks, as they came after it


def samples_of(task: Task, source: Source, limits: Sequence[int | None]) -> AskedSamples:
    """A task's samples under limits that were asked one after another. Raises UserError for none, and for equal ids."""
    selections = {limit: tested(task, replace(source, limit=limit)) for limit in dict.fromkeys(limits)}
    kept: dict[str, Sample] = {}
    for found in selections.values():
        room = len(found) - len(kept)
        more = [sample for sample in found if sample.id not in kept][: max(0, room)]
        kept.update((sample.id, sample) for sample in more)
    first, last = selections[limits[0]], selections[limits[-1]]
    asked = {sample.question for sample in first}
    if limits[0] is not None and limits[0] < SPARED:
        asked |= {sample.question for sample in task.load("test", replace(source, limit=SPARED))}
    # a public set may hold a question in both splits: what is asked is never an exemplar
    whole = (*task.exemplars, *task.load("train", source))
    pool = tuple(sample for sample in whole if sample.choices or sample.question not in asked)
    ordered = list(kept.values())
    shown = {sample.question for sample in pool if not sample.choices}
    late = frozenset(sample.id for sample in ordered if sample.question in shown)
    counts = {limit: len(found) for limit, found in selections.items()}
    return AskedSamples(ordered[: len(last)], ordered, pool, counts, whole, late)


def tested(task: Task, source: Source) -> list[Sample]:
    """The test samples under one limit."""
    found = list(task.load("test", source))
    if not found:
        raise UserError(f"the task {task.name} has no samples.")
    [(commonest, count)] = Counter(sample.id for sample in found).most_common(1)
    if count > 1:
        raise UserError(f"{count} samples of {task.name} have the id {commonest!r}; make ids unique.")
    return found


def without(pool: tuple[Sample, ...], question: str) -> tuple[Sample, ...]:
    """Exemplars for a sample that came after them: none asks what it asks."""
    return tuple(one for one in pool if one.choices or one.question != question)
