"""What a study is to train, and what it is to compare with."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from kshot.adapters.methods import get_method
from kshot.adapters.training.data import TrainingSet, training_set
from kshot.adapters.training.recipe import Recipe
from kshot.eval.tasks import get_task
from kshot.harness.runs.plan import Loaded, Plan
from kshot.prompts.strategies import get_strategy
from kshot.spec import split_spec, write_spec
from kshot.types import Sample, Strategy, Task, UserError

GROWING = ("methods", "samples", "seeds", "prompting")  # from one call to the next, without changing what is there
CHANGING_NOTHING = ("checkpoint_seconds", "tensorboard")  # in what is trained; nor does max_length, which only refuses
ASKED = ("model", "tasks", "data", "limit", "template", "dtype")  # the settings that prompting depends on


@dataclass(frozen=True)
class Study:
    """What to train and what to compare it with."""

    model: str
    tasks: tuple[str, ...]  # that are evaluated; one without a mixture, and the one that is trained on
    methods: tuple[str, ...]
    mixture: tuple[str, ...] = ()  # tasks to train on instead
    samples: tuple[int, ...] = (32,)  # training samples, of each label where the task has labels; in a mixture a task
    seeds: tuple[int, ...] = (0,)
    prompting: tuple[str, ...] = ()
    strategy: str = "zero-shot"  # whose prompts are trained on
    data: Path | None = None
    limit: int | None = None  # test samples
    validation: int = 64  # at most so many
    max_length: int = 1024
    recipe: Recipe = field(default_factory=Recipe)
    rates: Mapping[str, float] = field(default_factory=dict)  # by method, instead of the recipe's
    search: bool = False
    template: str = "auto"
    forms: Mapping[str, str] | None = None  # task -> the form that it is asked in, as in a Plan

    def __post_init__(self) -> None:
        for name in ("methods", "samples", "seeds"):
            given = getattr(self, name)
            if not given:
                raise UserError(f"no {name} were given; name at least one.")
            twice = {one for one in given if given.count(one) > 1}
            if twice:
                raise UserError(f"{sorted(map(str, twice))[0]} is given twice among the {name}; give it once.")
        if not self.mixture and len(self.tasks) != 1:
            raise UserError(f"{len(self.tasks)} tasks were given; train on one, or on several with --mixture.")
        both = set(map(name_of, self.mixture)) & set(map(name_of, self.tasks))
        if both:
            raise UserError(f"the task {sorted(both)[0]} is in the mixture and held out; leave it out of one.")
        if self.mixture and self.recipe.evaluations:
            raise UserError("a mixture is not evaluated during training; set --evaluations 0.")

    def plan(self, strategies: tuple[str, ...]) -> Plan:
        """The benchmark of some strategies on the study's samples."""
        return Plan(self.tasks, strategies, self.data, self.limit, forms=self.forms, set_aside=True)  # to train on

    def parts(self, plan: Loaded, samples: int, seed: int) -> tuple[MixturePart, ...]:
        """What is trained on. Raises UserError where a task has too few train samples."""
        tested = [sample for found in plan.samples.values() for sample in found]
        source = plan.plan.source
        if not self.mixture:
            [task] = plan.tasks
            data = training_set(task, source, tested, samples=samples, seed=seed, validation=self.validation)
            return (MixturePart(task, get_strategy(self.strategy), plan.pools[task.name], data),)
        found: list[MixturePart] = []
        for spec in self.mixture:
            task = get_task(spec)
            if self.forms is not None:
                task = replace(task, form=self.forms.get(task.name, ""))
            data = training_set(
                task, source, tested, samples=samples, seed=seed, validation=self.validation, in_all=True
            )
            ways = max(1, len(task.instructions))
            for way in range(ways):
                strategy = get_strategy(f"instruction:wording={way}" if task.instructions else "zero-shot")
                share = TrainingSet(data.train[way::ways], data.validation[way::ways], data.dropped)
                found.append(MixturePart(task, strategy, (), share))  # an instruction shows no exemplars
        return tuple(found)

    def trainings(self) -> Iterator[Training]:
        """Every training, the first seed of all methods before the second of any."""
        for seed in self.seeds:
            for count in self.samples:
                for method in self.methods:
                    yield Training(get_method(method).spec, count, seed)

    def settings(self) -> dict[str, Any]:
        """What a resume must agree with, as JSON-able values."""
        said = asdict(self)
        said["data"] = None if self.data is None else str(self.data)
        if not self.forms:  # studies before it had none
            del said["forms"]
        for key in CHANGING_NOTHING:
            del said["recipe"][key]
        return {key: value for key, value in said.items() if key not in (*GROWING, "max_length")}


@dataclass(frozen=True)
class MixturePart:
    """A task's share of what is trained on, in the prompts of one strategy; without a mixture there is one alone."""

    task: Task
    strategy: Strategy
    pool: tuple[Sample, ...]  # exemplars that the strategy may show
    data: TrainingSet


def trained_on(parts: Sequence[MixturePart]) -> int:
    """Training samples in all."""
    return sum(len(part.data.train) for part in parts)


def name_of(spec: str) -> str:
    """A task's canonical name."""
    return get_task(spec).name


@dataclass(frozen=True)
class Training:
    """One training of a study."""

    method: str  # canonical specification
    samples: int
    seed: int

    @property
    def label(self) -> str:
        """How it goes in reports: the method's specification with its training size."""
        name, given = split_spec(self.method)
        return write_spec(name, {**given, "samples": self.samples})

    @property
    def folder(self) -> str:
        """The name of its folder."""
        plain = re.sub(r"[^A-Za-z0-9.=-]+", "-", self.method).strip("-")
        if len(plain) > 60:
            plain = f"{plain[:48]}-{hashlib.blake2b(self.method.encode(), digest_size=5).hexdigest()}"
        return f"{plain}-n{self.samples}-s{self.seed}"
