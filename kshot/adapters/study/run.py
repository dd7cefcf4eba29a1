"""Prompting beside training on the same samples: every method, training size and seed, and the strategies to compare.

With a mixture, several tasks are trained on, each in all its wordings, and others, held out as a whole, are evaluated
(Wei et al. 2022, arXiv 2109.01652; Sanh et al. 2022, arXiv 2110.08207).

The same call on the same folder goes on where it was stopped, within a training too. Concedes: trainings follow one
another on one machine (accelerate launch spreads a single one).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from kshot.adapters.attach import load, save
from kshot.adapters.encoder import names_encoder
from kshot.adapters.folder import is_whole
from kshot.adapters.methods import get_method
from kshot.adapters.methods.limits import check_fits
from kshot.adapters.study.base import StudyBase
from kshot.adapters.study.evaluate import evaluate
from kshot.adapters.study.folder import (
    PROMPTING,
    RUN,
    as_begun,
    check_settings,
    is_done,
    mark_done,
    place_of,
    read_training,
    write_training,
)
from kshot.adapters.study.lock import alone_in
from kshot.adapters.study.plan import MixturePart, Study, Training, trained_on
from kshot.adapters.study.search import rate
from kshot.adapters.training.checkpoints import forget_checkpoints
from kshot.adapters.training.recipe import OnProgress, Trained
from kshot.adapters.training.supervised import train
from kshot.harness.engines.transformers import load_engine
from kshot.harness.journal import Journal
from kshot.harness.models.sources import configuration
from kshot.harness.runner import Progress
from kshot.harness.runs.plan import Loaded, load_plan
from kshot.harness.runs.run import run_benchmark
from kshot.harness.runs.sources import fingerprints
from kshot.prompts.strategies import get_strategy
from kshot.types import UserError

OnStudyProgress = Callable[[str, int, int, Mapping[str, float]], None]
"""Is told what is under way, the step, of how many, and the last measures."""


def unheard(what: str, step: int, steps: int, said: Mapping[str, float]) -> None:
    """Progress that nobody follows."""


def run_study(study: Study, folder: Path, options: Mapping[str, Any], on_progress: OnStudyProgress = unheard) -> None:
    """Runs or resumes a study in a folder. `options` are the engine's: device, dtype, rows, trust_remote_code.

    Raises UserError before anything is trained where a name, a number or the data are wrong, and where another process
    is at work in the folder.
    """
    methods = [get_method(method) for method in study.methods]
    if get_strategy(study.strategy).prepare is not None:
        raise UserError(
            f"--strategy {study.strategy} finds out beforehand how to ask, and so cannot be trained on: compare "
            "with it (--compare), and train on the template that it chooses."
        )
    study = as_begun(study, folder)
    plan = load_plan(study.plan((study.strategy,)))
    for asked in (plan, load_plan(study.plan(study.prompting))) if study.prompting else (plan,):
        asked.check()
    labelled = not study.mixture and bool(plan.tasks[0].labels)
    lacking = [method.spec for method in methods if method.traits.needs_labels and not labelled]
    if lacking:
        raise UserError(f"the method {lacking[0]} needs one task that has labels; use a classification task.")
    config = configuration(study.model)
    for method in methods:
        check_fits(method, config)
    encoder = names_encoder(config)
    if encoder and study.prompting:
        raise UserError(f"{study.model} is an encoder, which is not prompted: leave it out with --compare none.")
    if encoder and not labelled:
        raise UserError(f"{study.model} is an encoder, which classifies: give one task that has labels.")
    sets = {(samples, seed): study.parts(plan, samples, seed) for samples in study.samples for seed in study.seeds}
    with alone_in(folder):
        with_all = replace(plan, plan=replace(plan.plan, tasks=(*plan.plan.tasks, *study.mixture)))
        check_settings(study, folder, str(options.get("dtype", "auto")), fingerprints(with_all))
        if study.prompting:
            run_prompting(study, folder / PROMPTING, options, on_progress)
        open_ = [training for training in study.trainings() if not is_done(place_of(training, folder))]
        base = StudyBase(study, options, plan, encoder)
        for at, training in enumerate(open_, 1):
            what = f"{training.label}, seed {training.seed} ({at} of {len(open_)})"
            run_training(base, training, sets[training.samples, training.seed], folder, what, on_progress)


def run_prompting(study: Study, folder: Path, options: Mapping[str, Any], on_progress: OnStudyProgress) -> None:
    """The strategies to compare with, on the base model."""
    lacking = not_asked(load_plan(study.plan(study.prompting)), folder)
    if not lacking:
        return
    loaded = load_plan(study.plan(lacking))
    engine = load_engine(study.model, template=study.template, **options)
    what, records = f"prompting: {', '.join(lacking)}", count(1)

    def on_record(_: Any) -> None:
        on_progress(what, next(records), loaded.total, {})

    def on_state(state: Progress) -> None:
        if state.stage:
            on_progress(f"{what}: {state.stage}", 0, loaded.total, {"requests": state.asked})

    try:
        run_benchmark(
            loaded,
            engine,
            folder,
            info={"model": study.model},
            on_record=on_record,
            progress=on_state,
        )
    finally:
        engine.close()


def not_asked(loaded: Loaded, folder: Path) -> tuple[str, ...]:
    """The strategies of a plan that a run's folder does not have all records of."""
    have: Counter[str] = Counter()
    if (folder / "journal.sqlite").is_file():
        with Journal.read(folder) as journal:
            have.update(record.strategy for record in journal.records())
    each = sum(map(len, loaded.samples.values()))
    pairs = zip(loaded.plan.strategies, loaded.strategies, strict=True)
    return tuple(spec for spec, strategy in pairs if have[strategy.name] != each)


