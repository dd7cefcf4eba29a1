"""The search for a method's learning rate: around the method's own, on from there until the best is bracketed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kshot.adapters.study.base import StudyBase
from kshot.adapters.study.folder import SEARCH, read_rates, write_rates
from kshot.adapters.study.plan import MixturePart, Training
from kshot.adapters.training.checkpoints import forget_checkpoints
from kshot.adapters.training.recipe import OnProgress
from kshot.adapters.training.supervised import loss_of, train
from kshot.types import UserError

STEP = 3.0  # between two rates
EXPONENTS = (-1, 0, 1)
"""The rates that are tried first, as powers of `STEP` times the method's own."""
FARTHEST = 4  # steps from the method's own at which a search ends, bracketed or not


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
    losses = dict(known.get(training.method, {}))
    while (exponent := next_exponent({nearest(float(lr), own): loss for lr, loss in losses.items()})) is not None:
        lr = own * STEP**exponent
        losses[repr(lr)] = tried(base, training, parts, lr, folder / SEARCH, on_progress)
        write_rates(folder, {**known, training.method: losses})
    return float(min(losses, key=losses.__getitem__))


def nearest(lr: float, own: float) -> int:
    """How many steps a rate is from the method's own."""
    return round(math.log(lr / own, STEP))


def next_exponent(losses: Mapping[int, float]) -> int | None:
    """The step to try next, given the losses by step; None where the lowest has a higher one on either side.

    At most `FARTHEST` steps from the method's own.
    """
    for exponent in EXPONENTS:
        if exponent not in losses:
            return exponent
    best = min(losses, key=lambda one: (losses[one], abs(one) if math.isfinite(losses[one]) else one))
    return next((one for one in (best - 1, best + 1) if one not in losses and abs(one) <= FARTHEST), None)


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
