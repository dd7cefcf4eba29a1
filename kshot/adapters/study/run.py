"""Prompting beside training on the same samples: every method, training size and seed, and the strategies to compare.

With a mixture, several tasks are trained on, each in all its wordings, and others, held out as a whole, are evaluated
(Wei et al. 2022, arXiv 2109.01652; Sanh et al. 2022, arXiv 2110.08207).

A study's folder holds `prompting/` (a run), and for each training a folder with the adapter, `training.json` and `run/`
(its evaluation). The same call on the same folder goes on where it was stopped, within a training too. Concedes:
trainings follow one another on one machine (accelerate launch spreads a single one).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from kshot.adapters.adapted import Adapted
from kshot.adapters.attach import attach, load, save
from kshot.adapters.encoder import load_encoder, names_encoder
from kshot.adapters.folder import FILE
from kshot.adapters.methods import get_method
from kshot.adapters.study.evaluate import accuracy, evaluate
from kshot.adapters.training.checkpoints import forget_checkpoints
from kshot.adapters.training.data import Example, TrainingSet, examples, training_set
from kshot.adapters.training.recipe import Recipe, Trained
from kshot.adapters.training.supervised import loss_of, train
from kshot.eval.tasks import get_task
from kshot.harness.engines.transformers import load_engine
from kshot.harness.journal import Journal
from kshot.harness.models.load import LoadedModel, load_model, use_chat
from kshot.harness.models.render import Renderer
from kshot.harness.models.sources import resolve
from kshot.harness.runs.plan import Loaded, Plan, load_plan
from kshot.harness.runs.run import run_benchmark
from kshot.prompts.strategies import get_strategy
from kshot.spec import split_spec, write_spec
from kshot.types import Sample, Strategy, Task, UserError

FACTORS = (1 / 3, 1.0, 3.0)
"""The rates that a search tries, as multiples of the method's own."""
SETTINGS = "study.json"


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
        return Plan(self.tasks, strategies, self.data, self.limit)

    def parts(self, plan: Loaded, samples: int, seed: int) -> tuple[Part, ...]:
        """What is trained on. Raises UserError where a task has too few train samples."""
        tested = [sample for found in plan.samples.values() for sample in found]
        source = plan.plan.source
        if not self.mixture:
            [task] = plan.tasks
            data = training_set(task, source, tested, samples=samples, seed=seed, validation=self.validation)
            return (Part(task, get_strategy(self.strategy), plan.pools[task.name], data),)
        found: list[Part] = []
        for spec in self.mixture:
            task = get_task(spec)
            each = -(-samples // max(1, len(task.labels)))
            data = training_set(task, source, tested, samples=each, seed=seed, validation=self.validation)
            ways = max(1, len(task.instructions))
            for way in range(ways):
                strategy = get_strategy(f"instruction:wording={way}" if task.instructions else "zero-shot")
                share = TrainingSet(data.train[:samples][way::ways], data.validation[way::ways], data.dropped)
                found.append(Part(task, strategy, (), share))  # an instruction shows no exemplars
        return tuple(found)

    def cells(self) -> Iterator[Cell]:
        """Every training, the first seed of all methods before the second of any."""
        for seed in self.seeds:
            for count in self.samples:
                for method in self.methods:
                    yield Cell(get_method(method).spec, count, seed)

    def settings(self) -> dict[str, Any]:
        """What a resume must agree with, as JSON-able values."""
        said = asdict(self)
        said["data"] = None if self.data is None else str(self.data)
        # what may grow from one call to the next without changing what is there
        return {key: value for key, value in said.items() if key not in ("methods", "samples", "seeds", "prompting")}


@dataclass(frozen=True)
class Part:
    """A task's share of what is trained on, in the prompts of one strategy."""

    task: Task
    strategy: Strategy
    pool: tuple[Sample, ...]  # exemplars that the strategy may show
    data: TrainingSet


def trained_on(parts: Sequence[Part]) -> int:
    """Training samples in all."""
    return sum(len(part.data.train) for part in parts)


def name_of(spec: str) -> str:
    """A task's canonical name."""
    return get_task(spec).name


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
    methods = [get_method(method) for method in study.methods]
    plan = load_plan(study.plan((study.strategy,)))
    labelled = not study.mixture and bool(plan.tasks[0].labels)
    lacking = [method.spec for method in methods if method.traits.needs_labels and not labelled]
    if lacking:
        raise UserError(f"the method {lacking[0]} needs one task that has labels; use a classification task.")
    encoder = names_encoder(study.model)
    if encoder and study.prompting:
        raise UserError(f"{study.model} is an encoder, which is not prompted: leave it out with --compare none.")
    if encoder and not labelled:
        raise UserError(f"{study.model} is an encoder, which classifies: give one task that has labels.")
    sets = {(count, seed): study.parts(plan, count, seed) for count in study.samples for seed in study.seeds}
    folder.mkdir(parents=True, exist_ok=True)
    check_settings(study, folder)
    if study.prompting:
        prompting(study, folder / "prompting", options, tell)
    cells = [cell for cell in study.cells() if not is_done(folder / cell.folder)]
    bench = Bench(study, options, plan, encoder)
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

    def __init__(self, study: Study, options: Mapping[str, Any], plan: Loaded, encoder: bool = False) -> None:
        self.study, self.options, self.plan, self.encoder = study, options, plan, encoder
        self.loaded: LoadedModel | None = None
        [self.strategy] = plan.strategies
        self.labels = () if study.mixture else plan.tasks[0].labels

    def base(self) -> LoadedModel:
        """The model, read where it is not there or has been changed for good."""
        if self.loaded is None:
            keep = {key: self.options[key] for key in ("device", "dtype") if key in self.options}
            if self.encoder:
                self.loaded = load_encoder(self.study.model, labels=self.labels, **keep)
            else:
                keep["trust_remote_code"] = self.options.get("trust_remote_code", False)
                self.loaded = load_model(resolve(self.study.model), **keep)
        return self.loaded

    @property
    def chat(self) -> bool:
        """Whether prompts go through the model's chat template."""
        return not self.encoder and use_chat(self.base().tokenizer, self.study.model, self.study.template)

    def tokens(self, parts: Sequence[Part], head: bool, *, validation: bool = False) -> list[Example]:
        """Samples as tokens."""
        base = self.base()
        longest = min(self.study.max_length, base.context_length)
        renderer = Renderer(base.tokenizer, self.chat)
        return [
            example
            for part in parts
            for example in examples(
                part.task, part.strategy, part.data.validation if validation else part.data.train, renderer,
                pool=part.pool, max_length=longest, head=head, bare=self.encoder,
            )
        ]  # fmt: skip

    def run(self, cell: Cell, parts: Sequence[Part], folder: Path, tell: Callable[..., None]) -> None:
        """Trains and evaluates; goes on where it was stopped."""
        here = folder / cell.folder
        if Trained.read(here) is None or not (here / FILE).is_file():
            self.train(cell, parts, here, self.rate(cell, parts, folder, tell), tell)
        base = self.base()
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

    def take_off(self, adapted: Adapted) -> None:
        """The base as it was; read again where the adapter changed it for good."""
        if adapted.built.undo is None:
            self.loaded = None
        else:
            adapted.detach()

    def train(self, cell: Cell, parts: Sequence[Part], here: Path, rate: float, tell: Callable[..., None]) -> None:
        """Trains one adapter into its folder."""
        base = self.base()
        recipe = replace(self.study.recipe, lr=rate)
        adapted = self.attached(cell, parts, recipe)
        head = adapted.kind == "head"
        try:
            found = train(
                adapted, self.tokens(parts, head), recipe, here, seed=cell.seed,
                validation=self.tokens(parts, head, validation=True) if recipe.evaluations else (),
                evaluate=lambda: {"accuracy": self.accuracy(adapted, parts)}, on_progress=tell,
            )  # fmt: skip
            save(adapted, here, base=base.source.name, base_hash=base.weights_hash)
            (here / "cell.json").write_text(
                json.dumps({
                    "label": cell.label, "method": cell.method, "samples": cell.samples, "seed": cell.seed,
                    "trained_on": trained_on(parts), "trainable": adapted.trainable, "total": adapted.total,
                }),
                encoding="utf-8",
            )  # fmt: skip
            found.write(here)
        finally:
            self.take_off(adapted)

    def attached(self, cell: Cell, parts: Sequence[Part], recipe: Recipe) -> Adapted:
        """The base with a training's adapter on it, at its start."""
        base = self.base()
        return attach(
            base.model, base.tokenizer, cell.method, seed=cell.seed, labels=self.labels,
            total_steps=recipe.steps(trained_on(parts)),
        )  # fmt: skip

    def accuracy(self, adapted: Adapted, parts: Sequence[Part]) -> float:
        """Share of the validation samples that are right."""
        base = self.base()
        shares = [
            (len(part.data.validation), accuracy(
                adapted, base, part.task, part.strategy, part.data.validation, part.pool, chat=self.chat,
            ))
            for part in parts
        ]  # fmt: skip
        return sum(count * share for count, share in shares) / max(1, sum(count for count, _ in shares))

    def rate(self, cell: Cell, parts: Sequence[Part], folder: Path, tell: Callable[..., None]) -> float:
        """The peak learning rate: given, or found by a search that costs every method the same."""
        if cell.method in self.study.rates:
            return self.study.rates[cell.method]
        own = self.study.recipe.rate(cell.method)
        if not self.study.search:
            return own
        path = folder / "rates.json"
        known: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if cell.method not in known:
            known[cell.method] = {
                repr(own * factor): self.tried(cell, parts, own * factor, folder / "search", tell) for factor in FACTORS
            }
            path.write_text(json.dumps(known, indent=1), encoding="utf-8")
        losses = known[cell.method]
        return float(min(losses, key=losses.__getitem__))

    def tried(self, cell: Cell, parts: Sequence[Part], rate: float, scratch: Path, tell: Callable[..., None]) -> float:
        """The validation loss after a third of the epochs with a learning rate; infinite where it left all bounds."""
        third = max(1, round(self.study.recipe.epochs / 3))
        recipe = replace(self.study.recipe, lr=rate, epochs=third, evaluations=0, patience=0, tensorboard=False)
        adapted = self.attached(cell, parts, recipe)
        head = adapted.kind == "head"
        try:
            forget_checkpoints(scratch)
            train(adapted, self.tokens(parts, head), recipe, scratch, seed=cell.seed, on_progress=tell)
            forget_checkpoints(scratch)
            loss = loss_of(adapted, self.tokens(parts, head, validation=True), recipe.batch_size)
        except UserError:
            loss = float("inf")
        finally:
            self.take_off(adapted)
        return loss if loss == loss else float("inf")
