"""What is to be run: tasks and strategies by name, then with their samples, then as programs, one a job."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from kshot.eval.metrics import Metric, get_metric
from kshot.eval.metrics.fits import check_reads, check_repeats, check_targets
from kshot.eval.metrics.folder import folder_metric, is_folder
from kshot.eval.metrics.registry import Scorer
from kshot.eval.tasks import expanded, get_task
from kshot.harness.embeddings.brought import Brought
from kshot.harness.runner import Job, describe
from kshot.harness.runs.budget import within_budget
from kshot.harness.runs.samples import AskedSamples, samples_of, without
from kshot.program import Done, advance, critical_path, reseed, rewrite
from kshot.prompts.common import template_files
from kshot.prompts.strategies import get_strategy
from kshot.prompts.templates import plain
from kshot.prompts.wording import read_file
from kshot.types import (
    Prediction,
    Program,
    Question,
    Request,
    Sample,
    Source,
    Strategy,
    Task,
    UserError,
)

T = TypeVar("T")


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
    forms: Mapping[str, str] | None = None  # task -> its form, none where absent; None: as tasks say today
    set_aside: bool | None = None  # rows of a user's data as exemplars, not asked; None: where a strategy shows some
    score_by: str = ""  # the metric by which every task is scored in place of its own
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # that were asked for, each with its tasks
    budget_share: float = 1.0  # of all strategies on all samples, those that are asked
    history: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict)
    """By task, the limits under which its run asked one after another, this one last; absent: `limit` alone."""

    def __post_init__(self) -> None:
        if not self.tasks:
            raise UserError("no task was given: add --task NAME (see `kshot list tasks`).")
        if not self.strategies:
            raise UserError("no strategy was given: add --strategy NAME (see `kshot list strategies`).")
        if self.repeats < 1:
            raise UserError(f"--repeats is {self.repeats}; it must be at least 1.")
        if self.limit is not None and self.limit < 1:
            raise UserError(f"--limit is {self.limit}; it must be at least 1.")
        if not 0 < self.budget_share <= 1:
            raise UserError(f"--budget-share is {self.budget_share}; it must be above 0 and at most 1.")

    @property
    def source(self) -> Source:
        return Source(self.data, self.seed, self.limit)

    def limits(self, task: str) -> tuple[int | None, ...]:
        """The limits under which a task's samples were asked, the last one this plan's."""
        return self.history.get(task, (self.limit,))

    def settings(self, engine_id: str, chat: bool | None = None) -> dict[str, Any]:
        """What a resume must agree with. `chat` is the engine's, None where nothing is asked, as of a head."""
        return {
            "engine": engine_id,
            **({} if chat is None else {"chat": chat}),
            "tasks": list(self.tasks),
            "strategies": list(self.strategies),
            "only": {name: list(tasks) for name, tasks in self.only.items()},
            "data": None if self.data is None else str(self.data),
            "limit": self.limit,
            "seed": self.seed,
            "repeats": self.repeats,
            **({"set_aside": False} if self.set_aside is False else {}),  # runs before it all did
            **({"score_by": self.score_by} if self.score_by else {}),
            **({"budget_share": self.budget_share} if self.budget_share < 1 else {}),
            **({"groups": {name: list(tasks) for name, tasks in self.groups.items()}} if self.groups else {}),
        }

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Plan:
        """The plan that settings were made from. Raises UserError where they are damaged."""
        try:
            plan = cls(
                tuple(settings["tasks"]),
                tuple(settings["strategies"]),
                Path(settings["data"]) if settings["data"] else None,
                settings["limit"],
                settings["seed"],
                settings["repeats"],
                {name: tuple(tasks) for name, tasks in settings["only"].items()},
                dict(settings.get("default_templates", {})),
                settings.get("set_aside", True) is not False,
                settings.get("score_by", ""),
                {name: tuple(tasks) for name, tasks in settings.get("groups", {}).items()},
                budget_share=float(settings.get("budget_share", 1.0)),
            )
            listed = (*plan.only.values(), *plan.groups.values())
            named = [plan.score_by, *plan.tasks, *plan.strategies, *(task for tasks in listed for task in tasks)]
            named.append(settings["engine"])
            numbers = [plan.seed, plan.repeats, plan.limit or 0]
            if not all(isinstance(n, str) for n in named) or not all(isinstance(n, int) for n in numbers):
                raise TypeError("a setting is of another kind")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"the run's settings are damaged ({error!r}): restore its folder, or run again.") from error
        return plan

    def grouped(self) -> Plan:
        """With the tasks of every group in its place."""
        tasks, groups = expanded(self.tasks)
        only = {name: expanded(chosen)[0] for name, chosen in self.only.items()}
        return replace(self, tasks=tasks, only=only, groups={**self.groups, **groups}) if groups else self

    def in_names(self, names: Mapping[str, str]) -> Plan:
        """With its groups' tasks by their names, as a report has them."""
        groups = {group: tuple(names.get(one, one) for one in members) for group, members in self.groups.items()}
        return replace(self, groups=groups)


