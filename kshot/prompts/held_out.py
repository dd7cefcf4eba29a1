"""Samples of a task's pool held out to try things on, and the pool that is left: the same split for every question."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import lru_cache

from kshot.types import Question, Sample, UserError

VALIDATION = 64  # samples held out, where the pool has as many again
FEWEST = 8


@dataclass(frozen=True, eq=False, slots=True)
class Pool:
    """A task's pool, told from another by being the very same: comparing thousands of samples would take longer."""

    samples: tuple[Sample, ...]

    def __hash__(self) -> int:
        return id(self.samples)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pool) and self.samples is other.samples


@lru_cache(maxsize=8)
def divided(pool: Pool) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """(held out for validation, left as exemplars): a seeded draw from the pool's second half; both keep its order."""
    size = min(VALIDATION, len(pool.samples) // 2)
    if size < FEWEST:
        raise UserError(
            f"template=best chooses on samples with answers and the task has {len(pool.samples)} exemplars; it takes "
            f"{2 * FEWEST} at least: add train samples, or name a template."
        )
    half = range(len(pool.samples) - size if size < VALIDATION else len(pool.samples) // 2, len(pool.samples))
    chosen = set(random.Random("validation").sample(half, size))
    held = tuple(sample for at, sample in enumerate(pool.samples) if at in chosen)
    return held, tuple(sample for at, sample in enumerate(pool.samples) if at not in chosen)


def without_validation(question: Question) -> Question:
    """The question with the exemplars that are left where some are held out."""
    return replace(question, exemplars=divided(Pool(question.exemplars))[1])
