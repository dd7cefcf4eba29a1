"""A task's pool in two: samples to learn from and samples to choose on.

Meets: which part a sample falls into hangs on its question and the seed, not on its place, so that a pool that grows
or is sorted otherwise moves few; no question is in both parts. The test split is not read: what is found out here is
found out before anything of it is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from kshot.prompts.exemplars import plain_words
from kshot.types import Sample, Source, Task, UserError

TRAIN, VALIDATION = 128, 64
FEWEST = 8  # samples of a part, below which it tells nothing


@dataclass(frozen=True, slots=True)
class SplitPool:
    """A pool, and its two parts."""

    pool: tuple[Sample, ...]  # all of it, in the task's own order
    places: tuple[int, ...]  # where the train samples stand in the pool
    validation: tuple[Sample, ...]

    @property
    def train(self) -> tuple[Sample, ...]:
        """The samples to learn from."""
        return tuple(self.pool[place] for place in self.places)


def parts_of(task: Task, source: Source, *, train: int = TRAIN, validation: int = VALIDATION) -> SplitPool:
    """The parts of a task's exemplars and train split; of a pool that is too small for both, each gets half.

    Raises UserError where there are fewer than 8 samples for either.
    """
    if validation < FEWEST:
        raise UserError(f"--validation is {validation}; it must be at least {FEWEST}, as fewer choose by luck.")
    if train < FEWEST:
        raise UserError(f"--train is {train}; it must be at least {FEWEST}, as fewer have nothing to be learned from.")
    pool = (*task.exemplars, *task.load("train", source))
    order = hashed(pool, source.seed)
    count = min(validation, len(order) // 2)
    if count < FEWEST:
        has = f"{len(order)} train samples with a target" if order else "no train samples"
        raise UserError(
            f"the task {task.name} has {has}, and a search takes {2 * FEWEST} at least: {FEWEST} to learn from and "
            f"{FEWEST} to choose on, none of which is asked in the test. Give a task with a train split, or of your "
            "own data say how many rows are exemplars (--task FILE:exemplars=200)."
        )
    chosen = tuple(pool[place] for place in order[:count])
    return SplitPool(pool, tuple(order[count : count + train]), chosen)


def hashed(pool: Sequence[Sample], seed: int) -> list[int]:
    """The places of a pool's samples in the order of their hashes; of those that ask the same the first alone."""
    seen: dict[str, int] = {}
    for place, sample in enumerate(pool):
        if sample.target.strip():
            seen.setdefault(key_of(sample), place)
    return sorted(seen.values(), key=lambda place: digest(pool[place], seed))


def key_of(sample: Sample) -> str:
    """What two samples share that ask the same."""
    return "\0".join([plain_words(sample.question), *sorted(sample.choices)])


def digest(sample: Sample, seed: int) -> bytes:
    """A number that is the sample's own."""
    return hashlib.blake2b(f"{seed}\0{key_of(sample)}".encode(errors="replace"), digest_size=16).digest()