Prepared = Mapping[tuple[str, str], Mapping[str, Any]]
"""What a strategy has found out about a task before its first question, by (task, strategy)."""


@dataclass(frozen=True)
class Loaded:
    """A plan with its tasks' samples and its strategies at hand."""

    plan: Plan
    tasks: tuple[Task, ...]
    strategies: tuple[Strategy, ...]
    samples: Mapping[str, Sequence[Sample]]
    pools: Mapping[str, tuple[Sample, ...]]
    metrics: tuple[Metric, ...] = ()  # beside each task's own
    prepared: Prepared = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)  # template files, as they were when it was loaded
    sampled: Mapping[str, AskedSamples] = field(default_factory=dict)  # by task: all samples that its run has, too
    brought: Brought = field(default_factory=lambda: Brought(lambda task: ()))  # vectors of texts, other tasks' inputs

    def with_samples(self, sampled: Mapping[str, AskedSamples]) -> Loaded:
        """With these samples and exemplars."""
        samples = {task: found.asked for task, found in sampled.items()}
        return replace(
            self, samples=samples, pools={task: found.pool for task, found in sampled.items()}, sampled=sampled
        )

    def settings(self, engine_id: str, chat: bool | None = None) -> dict[str, Any]:
        """What a resume must agree with: the plan's, and the forms that tasks are asked in where it is not said."""
        forms = {task.name: task.form for task in self.tasks if task.form}
        written = [task.name for task in self.tasks if task.form and task.in_writing]
        return {
            **self.plan.settings(engine_id, chat),
            **({"default_templates": forms} if forms else {}),
            **({"in_writing": written} if written else {}),
        }

    def in_forms(self, forms: Mapping[str, str]) -> Loaded:
        """With its tasks in these forms."""
        return replace(self, tasks=tuple(replace(task, form=forms.get(task.name, "")) for task in self.tasks))

    def of_model(self, model: str | None, *, checking: bool = False) -> Loaded:
        """With what is brought along for a run of this model, none of it asked for yet."""
        return replace(self, brought=Brought(partial(inputs_of, self.plan.source), model, checking=checking))

    @property
    def total(self) -> int:
        return sum(len(self.asked(task, strategy)) * self.plan.repeats for task, strategy in self.pairs())

    def asked(self, task: Task, strategy: Strategy) -> Sequence[Sample]:
        """The samples that a strategy is asked: all of the task's, or its part of the budget."""
        names = [other.name for one, other in self.pairs() if one is task] if self.plan.budget_share < 1 else []
        return within_budget(self.samples[task.name], names, strategy.name, self.plan.budget_share)

    def pairs(self) -> Iterator[tuple[Task, Strategy]]:
        """Every task with every strategy that is run on it."""
        for task in self.tasks:
            for strategy in self.strategies:
                chosen = self.plan.only.get(strategy.name)
                if chosen is None or task.name in chosen:
                    yield task, strategy

    def question(self, task: Task, strategy: Strategy, sample: Sample) -> Question:
        """A sample as a strategy sees it, with what the strategy has prepared for its task."""
        pool = self.pools[task.name]
        sampled = self.sampled.get(task.name)
        if sampled is not None and sample.id in sampled.late:
            pool = without(pool, sample.question)
        question = replace(
            task.question(sample, pool),
            whole=() if sampled is None else sampled.whole,
            files=self.files,
            vectors=self.brought.space(task.name, self.pools[task.name], self.samples[task.name]),
            foreign=self.brought.inputs_of,
        )
        found = self.prepared.get((task.name, strategy.name))
        return replace(question, prepared=found) if found else question

    def preparations(self, *, chat: bool) -> Iterator[Job[Mapping[str, Any]]]:
        """A job for what a strategy has to find out beforehand and has not yet, its key the task and the strategy."""
        for task, strategy in self.pairs():
            key = (task.name, strategy.name)
            if strategy.prepare is not None and key not in self.prepared:
                question = self.question(task, strategy, self.samples[task.name][0])
                yield Job(key, begun_by(strategy.prepare, question, chat))

    def check(self) -> Brought:
        """Begins every strategy on its tasks' first samples; gives what had to be brought along for that.

        Raises UserError, with these, for what cannot be asked.
        """
        checking = self.of_model(self.brought.model, checking=True)
        checking.begin_all()
        return checking.brought

    def begin_all(self) -> None:
        """Begins every strategy on its tasks' first samples."""
        beforehand = {job.key: job.program for job in self.preparations(chat=True)}
        for task, strategy in self.pairs():
            sample = self.samples[task.name][0]
            try:
                prepares = beforehand.get((task.name, strategy.name))
                if prepares is not None:
                    advance(prepares())
                else:
                    check_asks(advance(strategy(self.question(task, strategy, sample))), sample)
                own = task.score.metrics if isinstance(task.score, Scorer) else ()
                check_reads([*self.metrics, *own], strategy.name)
            except UserError as error:
                raise UserError(f"{describe((task.name, strategy.name, sample.id))}: {error}") from error

    def jobs(self, *, chat: bool) -> Iterator[Job[Prediction]]:
        """A job for every task, strategy, sample and repeat, in an order that keeps shared prefixes together.

        What has to wait longest for itself goes first, so that the batch is full to the end of the run.
        """
        for task, strategy in sorted(self.pairs(), key=self.waits, reverse=True):
            for sample in self.asked(task, strategy):
                question = self.question(task, strategy, sample)
                for repeat in range(self.plan.repeats):
                    key = (task.name, strategy.name, sample.id, repeat)
                    yield Job(key, start(strategy, question, repeat, chat))

    def waits(self, pair: tuple[Task, Strategy]) -> int:
        """The critical path of a strategy on a task's first sample, in tokens."""
        task, strategy = pair
        return critical_path(strategy(self.question(task, strategy, self.samples[task.name][0])))


