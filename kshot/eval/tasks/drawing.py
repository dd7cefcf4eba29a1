"""Seeded draws for generated tasks.

Which split a question belongs to is a property of the question itself (a hash of its text), so train and
test cannot overlap, whatever the seeds and limits. The first n samples of a draw are the same for every
limit, so a longer run continues a shorter one.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace

from kshot.types import Sample, Source, Split, UserError

DEFAULT_TEST = 100
POOL = 64  # exemplars to choose from


def split_of(question: str) -> Split:
    """The split that a question belongs to: one question in four is for exemplars."""
    return "train" if hashlib.sha256(question.encode()).digest()[0] < 64 else "test"


def draw(name: str, make: Callable[[random.Random], Sample], split: Split, source: Source) -> list[Sample]:
    """Distinct samples of one split, with ids that say split, seed and position.

    `make` returns a sample with any id. Raises UserError where so many different questions don't exist.
    """
    if split == "train":
        wanted = POOL
    else:
        wanted = DEFAULT_TEST if source.limit is None else source.limit
    generator = random.Random(f"{name} {split} {source.seed}")
    samples: list[Sample] = []
    seen: set[str] = set()
    misses = 0
    while len(samples) < wanted:
        sample = make(generator)
        if split_of(sample.question) != split or sample.question in seen:
            misses += 1
            if misses > 1000 + 20 * wanted:
                raise UserError(f"task {name} has no {wanted} different {split} questions; lower --limit.")
            continue
        seen.add(sample.question)
        samples.append(replace(sample, id=f"{split}-{source.seed}-{len(samples)}"))
    return samples


def check_at_least(task: str, parameter: str, value: int, least: int, most: int) -> None:
    """Raises UserError where a task's parameter lies outside its range."""
    if not least <= value <= most:
        raise UserError(f"task {task}: {parameter} is {value}; it must be {least} to {most}.")
