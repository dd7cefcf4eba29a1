"""Every target as often."""

from __future__ import annotations

import random
from collections.abc import Sequence

from kshot.prompts.selection.registry import selection
from kshot.types import Question, Sample


@selection(by_question=False)
def balanced(question: Question, pool: Sequence[Sample], k: int, generator: random.Random) -> list[Sample]:
    """k exemplars with their targets as even as the pool allows, in random order."""
    by_target: dict[str, list[Sample]] = {}
    for sample in generator.sample(pool, len(pool)):
        by_target.setdefault(sample.target, []).append(sample)
    targets = generator.sample(sorted(by_target), len(by_target))  # which get one more than others is drawn too
    drawn: list[Sample] = []
    while len(drawn) < k:
        for target in targets:
            if by_target[target] and len(drawn) < k:
                drawn.append(by_target[target].pop())
    generator.shuffle(drawn)
    return drawn
