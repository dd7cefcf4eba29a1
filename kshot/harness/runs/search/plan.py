"""Which searches: tasks, methods, seeds, and what each may spend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kshot.eval.tasks import expanded, get_task
from kshot.harness.runs.search.split import TRAIN, VALIDATION
from kshot.harness.runs.search.subject import searchable
from kshot.harness.runs.search.trying import OBJECTIVES
from kshot.program import advance
from kshot.prompts.search import SEARCHES, Searchable
from kshot.prompts.search.trials import BUDGET, PROPOSALS, Trials
from kshot.registry import suggest
from kshot.spec import split_spec
from kshot.types import Source, Task, UserError

BEST_HUMAN, RANDOM = "best-human", "random"
CONTROLS = (BEST_HUMAN, RANDOM)
ONCE = (BEST_HUMAN,)  # that draw nothing, so that one seed does
GRADIENTS = ("hotflip",)
MOST_SEEDS = 100
Key = tuple[str, str, int]
"""A search: task, method and seed."""


@dataclass(frozen=True)
class SearchPlan:
    """What `kshot search` is asked to do."""

    tasks: tuple[str, ...]
    methods: tuple[str, ...] = ()  # (): every one that there is and that can do the task
    seeds: int = 3
    budget: int = BUDGET  # scorings of a search: (candidate, sample) pairs
    proposals: int = PROPOSALS  # texts that a model may be asked to write, of a search
    validation: int = VALIDATION
    train: int = TRAIN
    objective: str = ""  # "": likelihood where labels are scored, else accuracy
    data: Path | None = None
    limit: int | None = None  # test samples
    seed: int = 0  # of the split, and of generated samples
    top: int = 1  # candidates of a search that are tested, the best first
    calibrated: bool = True  # whether winners are tested after calibration too, where labels are scored

    def __post_init__(self) -> None:
        if not self.tasks:
            raise UserError("no task was given: add --task NAME (see `kshot list tasks`).")
        if not 1 <= self.seeds <= MOST_SEEDS:
            raise UserError(f"--seeds is {self.seeds}; it must be at least 1 and at most {MOST_SEEDS}.")
        if self.objective and self.objective not in OBJECTIVES:
            raise UserError(f"unknown objective {self.objective!r}: {suggest(self.objective, OBJECTIVES)}")
        if self.proposals < 0:
            raise UserError(f"--proposals is {self.proposals}; it must be 0 or more.")
        if self.top < 1:
            raise UserError(f"--top is {self.top}; it must be at least 1, the winner.")
        if self.limit is not None and self.limit < 1:
            raise UserError(f"--limit is {self.limit}; it must be at least 1.")

    @property
    def source(self) -> Source:
        """Where samples come from; a search reads no test sample, so that no limit on these is in it."""
        return Source(self.data, self.seed)

    def protocol(self) -> dict[str, Any]:
        """What all searches of a run have in common, so that they can be compared."""
        return {
            "budget": self.budget,
            "proposals": self.proposals,
            "train": self.train,
            "validation": self.validation,
            "objective": self.objective,
            "data": None if self.data is None else str(self.data),
            "seed": self.seed,
        }


@dataclass(frozen=True)
class Searches:
    """A plan with its tasks as searches see them; nothing of a test split has been read."""

    plan: SearchPlan
    tasks: Mapping[str, Task]  # by name
    specs: Mapping[str, str]  # a task's name -> its specification
    subjects: Mapping[str, Searchable]
    keys: tuple[Key, ...]  # in the order in which they are begun
    notes: tuple[str, ...] = field(default=())  # what is left out, and why

    def begun(self, key: Key) -> tuple[Any, Trials]:
        """A search's program and its ledger."""
        task, method, seed = key
        trials = Trials(self.subjects[task], self.plan.budget, self.plan.proposals)
        return SEARCHES.get(method)(self.subjects[task], trials, seed=seed), trials


def load_searches(plan: SearchPlan) -> Searches:
    """Loads what a plan names, and begins every search once: a mistake is told before a model is loaded.

    The controls are always among the methods. Of methods that nobody named, one that cannot do a task is left out with
    a note. Raises UserError.
    """
    listed, _ = expanded(plan.tasks)
    tasks = [get_task(spec) for spec in listed]
    names = [task.name for task in tasks]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UserError(f"the task {sorted(twice)[0]!r} is given twice; give it once.")
    asked = [method_of(spec) for spec in plan.methods]
    methods = list(dict.fromkeys([*CONTROLS, *(asked or (name for name in SEARCHES if name not in CONTROLS))]))
    subjects = {}
    for task in tasks:
        subjects[task.name] = searchable(
            task, plan.source, objective=plan.objective, train=plan.train, validation=plan.validation
        )
    loaded = Searches(plan, dict(zip(names, tasks, strict=True)), dict(zip(names, listed, strict=True)), subjects, ())
    keys: list[Key] = []
    notes: list[str] = []
    for name in names:
        for method in methods:
            try:
                advance_once(loaded, (name, method, 0))
            except UserError as error:
                if method in asked or method in CONTROLS:
                    raise UserError(f"{name}, {method}: {error}") from error
                notes.append(f"{method} is left out on {name}: {error}")
                continue
            keys += [(name, method, seed) for seed in range(1 if method in ONCE else plan.seeds)]
    return Searches(plan, loaded.tasks, loaded.specs, subjects, tuple(keys), tuple([*notes, *small(plan, subjects)]))


def advance_once(loaded: Searches, key: Key) -> None:
    """Begins a search, as far as what it asks first. Raises UserError where it cannot do the task."""
    program, _ = loaded.begun(key)
    advance(program)
    program.close()


def method_of(spec: str) -> str:
    """A method's canonical specification. Raises UserError for an unknown one, and where it says a seed."""
    _, _, params = SEARCHES.parse(spec)
    if params.get("seed"):
        raise UserError(f"--method {spec} says a seed: how many there are is --seeds, and each method has all of them.")
    return SEARCHES.canonical(spec)


def follows_gradients(method: str) -> bool:
    """Whether a search asks for a model's gradients, which few engines have."""
    return split_spec(method)[0] in GRADIENTS


def small(plan: SearchPlan, subjects: Mapping[str, Searchable]) -> Iterator[str]:
    """What to know of pools that were too small for what was asked."""
    for name, subject in subjects.items():
        if len(subject.validation) < plan.validation:
            yield (
                f"{name} has train samples for {len(subject.train)} to learn from and {len(subject.validation)} to "
                f"choose on, not {plan.train} and {plan.validation}."
            )
