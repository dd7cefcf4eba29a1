"""A draw."""

from __future__ import annotations

import random as draws
from collections.abc import Sequence

from kshot.prompts.selection.registry import selection
from kshot.types import Question, Sample


@selection(by_question=False)
def random(question: Question, pool: Sequence[Sample], k: int, generator: draws.Random) -> list[Sample]:
    """k of the pool, all equally likely."""
    return generator.sample(pool, k)
