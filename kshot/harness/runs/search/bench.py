"""The winners and what they are held against as an ordinary run, which alone reads the test split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kshot.eval.report.model import CARE
from kshot.eval.report.searching.outcomes import SearchOutcome
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan
from kshot.harness.runs.search.found import specs_of
from kshot.harness.runs.search.plan import Searches
from kshot.harness.runs.search.split import key_of
from kshot.prompts.common import BEST
from kshot.prompts.search import Searchable
from kshot.prompts.strategies import get_strategy
from kshot.spec import split_spec, with_parameter, write_spec
from kshot.types import Task

SHOTS = 8
PRIOR = 2  # samples that are not shown, which calibrate=domain takes at least
CALIBRATE, DOMAIN = "calibrate", "domain"


def few_shot_of(task: Task, subject: Searchable) -> str:
    """The few-shot baseline: 8 exemplars, in the template that does best on exemplars held out for it."""
    labelled = bool(task.labels) or all(sample.choices for sample in subject.validation)
    count = min(SHOTS, len(subject.train))
    if task.labels:  # half of a small pool chooses the template, and the labels' prior takes two samples of the other
        count = min(count, (len(subject.train) + len(subject.validation)) // 2 - PRIOR)
    params: dict[str, object] = {"k": count}
    if task.templates:
        params["template"] = BEST
    return get_strategy(write_spec("choice-logprob" if labelled else "few-shot", params)).name


def calibrations_of(loaded: Searches, tested: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Specification -> the same with the labels' prior taken off, of tasks with labels."""
    found = {}
    for task, specs in tested.items():
        if task in loaded.tasks and loaded.tasks[task].labels:
            for spec in specs:
                if split_spec(spec)[0] == "choice-logprob":
                    found[spec] = get_strategy(with_parameter(spec, CALIBRATE, DOMAIN)).name
    return found


def bench_plan(
    loaded: Searches,
    outcomes: Sequence[SearchOutcome],
    few_shot: Mapping[str, str],
    calibrated: Mapping[str, str],
    *,
    winners_only: bool = False,
) -> Plan:
    """The plan of the test: each task's winners on it alone; `winners_only` leaves runners-up out."""
    tested = specs_of(outcomes)
    if winners_only:
        tested = {task: list(dict.fromkeys(one.spec for one in outcomes if one.task == task)) for task in tested}
    on: dict[str, list[str]] = {}
    for task in loaded.tasks:
        own = [*tested.get(task, ()), *([few_shot[task]] if task in few_shot else [])]
        for spec in [*own, *(calibrated[spec] for spec in own if spec in calibrated)]:
            on.setdefault(spec, []).append(task)
    return Plan(
        tuple(loaded.specs.values()),
        tuple(on),
        loaded.plan.data,
        loaded.plan.limit,
        loaded.plan.seed,
        only={spec: tuple(tasks) for spec, tasks in on.items()},
        set_aside=True,  # what was learned from and chosen on is not asked
    )


def shared(loaded: Searches, folder: Path) -> list[str]:
    """What to say where a test asks what a search has seen, as public sets do that have a question in both splits."""
    asked: dict[str, set[str]] = {}
    with Journal.read(folder) as journal:
        for (task, _), sample in journal.samples().items():
            asked.setdefault(task, set()).add(key_of(sample))
    said = []
    for name, subject in loaded.subjects.items():
        count = sum(key_of(sample) in asked.get(name, set()) for sample in (*subject.train, *subject.validation))
        if count:
            total = len(subject.train) + len(subject.validation)
            said.append(
                f"{CARE}{count} of the {total} samples that searches saw of {name} "
                "are asked in the test as well: the set has them in both splits."
            )
    return said
