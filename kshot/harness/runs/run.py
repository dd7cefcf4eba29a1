"""Joins tasks, strategies and an engine: every (task, strategy, sample, repeat) is a program, run at once.

The run's folder holds the journal, run.json and what is derived from them. The same call on the same
folder resumes it; `rescore` reads the stored generations again with today's extraction, asking no model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.tasks import TASKS, get_task
from kshot.harness import provenance
from kshot.harness.journal import Journal
from kshot.harness.runner import Calls, Job, Progress, replay, run_jobs
from kshot.program import Done, advance, critical_path, reseed, rewrite
from kshot.prompts.strategies import STRATEGIES, get_strategy
from kshot.prompts.templates import plain, solved
from kshot.types import (
    Engine,
    Generation,
    Prediction,
    Program,
    Question,
    Record,
    Request,
    Sample,
    Source,
    Strategy,
    Task,
    UserError,
)


@dataclass(frozen=True)
class Plan:
    """What to run: all that decides which requests are made, and nothing that does not."""

    tasks: tuple[str, ...]
    strategies: tuple[str, ...]
    data: Path | None = None
    limit: int | None = None
    seed: int = 0
    repeats: int = 1
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # strategy -> the tasks it is run on; absent: all

    def __post_init__(self) -> None:
        if not self.tasks:
            raise UserError("no task was given: add --task NAME (see `kshot list tasks`).")
        if not self.strategies:
            raise UserError("no strategy was given: add --strategy NAME (see `kshot list strategies`).")
        if self.repeats < 1:
            raise UserError(f"--repeats is {self.repeats}; it must be at least 1.")
        if self.limit is not None and self.limit < 1:
            raise UserError(f"--limit is {self.limit}; it must be at least 1.")

    @property
    def source(self) -> Source:
        return Source(self.data, self.seed, self.limit)

    def settings(self, engine_id: str) -> dict[str, Any]:
        """What a resume must agree with."""
        return {
            "engine": engine_id,
            "tasks": list(self.tasks),
            "strategies": list(self.strategies),
            "only": {name: list(tasks) for name, tasks in self.only.items()},
            "data": None if self.data is None else str(self.data),
            "limit": self.limit,
            "seed": self.seed,
            "repeats": self.repeats,
        }

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Plan:
        """The plan that settings were made from."""
        return cls(
            tuple(settings["tasks"]),
            tuple(settings["strategies"]),
            Path(settings["data"]) if settings["data"] else None,
            settings["limit"],
            settings["seed"],
            settings["repeats"],
            {name: tuple(tasks) for name, tasks in settings["only"].items()},
        )


@dataclass(frozen=True)
class Loaded:
    """A plan with its tasks' samples and its strategies at hand."""

    plan: Plan
    tasks: tuple[Task, ...]
    strategies: tuple[Strategy, ...]
    samples: Mapping[str, Sequence[Sample]]
    pools: Mapping[str, tuple[Sample, ...]]

    @property
    def total(self) -> int:
        return sum(len(self.samples[task.name]) * self.plan.repeats for task, _ in self.pairs())

    def pairs(self) -> Iterator[tuple[Task, Strategy]]:
        """Every task with every strategy that is run on it."""
        for task in self.tasks:
            for strategy in self.strategies:
                chosen = self.plan.only.get(strategy.name)
                if chosen is None or task.name in chosen:
                    yield task, strategy

    def jobs(self, *, chat: bool) -> Iterator[Job[Prediction]]:
        """A job for every task, strategy, sample and repeat, in an order that keeps shared prefixes together.

        What has to wait longest for itself goes first, so that the batch is full to the end of the run.
        """
        for task, strategy in sorted(self.pairs(), key=self.waits, reverse=True):
            for sample in self.samples[task.name]:
                question = task.question(sample, self.pools[task.name])
                for repeat in range(self.plan.repeats):
                    key = (task.name, strategy.name, sample.id, repeat)
                    yield Job(key, start(strategy, question, repeat, chat))

    def waits(self, pair: tuple[Task, Strategy]) -> int:
        """The critical path of a strategy on a task's first sample, in tokens."""
        task, strategy = pair
        return critical_path(strategy(task.question(self.samples[task.name][0], self.pools[task.name])))


def start(strategy: Strategy, question: Question, repeat: int, chat: bool) -> Callable[[], Program[Prediction]]:
    """Makes the program when the runner has room for it."""

    def make() -> Program[Prediction]:
        program = reseed(strategy(question), repeat)
        return program if chat else rewrite(program, plain)

    return make


def taught(task: Task, strategy: Strategy, sample: Sample, pool: tuple[Sample, ...], *, chat: bool) -> Request:
    """What a strategy asks about a sample, with the sample's answer as the continuation: a prompt to train on.

    It is the very request that evaluation sends, so that the two cannot drift apart. Raises UserError where the
    strategy asks more than once, or scores instead of asking.
    """
    program = strategy(task.question(sample, pool))
    asked = advance(program)
    requests = [] if isinstance(asked, Done) else list(asked)
    over = isinstance(advance(program, [Generation("", "stop") for _ in requests]), Done)
    if not over or len(requests) != 1 or requests[0].continuation is not None:
        raise UserError(f"{strategy.name} cannot be trained on: it does not ask once for text; use zero-shot.")
    request = replace(requests[0], continuation=solved(sample, task.format))
    return request if chat else plain(request)


