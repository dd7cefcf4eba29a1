"""Prompting beside training on the same samples: every method, training size and seed, and the strategies to compare.

A study's folder holds `prompting/` (a run), and for each training a folder with the adapter, `training.json` and
`run/` (its evaluation). The same call on the same folder goes on where it was stopped, within a training too.
Concedes: one task a study; trainings follow one another on one machine (accelerate launch spreads a single one).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kshot.adapters.attach import attach, load, save
from kshot.adapters.data import Example, TrainingSet, examples, training_set
from kshot.adapters.evaluate import accuracy, evaluate
from kshot.adapters.folder import FILE
from kshot.adapters.methods import METHODS
from kshot.adapters.training import Recipe, Trained, forget_checkpoints, loss_of, train
from kshot.harness import models
from kshot.harness.benchmark import Loaded, Plan, load_plan, run_benchmark
from kshot.harness.engines import load_engine
from kshot.harness.journal import Journal
from kshot.harness.models import LoadedModel
from kshot.harness.render import Renderer
from kshot.registry import split_spec, write_spec
from kshot.types import UserError

FACTORS = (1 / 3, 1.0, 3.0)
"""The rates that a search tries, as multiples of the method's own."""
SETTINGS = "study.json"


@dataclass(frozen=True)
class Study:
    """What to train and what to compare it with."""

    model: str
    task: str
    methods: tuple[str, ...]
    samples: tuple[int, ...] = (32,)  # training samples, of each label where the task has labels
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

    def __post_init__(self) -> None:
        for name in ("methods", "samples", "seeds"):
            given = getattr(self, name)
            if not given:
                raise UserError(f"no {name} were given; name at least one.")
            twice = {one for one in given if given.count(one) > 1}
            if twice:
                raise UserError(f"{sorted(map(str, twice))[0]} is given twice among the {name}; give it once.")

    def plan(self, strategies: tuple[str, ...]) -> Plan:
        """The benchmark of some strategies on the study's samples."""
        return Plan((self.task,), strategies, self.data, self.limit)

    def cells(self) -> Iterator[Cell]:
        """Every training, the first seed of all methods before the second of any."""
        for seed in self.seeds:
            for count in self.samples:
                for method in self.methods:
                    yield Cell(METHODS.canonical(method), count, seed)

    def settings(self) -> dict[str, Any]:
        """What a resume must agree with, as JSON-able values."""
        said = asdict(self)
        said["data"] = None if self.data is None else str(self.data)
        # what may grow from one call to the next without changing what is there
        return {key: value for key, value in said.items() if key not in ("methods", "samples", "seeds", "prompting")}


@dataclass(frozen=True)
class Cell:
    """One training."""

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


Tell = Callable[[str, int, int, Mapping[str, float]], None]
"""(what is under way, step, steps, last measures)"""


