"""The runs of several models as one: by what name each goes, and only the samples that all of them were asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kshot.eval.report.model import CARE
from kshot.eval.report.prompting.measures import Key, Measure, measured
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.short_names import abbreviated
from kshot.types import Generation, Record, Request, Sample, UserError

BETWEEN = " · "
SETTINGS = {"seed": "seed", "limit": "limit", "repeats": "repeats", "data": "data", "default_templates": "form"}
"""What two runs may differ in so that they asked other samples, or otherwise."""


@dataclass(frozen=True, slots=True)
class Size:
    """A model's size, as its run has kept it."""

    parameters: int
    embedding: int
    bytes: int
    dtype: str

    @property
    def outside(self) -> int:
        """Parameters outside the embeddings."""
        return self.parameters - self.embedding

    @classmethod
    def of(cls, run: RunData) -> Size | None:
        """A run's; None where it has none that can be read."""
        said = run.info.get("size")
        if not isinstance(said, Mapping):
            return None
        numbers = [said.get(name) for name in ("parameters", "embedding", "bytes")]
        whole = [n for n in numbers if isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 1 << 60]
        if len(whole) < 3 or not whole[1] < whole[0]:
            return None
        return cls(whole[0], whole[1], whole[2], str(said.get("dtype", ""))[:40])


@dataclass(frozen=True, slots=True)
class Subject:
    """A model's run among others."""

    model: str  # as it was given
    run: RunData
    total: int = 0  # attempts that it is to make; 0 where that is not known
    place: str = ""  # what tells it from another run of the same model; "": the run's name

    @property
    def unfinished(self) -> bool:
        """Whether attempts are left."""
        return len(self.run.records) < self.total


@dataclass(frozen=True)
class Joined:
    """Several runs as one whose strategies are named for their model too."""

    labels: Sequence[str]  # of models, the smallest first, those of unknown size last
    sizes: Mapping[str, Size | None]
    runs: Mapping[str, RunData]  # by label, of the shared samples alone
    found: Mapping[tuple[str, str, str], Measure]  # by label, task and strategy; measures go by their own strategy
    whole: RunData  # all of it
    samples: Mapping[tuple[str, str], Sample]
    names: Mapping[str, str]  # specification -> short name, the same in all runs
    said: Sequence[str]  # what was left out

    def tasks(self) -> list[str]:
        """Tasks in order of appearance."""
        return list(dict.fromkeys(task for _, task, _ in self.found))

    def strategies(self, task: str | None = None) -> list[str]:
        """Strategies in order of appearance, of a task or of all."""
        return list(dict.fromkeys(name for _, at, name in self.found if task in (None, at)))

    def of(self, label: str) -> dict[Key, Measure]:
        """A model's measures."""
        return {(task, strategy): m for (at, task, strategy), m in self.found.items() if at == label}


def joined(subjects: Sequence[Subject], name: str) -> Joined:
    """Runs as one, on the samples that they share. Raises UserError where they share none."""
    subjects, said = finished(subjects)
    labels = labels_of(
        [subject.model for subject in subjects], [subject.place or subject.run.name for subject in subjects]
    )
    among = [record.strategy for subject in subjects for record in subject.run.records]
    ordered = [name for subject in subjects for name in subject.run.strategies]
    short = abbreviated(subjects[0].run, [*ordered, *among])[1]
    runs = {
        label: abbreviated(subject.run, [*ordered, *among])[0] for label, subject in zip(labels, subjects, strict=True)
    }
    sizes = {label: Size.of(run) for label, run in runs.items()}
    labels.sort(key=lambda label: (sizes[label] is None, sizes[label].outside if sizes[label] else 0))  # type: ignore[union-attr]
    shared, lacking = shared_samples(runs)
    said += [*lacking, *differing(runs)]
    kept = {
        label: replace(run, records=[r for r in run.records if r.sample_id in shared.get(r.task, {})])
        for label, run in runs.items()
    }
    if not any(run.records for run in kept.values()):
        raise UserError(f"the runs of {', '.join(labels)} share no sample of any task: {listing(runs)}.")
    samples = {(task, key): sample for task, known in shared.items() for key, sample in known.items()}
    whole, who = merged(kept, labels, samples, name)
    found = {
        (label, task, own): replace(m, strategy=own)
        for (task, strategy), m in measured(whole).items()
        for label, own in [who[strategy]]
    }
    return Joined(labels, sizes, kept, found, whole, samples, short, said)


def finished(subjects: Sequence[Subject]) -> tuple[list[Subject], list[str]]:
    """Those whose runs are whole, where there are two or more; and which were left out."""
    whole = [subject for subject in subjects if not subject.unfinished]
    if len(whole) < 2 or len(whole) == len(subjects):
        return list(subjects), []
    return whole, [
        f"{CARE}{one.model} was stopped after {len(one.run.records):,} of {one.total:,} attempts and is left out; the "
        "same command goes on with it."
        for one in subjects
        if one.unfinished
    ]