def run_training(
    base: StudyBase,
    training: Training,
    parts: Sequence[MixturePart],
    folder: Path,
    what: str,
    on_told: OnStudyProgress,
) -> None:
    """Trains and evaluates one adapter; goes on where it was stopped."""
    here, on_progress = place_of(training, folder), partial(on_told, what)
    if Trained.read(here) is None or not is_whole(here):
        searched = rate(base, training, parts, folder, partial(on_told, f"{what}, trying rates,"))
        train_into(here, base, training, parts, searched, on_progress)
    model = base.model()
    adapted = load(model.model, model.tokenizer, here, base=model.source.name, base_hash=model.weights_hash)
    if read_training(here) is None:  # a damaged one
        write_training(here, training, trained_on=trained_on(parts), trainable=adapted.trainable, total=adapted.total)
    records = count(1)

    def on_record(_: Any) -> None:
        done = next(records)
        on_progress(done, base.plan.total, {"evaluated": float(done)})

    evaluate(adapted, model, base.plan, here / RUN, chat=base.chat, on_record=on_record)
    forget_checkpoints(here)
    mark_done(here)
    base.take_off(adapted)


def train_into(
    here: Path,
    base: StudyBase,
    training: Training,
    parts: Sequence[MixturePart],
    lr: float,
    on_progress: OnProgress,
) -> None:
    """Trains one adapter into its folder."""
    model = base.model()
    recipe = replace(base.study.recipe, lr=lr)
    adapted = base.attached(training, parts, recipe)
    try:
        found = train(
            adapted,
            base.tokens(adapted, parts),
            recipe,
            here,
            seed=training.seed,
            validation=base.tokens(adapted, parts, validation=True) if recipe.evaluations else (),
            evaluate=lambda: {"accuracy": base.accuracy(adapted, parts)},
            on_progress=on_progress,
        )
        save(adapted, here, base=model.source.name, base_hash=model.weights_hash)
        write_training(here, training, trained_on=trained_on(parts), trainable=adapted.trainable, total=adapted.total)
        found.write(here)
    finally:
        base.take_off(adapted)
