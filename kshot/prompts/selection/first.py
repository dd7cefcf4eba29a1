"""The task's own order."""

from __future__ import annotations

import random
from collections.abc import Sequence

from kshot.prompts.selection.registry import selection
from kshot.types import Question, Sample


@selection(by_question=False)
def first(question: Question, pool: Sequence[Sample], k: int, generator: random.Random) -> list[Sample]:
    """The first k of the pool, published exemplars first."""
    return list(pool[:k])