def load_plan(plan: Plan) -> Loaded:
    """Loads what a plan names. Raises UserError for what is unknown, empty or given twice."""
    tasks = tuple(get_task(spec) for spec in plan.tasks)
    strategies = tuple(get_strategy(spec) for spec in plan.strategies)
    for kind, names in (("task", [t.name for t in tasks]), ("strategy", [s.name for s in strategies])):
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise UserError(f"the {kind} {sorted(twice)[0]!r} is given twice; give it once.")
    samples, pools = {}, {}
    for task in tasks:
        found = list(task.load("test", plan.source))
        if not found:
            raise UserError(f"the task {task.name} has no samples.")
        asked = {sample.question for sample in found}
        samples[task.name] = found
        # a public set may hold a question in both splits: what is asked is never an exemplar
        pools[task.name] = tuple(
            sample
            for sample in (*task.exemplars, *task.load("train", plan.source))
            if sample.choices or sample.question not in asked
        )
    return Loaded(plan, tasks, strategies, samples, pools)


def record_of(
    loaded: Loaded, by_id: Mapping[tuple[str, str], Sample], job: Job[Prediction], prediction: Prediction, calls: Calls
) -> Record:
    """A finished program as a record."""
    assert isinstance(job.key, tuple)
    task_name, strategy, sample_id, repeat = job.key
    task = next(task for task in loaded.tasks if task.name == task_name)
    generations = [generation for _, generation in calls]
    return Record(
        task=task_name,
        strategy=strategy,
        sample_id=sample_id,
        repeat=repeat,
        prediction=prediction,
        score=task.score(prediction.answer, by_id[task_name, sample_id]),
        calls=tuple(key for key, _ in calls),
        prompt_tokens=sum(generation.prompt_tokens for generation in generations),
        cached_tokens=sum(generation.cached_tokens for generation in generations),
        completion_tokens=sum(generation.completion_tokens for generation in generations),
        seconds=sum(generation.seconds for generation in generations),
    )


def describe(folder: Path, settings: Mapping[str, Any], info: Mapping[str, Any]) -> None:
    """Writes what is needed to repeat a run, run.json, where it does not stand yet."""
    if not (folder / "run.json").exists():
        described = {**info, "settings": settings, **provenance.collect()}
        (folder / "run.json").write_text(json.dumps(described, indent=2), encoding="utf-8")


def run_benchmark(
    loaded: Loaded,
    engine: Engine,
    folder: Path,
    *,
    info: Mapping[str, Any] | None = None,
    on_record: Callable[[Record], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
    on_ask: Callable[[str], None] | None = None,
) -> Progress:
    """Runs or resumes a plan in a folder; records are in its journal. Raises UserError and EngineError."""
    by_id = {(task, sample.id): sample for task, samples in loaded.samples.items() for sample in samples}
    with Journal.open(folder, loaded.plan.settings(engine.id)) as journal:
        describe(folder, loaded.plan.settings(engine.id), info or {})
        journal.note("total", str(loaded.total))
        for task, samples in loaded.samples.items():
            journal.add_samples(task, samples)

        def done(job: Job[Prediction], prediction: Prediction, calls: Calls) -> None:
            record = record_of(loaded, by_id, job, prediction, calls)
            journal.add_record(record)
            if on_record:
                on_record(record)

        return run_jobs(engine, loaded.jobs(chat=engine.chat), journal, done=done, progress=progress, on_ask=on_ask)


def rescore(folder: Path) -> tuple[int, int]:
    """Reads a run's generations again with today's extraction and scores. Returns (records, how many changed)."""
    with Journal.read(folder) as old:
        settings = old.settings()
        before = {
            (r.task, r.strategy, r.sample_id, r.repeat): (r.prediction.answer, r.score.value) for r in old.records()
        }
    loaded = load_plan(Plan.of(settings))
    by_id = {(task, sample.id): sample for task, samples in loaded.samples.items() for sample in samples}
    count = changed = 0
    with Journal.open(folder, settings) as journal:
        for task, samples in loaded.samples.items():
            journal.add_samples(task, samples)

        def done(job: Job[Prediction], prediction: Prediction, calls: Calls) -> None:
            nonlocal count, changed
            record = record_of(loaded, by_id, job, prediction, calls)
            assert isinstance(job.key, tuple)
            count += 1
            changed += before.get(job.key) != (prediction.answer, record.score.value)
            journal.add_record(record)

        finished = [job for job in loaded.jobs(chat="/plain/" not in settings["engine"]) if job.key in before]
        replay(settings["engine"], finished, journal, done=done)
    return count, changed


def read_run(folder: Path) -> tuple[RunData, Journal]:
    """A run's data for a report, and the open journal that its calls are read from."""
    journal = Journal.read(folder)
    settings = journal.settings()
    described = json.loads((folder / "run.json").read_text(encoding="utf-8")) if (folder / "run.json").is_file() else {}
    info = {key: value for key, value in described.items() if key != "settings"}
    info.update(settings)
    order = [get_name(spec) for spec in settings.get("strategies", [])]
    params = hyperparameters_of([*settings.get("strategies", []), *settings.get("tasks", [])])
    run = RunData(folder.name, info, list(journal.records()), journal.samples(), journal.call, order, params)
    return run, journal


def hyperparameters_of(specs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """All hyperparameters, defaults included, by canonical name; none for what is no longer there."""
    found: dict[str, dict[str, Any]] = {}
    for spec in specs:
        for registry in (STRATEGIES, TASKS):
            with suppress(UserError):
                found[registry.canonical(spec)] = registry.parse(spec)[2]
    return found


def get_name(spec: str) -> str:
    """A strategy's canonical name; the text itself where it is a user's own that is no longer there."""
    try:
        return get_strategy(spec).name
    except UserError:
        return spec