def labels_of(models: Sequence[str], runs: Sequence[str]) -> list[str]:
    """What models are called: the end of their names, as much of it as tells them apart; else their runs' names.

    >>> labels_of(["a/tiny", "b/tiny", "big.gguf"], ["1", "2", "3"])
    ['a/tiny', 'b/tiny', 'big']
    """
    parts = [Path(model.removesuffix(".gguf")).parts or (model,) for model in models]
    labels = [part[-1] for part in parts]
    for depth in (1, 2, 3):
        shown = ["/".join(part[-depth:]) for part in parts]
        counts = Counter(labels)
        labels = [label if counts[label] == 1 else longer for label, longer in zip(labels, shown, strict=True)]
    counts = Counter(labels)
    labels = [label if counts[label] == 1 else f"{label} ({run})" for label, run in zip(labels, runs, strict=True)]
    seen: Counter[str] = Counter()
    for at, label in enumerate(labels):
        seen[label] += 1
        labels[at] = label if seen[label] == 1 else f"{label} #{seen[label]}"
    return labels


def shared_samples(runs: Mapping[str, RunData]) -> tuple[dict[str, dict[str, Sample]], list[str]]:
    """The samples of each task that all runs of it have with the very same text; and how many others there are."""
    asked: dict[str, dict[str, dict[str, set[str]]]] = {}  # task -> label -> strategy -> ids
    for label, run in runs.items():
        for record in run.records:
            by = asked.setdefault(record.task, {}).setdefault(label, {})
            by.setdefault(record.strategy, set()).add(record.sample_id)
    shared: dict[str, dict[str, Sample]] = {}
    said = []
    for task, by_label in asked.items():
        sets = [ids for by in by_label.values() for ids in by.values()]
        everything, common = set().union(*sets), set.intersection(*sets)
        first = next(iter(by_label))
        order = [key for at, key in runs[first].samples if at == task and key in common]
        shared[task] = {
            key: runs[first].samples[task, key]
            for key in order
            if all(runs[label].samples.get((task, key)) == runs[first].samples[task, key] for label in by_label)
        }
        if len(shared[task]) < len(everything):
            said.append(
                f"{CARE}on {task} only the {len(shared[task]):,} samples that all models were asked are compared; "
                f"{len(everything) - len(shared[task]):,} others are left out."
            )
    return shared, said


def differing(runs: Mapping[str, RunData]) -> list[str]:
    """A sentence for what the runs were not asked alike in."""
    said = []
    for key, name in SETTINGS.items():
        values: dict[str, list[str]] = {}
        for label, run in runs.items():
            values.setdefault(written(run.info.get(key)), []).append(label)
        if len(values) > 1:
            each = "; ".join(f"{value}: {', '.join(labels)}" for value, labels in values.items())
            said.append(f"{CARE}the runs differ in their {name} ({each}).")
    return said


def written(value: Any) -> str:
    """A setting in a sentence."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {each}" for key, each in value.items()) or "none"
    return "none" if value is None else str(value)


def merged(
    runs: Mapping[str, RunData], labels: Sequence[str], samples: Mapping[tuple[str, str], Sample], name: str
) -> tuple[RunData, dict[str, tuple[str, str]]]:
    """One run of all, and which model and strategy each of its strategies is."""
    records: list[Record] = []
    home: dict[str, RunData] = {}
    who: dict[str, tuple[str, str]] = {}
    order: list[str] = []
    params: dict[str, Mapping[str, object]] = {}
    kinds = {metric: kind for run in runs.values() for metric, kind in run.kinds.items()}
    for label in labels:
        run = runs[label]
        used = dict.fromkeys([*run.strategies, *(record.strategy for record in run.records)])
        own = {strategy: f"{label}{BETWEEN}{strategy}" for strategy in used}
        who.update({full: (label, strategy) for strategy, full in own.items()})
        order += own.values()
        params.update({own.get(key, key): value for key, value in run.params.items()})
        for record in run.records:
            records.append(replace(record, strategy=own[record.strategy]))
            home.update(dict.fromkeys(record.calls, run))
    tasks = list(dict.fromkeys(record.task for record in records))
    records.sort(key=lambda record: tasks.index(record.task))

    def call(key: str) -> tuple[Request, Generation]:
        return home[key].call(key)

    return RunData(name, {}, records, samples, call, order, params, kinds=kinds), who


def listing(runs: Mapping[str, RunData]) -> str:
    """What each run has, for an error."""
    return "; ".join(
        f"{label} has {', '.join(dict.fromkeys(record.task for record in run.records)) or 'nothing'}"
        for label, run in runs.items()
    )
