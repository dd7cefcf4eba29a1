"""How to train, and what a training took: its settings and its result, neither of which needs torch."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kshot.adapters.methods import get_method
from kshot.types import UserError
from kshot.whole_file import DamagedFile, read_object, write_whole

RESULT = "training.json"
MOST = 1_000_000  # of whatever is counted; beyond it there is a typing mistake
HIGHEST_RATE = 1000.0  # some hundred thousand times what a method begins with

OnProgress = Callable[[int, int, Mapping[str, float]], None]
"""Is told the step, of how many, and the last measures."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. The same for all methods that are compared, but for the learning rate."""

    epochs: int = 8
    lr: float = 0.0  # peak; 0: the method's own
    batch_size: int = 8
    gradient_accumulation_steps: int = 1
    gradient_checkpointing: bool = False  # less memory for a third more time
    packing: bool = False  # a batch as one row without padding
    weight_decay: float = 0.0
    warmup: float = 0.1  # of all steps; then down to 0 in a line
    max_grad_norm: float = 1.0
    evaluations: int = 0  # during training, evenly spread
    patience: int = 0  # stop after so many evaluations without a lower validation loss, and keep the best; 0: never
    checkpoint_seconds: float = 60.0  # at most so much work is lost by a kill
    tensorboard: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "gradient_accumulation_steps"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        for name in ("lr", "weight_decay", "evaluations", "patience", "checkpoint_seconds"):
            if not (getattr(self, name) >= 0 and math.isfinite(getattr(self, name))):
                raise UserError(f"{name} is {getattr(self, name)}; it must be 0 or more.")
        for name in ("epochs", "batch_size", "gradient_accumulation_steps", "evaluations", "patience"):
            if getattr(self, name) > MOST:
                raise UserError(f"{name} is {getattr(self, name)}; it must be at most {MOST:,}.")
        if self.lr > HIGHEST_RATE:
            raise UserError(
                f"lr is {self.lr:g}; no training stays finite at such a rate: give at most {HIGHEST_RATE:g}."
            )
        if not 0 <= self.warmup < 1:
            raise UserError(f"warmup is {self.warmup}; it is a share of all steps, below 1.")
        if self.patience and not self.evaluations:
            raise UserError("patience needs evaluations during training; set evaluations to 4 or more.")

    def steps(self, examples: int) -> int:
        """Updates of the weights in all."""
        batches = -(-examples // self.batch_size)
        return self.epochs * -(-batches // self.gradient_accumulation_steps)

    def rate(self, method: str) -> float:
        """The peak learning rate for a method, by its specification."""
        return self.lr or get_method(method).traits.lr


@dataclass(frozen=True, slots=True)
class Trained:
    """What training took and how it went."""

    steps: int
    lr: float
    loss: float  # mean over the last epoch's steps
    seconds: float  # of training alone: neither loading nor evaluation
    peak_memory: int  # bytes above what the process held before, base model included where it was loaded for this
    history: tuple[Mapping[str, float], ...]  # a line a log: step, loss, lr; or step, validation_loss, accuracy

    @classmethod
    def read(cls, folder: Path) -> Trained | None:
        """What a finished training left in its folder; None where it has not finished, or what it left is damaged."""
        try:
            said = read_object(folder / RESULT, "")
            found = cls(**{**said, "history": tuple(said["history"])})
            numbers = [getattr(found, name) for name in cls.__slots__ if name != "history"]
            numbers += [value for line in found.history for value in line.values()]
        except (OSError, DamagedFile, KeyError, TypeError, AttributeError):
            return None
        return found if all(isinstance(number, int | float) for number in numbers) else None

    def write(self, folder: Path) -> None:
        """Leaves it in the folder, whole or not at all."""
        said = {name: getattr(self, name) for name in self.__slots__}
        write_whole(folder / RESULT, json.dumps(said, indent=1))
