"""What generated tasks share: seeded draws in which train and test never meet."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from kshot.types import Sample, Source, Split, UserError

DEFAULT_LIMIT = 100  # test samples of a generated task
POOL = 32  # its exemplars


def in_train(question: str) -> bool:
    """Whether a question belongs to the train half: a property of its text, so that no seed or size mixes the two."""
    return hashlib.blake2b(question.encode(), digest_size=2).digest()[0] % 4 == 0


def draw_samples(
    name: str, make: Callable[[random.Random], Sample], split: Split, source: Source, *, pool: int = POOL
) -> list[Sample]:
    """Distinct samples from a seeded generator. Raises UserError where it has not as many as asked for."""
    wanted = (source.train or pool) if split == "train" else DEFAULT_LIMIT if source.limit is None else source.limit
    generator = random.Random(f"{name} {split} {source.seed}")
    found: dict[str, Sample] = {}
    misses = 0
    while len(found) < wanted:
        sample = make(generator)
        if in_train(sample.question) == (split == "train") and sample.question not in found:
            found[sample.question] = replace(sample, id=f"{split}-{source.seed}-{len(found)}")
            misses = 0
        elif (misses := misses + 1) > 20_000:
            option = "--limit" if split == "test" else "--samples"
            raise UserError(f"{name} has only {len(found)} different {split} samples; lower {option}.")
    return list(found.values())


def spread(samples: Sequence[Sample], limit: int | None, seed: int) -> list[Sample]:
    """A seeded selection of a finite set, or all of it in its own order where there is no limit."""
    if limit is None or limit >= len(samples):
        return list(samples)
    return random.Random(f"spread {seed}").sample(list(samples), limit)