def check_asks(step: Sequence[Request] | Done[Prediction], sample: Sample) -> None:
    """Raises UserError where a strategy wants an answer to a sample that asks nothing."""
    if not isinstance(step, Done) and not sample.question.strip() and any(r.continuation is None for r in step):
        raise UserError("its samples are texts without a question; use --strategy log-likelihood.")


def load_plan(
    plan: Plan,
    metrics: Sequence[str] = (),
    files: Mapping[str, bytes] | None = None,
    *,
    trust_code: bool = False,
) -> Loaded:
    """Loads what a plan names, and metrics to score by beside each task's own.

    A group is its tasks from here on. Template files are read now, once for the whole run; where `files` are given,
    none is. A metric out of a folder is run only with `trust_code`. Raises UserError for what is unknown, empty or
    given twice.
    """
    plan = plan.grouped()
    tasks = tuple(get_task(spec) for spec in plan.tasks)
    plan = plan.in_names(dict(zip(plan.tasks, (task.name for task in tasks), strict=True)))
    strategies = tuple(get_strategy(spec) for spec in plan.strategies)
    for kind, names in (("task", [t.name for t in tasks]), ("strategy", [s.name for s in strategies])):
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise UserError(f"the {kind} {sorted(twice)[0]!r} is given twice; give it once.")
    if plan.forms is not None:
        tasks = tuple(replace(task, form=plan.forms.get(task.name, "")) for task in tasks)
    plan, tasks = divided(plan, tasks, strategies)
    sampled = {task.name: samples_of(task, plan.source, plan.limits(task.name)) for task in tasks}
    if files is None:
        read = {name: read_file(name) for name in template_files(plan.strategies)}
        files = {name: content for name, content in read.items() if content is not None}
    own = metrics_of(metrics, trust_code=trust_code)
    if plan.score_by:
        scorer = Scorer(metrics_of([plan.score_by], trust_code=trust_code))
        tasks, own = tuple(replace(task, score=scorer) for task in tasks), (*scorer.metrics, *own)
    check_repeats(own, plan.repeats)
    loaded = Loaded(plan, tasks, strategies, {}, {}, own, files=files).with_samples(sampled).of_model(None)
    check_targets(own, loaded.samples)
    return loaded