def run_study(study: Study, folder: Path, options: Mapping[str, Any], tell: Tell | None = None) -> None:
    """Runs or resumes a study in a folder. `options` are the engine's: device, dtype, rows, trust_remote_code.

    Raises UserError before anything is trained where a name, a number or the data are wrong.
    """
    tell = tell or (lambda *_: None)
    for method in study.methods:
        METHODS.parse(method)
    trained_on = load_plan(study.plan((study.strategy,)))
    [task] = trained_on.tasks
    sets = {
        (count, seed): training_set(
            task, study.plan((study.strategy,)).source, trained_on.samples[task.name], samples=count, seed=seed,
            validation=study.validation,
        )
        for count in study.samples for seed in study.seeds
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    check_settings(study, folder)
    if study.prompting:
        prompting(study, folder / "prompting", options, tell)
    cells = [cell for cell in study.cells() if not is_done(folder / cell.folder)]
    bench = Bench(study, options, trained_on)
    for at, cell in enumerate(cells, 1):
        said = f"{cell.label}, seed {cell.seed} ({at} of {len(cells)})"
        bench.run(cell, sets[cell.samples, cell.seed], folder, lambda *rest, said=said: tell(said, *rest))


def is_done(folder: Path) -> bool:
    """Whether a training is trained and evaluated."""
    return (folder / "done").is_file()


def check_settings(study: Study, folder: Path) -> None:
    """Writes the study's settings, or holds them against those that are there. Raises UserError where they differ."""
    path, said = folder / SETTINGS, json.loads(json.dumps(study.settings()))
    if not path.is_file():
        path.write_text(json.dumps(said, indent=2), encoding="utf-8")
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    differing = [key for key in said if before.get(key) != said[key]]
    if differing:
        key = differing[0]
        raise UserError(
            f"the study in {folder} was begun with {key} = {before.get(key)} and now it is {said[key]}: give the same "
            "again to go on, or another --run."
        )


def prompting(study: Study, folder: Path, options: Mapping[str, Any], tell: Tell) -> None:
    """The strategies to compare with, on the base model."""
    loaded = load_plan(study.plan(study.prompting))
    if (folder / "journal.sqlite").is_file():
        with Journal.read(folder) as journal:
            if sum(1 for _ in journal.records()) == loaded.total:
                return
    engine = load_engine(study.model, template=study.template, **options)
    done = 0

    def on_record(_: Any) -> None:
        nonlocal done
        done += 1
        tell(f"prompting: {', '.join(study.prompting)}", done, loaded.total, {})

    try:
        run_benchmark(loaded, engine, folder, info={"model": study.model}, on_record=on_record)
    finally:
        engine.close()


class Bench:
    """A base model in memory, on which one adapter after the other is trained and evaluated."""

    def __init__(self, study: Study, options: Mapping[str, Any], plan: Loaded) -> None:
        self.study, self.options, self.plan = study, options, plan
        self.loaded: LoadedModel | None = None
        [self.task], [self.strategy] = plan.tasks, plan.strategies

    def base(self) -> LoadedModel:
        """The model, read where it is not there or has been changed for good."""
        if self.loaded is None:
            keep = {key: self.options[key] for key in ("device", "dtype", "trust_remote_code") if key in self.options}
            self.loaded = models.load(models.resolve(self.study.model), **keep)
        return self.loaded

    @property
    def chat(self) -> bool:
        """Whether prompts go through the model's chat template."""
        return models.use_chat(self.base().tokenizer, self.study.model, self.study.template)

    def tokens(self, samples: Any, head: bool) -> list[Example]:
        """Samples as tokens."""
        base = self.base()
        return examples(
            self.task, self.strategy, samples, Renderer(base.tokenizer, self.chat),
            pool=self.plan.pools[self.task.name], max_length=min(self.study.max_length, base.context_length), head=head,
        )  # fmt: skip

    def run(self, cell: Cell, data: TrainingSet, folder: Path, tell: Callable[..., None]) -> None:
        """Trains and evaluates; goes on where it was stopped."""
        here = folder / cell.folder
        base = self.base()
        trained = Trained.read(here)
        if trained is None or not (here / FILE).is_file():
            self.train(cell, data, here, self.rate(cell, data, folder, tell), tell)
        adapted = load(base.model, base.tokenizer, here, base=base.source.name, base_hash=base.weights_hash)
        done = 0
        total = self.plan.total

        def on_record(_: Any) -> None:
            nonlocal done
            done += 1
            tell(done, total, {"evaluated": float(done)})

        evaluate(adapted, base, self.plan, here / "run", chat=self.chat, on_record=on_record)
        forget_checkpoints(here)
        (here / "done").write_text("", encoding="utf-8")
        self.take_off(adapted)

    def take_off(self, adapted: Any) -> None:
        """The base as it was; read again where the adapter changed it for good."""
        if adapted.undo is None:
            self.loaded = None
        else:
            adapted.detach()

    def train(self, cell: Cell, data: TrainingSet, here: Path, rate: float, tell: Callable[..., None]) -> None:
        """Trains one adapter into its folder."""
        base, study = self.base(), self.study
        recipe = Recipe(**{**asdict(study.recipe), "lr": rate})
        steps = recipe.steps(len(data.train))
        adapted = attach(
            base.model, base.tokenizer, cell.method, seed=cell.seed, labels=self.task.labels, total_steps=steps
        )
        head = adapted.kind == "head"
        try:
            found = train(
                adapted, self.tokens(data.train, head), recipe, here, seed=cell.seed,
                validation=self.tokens(data.validation, head) if recipe.evaluations else (),
                evaluate=lambda: {
                    "accuracy": accuracy(
                        adapted, base, self.task, self.strategy, data.validation, self.plan.pools[self.task.name],
                        chat=self.chat,
                    )
                },
                on_progress=tell,
            )  # fmt: skip
            save(adapted, here, base=base.source.name, base_hash=base.weights_hash)
            (here / "cell.json").write_text(
                json.dumps({
                    "label": cell.label, "method": cell.method, "samples": cell.samples, "seed": cell.seed,
                    "trained_on": len(data.train), "trainable": adapted.trainable, "total": adapted.total,
                }),
                encoding="utf-8",
            )  # fmt: skip
            found.write(here)
        finally:
            self.take_off(adapted)
        self.base()

    def rate(self, cell: Cell, data: TrainingSet, folder: Path, tell: Callable[..., None]) -> float:
        """The peak learning rate: given, or found by a search that costs every method the same."""
        method = cell.method.partition(":")[0]
        if cell.method in self.study.rates:
            return self.study.rates[cell.method]
        own = self.study.recipe.rate(method)
        if not self.study.search:
            return own
        path = folder / "rates.json"
        known: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if cell.method not in known:
            known[cell.method] = {
                repr(own * factor): self.tried(cell, data, own * factor, folder / "search", tell) for factor in FACTORS
            }
            path.write_text(json.dumps(known, indent=1), encoding="utf-8")
        losses = known[cell.method]
        return float(min(losses, key=losses.__getitem__))

    def tried(self, cell: Cell, data: TrainingSet, rate: float, scratch: Path, tell: Callable[..., None]) -> float:
        """The validation loss after a third of the epochs with a learning rate; infinite where it left all bounds."""
        base, given = self.base(), asdict(self.study.recipe)
        third = max(1, round(self.study.recipe.epochs / 3))
        recipe = Recipe(**{**given, "lr": rate, "epochs": third, "evaluations": 0, "patience": 0, "tensorboard": False})
        adapted = attach(
            base.model, base.tokenizer, cell.method, seed=cell.seed, labels=self.task.labels,
            total_steps=recipe.steps(len(data.train)),
        )  # fmt: skip
        head = adapted.kind == "head"
        pad = base.tokenizer.pad_token_id or base.tokenizer.eos_token_id or 0
        try:
            forget_checkpoints(scratch)
            train(adapted, self.tokens(data.train, head), recipe, scratch, seed=cell.seed, on_progress=tell)
            forget_checkpoints(scratch)
            loss = loss_of(adapted, self.tokens(data.validation, head), recipe.batch_size, pad)
        except UserError:
            loss = float("inf")
        finally:
            self.take_off(adapted)
            self.base()
        return loss if loss == loss else float("inf")
