"""Samples of a task's pool held out to try things on, and the pool that is left: the same split for every question."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from kshot.types import Question, Sample, UserError

VALIDATION = 128  # samples held out, where the pool has as many again
FEWEST = 8
SHOWN = 64  # samples at the pool's beginning that are left as exemplars, where it has more


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
    """(held out for validation, left as exemplars): a seeded draw, in which targets are as frequent as in the pool.

    The first `SHOWN` samples stay exemplars, and both parts keep the pool's order. Raises UserError for a small pool.
    """
    size = min(VALIDATION, len(pool.samples) // 2)
    if size < FEWEST:
        raise UserError(
            f"template=best chooses on samples with answers and the task has {len(pool.samples)} exemplars; it takes "
            f"{2 * FEWEST} at least: add train samples (of a file of yours, --exemplars {2 * FEWEST}), or name a "
            "template."
        )
    chosen = drawn(pool.samples, range(min(SHOWN, len(pool.samples) - size), len(pool.samples)), size)
    held = tuple(sample for at, sample in enumerate(pool.samples) if at in chosen)
    return held, tuple(sample for at, sample in enumerate(pool.samples) if at not in chosen)


def drawn(samples: Sequence[Sample], places: Sequence[int], size: int) -> set[int]:
    """So many of the places: of each target its share, rounded to the largest remainders, where targets recur.

    A draw that has a label too often takes a form that leans to it for a good one.
    """
    generator = random.Random("validation")
    groups: dict[str, list[int]] = {}
    for at in generator.sample(places, len(places)):
        groups.setdefault(samples[at].target, []).append(at)
    if len(groups) > size // 4:  # not a few labels
        return set(generator.sample(places, size))
    shares = {target: size * len(group) / len(places) for target, group in groups.items()}
    counts = {target: int(share) for target, share in shares.items()}
    for target in sorted(shares, key=lambda target: (counts[target] - shares[target], target)):
        counts[target] += sum(counts.values()) < size
    return {at for target, group in groups.items() for at in group[: counts[target]]}


def without_validation(question: Question) -> Question:
    """The question with the exemplars that are left where some are held out."""
    whole = question.whole or question.exemplars  # in which picks are counted
    return replace(question, exemplars=divided(Pool(question.exemplars))[1], whole=whole, shots=None)