def inputs_of(source: Source, task: str) -> list[str]:
    """The questions of a task's train samples. Raises UserError for an unknown one."""
    return [sample.question for sample in get_task(task).load("train", source)]


def metrics_of(specs: Sequence[str], *, trust_code: bool) -> tuple[Metric, ...]:
    """Metrics by name or out of a folder. Raises UserError for one that is unknown, or given twice."""
    found = tuple(folder_metric(spec, trust_code=trust_code) if is_folder(spec) else get_metric(spec) for spec in specs)
    names = [one.name for one in found]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UserError(f"the metric {twice[0]!r} is given twice; give it once.")
    return found


def divided(plan: Plan, tasks: tuple[Task, ...], strategies: Sequence[Strategy]) -> tuple[Plan, tuple[Task, ...]]:
    """The plan, settled on whether rows of a user's data are set aside as exemplars, and its tasks accordingly.

    They are where any strategy shows exemplars, for all strategies alike: all are asked the same.
    """
    whole = {task.name: task.undivided for task in tasks if task.undivided is not None}
    if not whole or plan.set_aside:
        return plan, tasks
    if plan.set_aside is None:
        loaded = Loaded(plan, tasks, tuple(strategies), {}, {})
        shown = any(
            shows_exemplars(
                strategy,
                task.question(task.load("test", replace(plan.source, limit=1))[0], task.load("train", plan.source)),
            )
            for task, strategy in loaded.pairs()
            if task.name in whole
        )
        if shown:
            return replace(plan, set_aside=True), tasks
    return replace(plan, set_aside=False), tuple(whole.get(task.name) or task for task in tasks)


def shows_exemplars(strategy: Strategy, question: Question) -> bool:
    """Whether a strategy looks at exemplars: as its `k` or its base says, or as its first requests with and without."""
    if strategy.prepare is not None:
        return True
    if "k" in strategy.params:
        return bool(strategy.params["k"])
    if "base" in strategy.params:
        return shows_exemplars(get_strategy(strategy.params["base"]), question)
    try:
        return first_requests(strategy, question) != first_requests(strategy, replace(question, exemplars=()))
    except UserError:  # without, it cannot ask; or it cannot at all, which is told with the others
        return True


def first_requests(strategy: Strategy, question: Question) -> list[Request]:
    """What a strategy asks first."""
    program = strategy(question)
    step = advance(program)
    program.close()
    return [] if isinstance(step, Done) else list(step)


def start(strategy: Strategy, question: Question, repeat: int, chat: bool) -> Callable[[], Program[Prediction]]:
    """A strategy's program of a question, one of several attempts."""
    return begun_by(lambda asked: reseed(strategy(asked), repeat), question, chat)


def begun_by(function: Callable[[Question], Program[T]], question: Question, chat: bool) -> Callable[[], Program[T]]:
    """Makes the program when the runner has room for it, its turns as text for a model without a chat template."""

    def make() -> Program[T]:
        program = function(question)
        return program if chat else rewrite(program, partial(plain, language=question.language))

    return make
