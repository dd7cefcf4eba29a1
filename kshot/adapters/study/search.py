"""The search for a method's learning rate: a few around the method's own, the same effort for every method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kshot.adapters.study.base import StudyBase
from kshot.adapters.study.folder import SEARCH, read_rates, write_rates
from kshot.adapters.study.plan import MixturePart, Training
from kshot.adapters.training.checkpoints import forget_checkpoints
from kshot.adapters.training.recipe import OnProgress
from kshot.adapters.training.supervised import loss_of, train
from kshot.types import UserError

FACTORS = (1 / 3, 1.0, 3.0)
"""The rates that are tried, as multiples of the method's own."""


def rate(
    base: StudyBase, training: Training, parts: Sequence[MixturePart], folder: Path, on_progress: OnProgress
) -> float:
    """The peak learning rate: given, the method's own, or found by a search, which is kept in the study's folder."""
    study = base.study
    if training.method in study.rates:
        return study.rates[training.method]
    own = study.recipe.rate(training.method)
    if not study.search:
        return own
    known = read_rates(folder)
    if training.method not in known:
        known[training.method] = {
            repr(own * factor): tried(base, training, parts, own * factor, folder / SEARCH, on_progress)
            for factor in FACTORS
        }
        write_rates(folder, known)
    losses = known[training.method]
    return float(min(losses, key=losses.__getitem__))


def tried(
    base: StudyBase,
    training: Training,
    parts: Sequence[MixturePart],
    lr: float,
    scratch: Path,
    on_progress: OnProgress,
) -> float:
    """The validation loss after a third of the epochs with a learning rate; infinite where it left all bounds."""
    given = base.study.recipe
    third = max(1, round(given.epochs / 3))
    recipe = replace(given, lr=lr, epochs=third, evaluations=0, patience=0, tensorboard=False)
    adapted = base.attached(training, parts, recipe)
    try:
        forget_checkpoints(scratch)
        train(adapted, base.tokens(adapted, parts), recipe, scratch, seed=training.seed, on_progress=on_progress)
        forget_checkpoints(scratch)
        loss = loss_of(adapted, base.tokens(adapted, parts, validation=True), recipe.batch_size)
    except UserError:
        loss = float("inf")
    finally:
        base.take_off(adapted)
    return loss if loss == loss else float("inf")
