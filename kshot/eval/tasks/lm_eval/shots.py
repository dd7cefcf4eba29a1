"""Which documents lm-evaluation-harness shows before which: its draws, one after the other (lm_eval/api/samplers.py).

Its default sampler draws from one generator, document by document in the order in which they are asked, so that what is
shown before a document hangs on how many stood before it, and on k.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from kshot.eval.tasks.lm_eval.rendering import Document
from kshot.types import UserError

SEED = 1234  # lm_eval's --seed, the fourth of its numbers, where it is not given


@dataclass(eq=False)
class Draws:
    """The draws of one task: indices into its few-shot documents, by k and by the place of a document that is asked."""

    shown: Sequence[Document]
    asked: Sequence[Document]
    first: bool  # the sampler first_n
    leaves_out: bool  # the document that is asked is never among what is shown before it
    drawn: dict[int, list[list[int]]] = field(default_factory=dict)
    generators: dict[int, random.Random] = field(default_factory=dict)

    def before(self, at: int, k: int) -> list[int]:
        """What is shown before the document at that place. Raises UserError where there are too few."""
        if self.first:
            return self.first_n(at, k)
        found = self.drawn.setdefault(k, [])
        generator = self.generators.setdefault(k, random.Random(SEED))
        while len(found) <= at:
            found.append(self.draw(generator, self.asked[len(found)], k))
        return found[at]

    def first_n(self, at: int, k: int) -> list[int]:
        """The first k."""
        doc = self.asked[at]
        pool = [n for n in range(len(self.shown)) if not (self.leaves_out and self.shown[n] == doc)]
        return self.enough(pool, k)[:k]

    def draw(self, generator: random.Random, doc: Document, k: int) -> list[int]:
        """k drawn; one more where the document itself may be among them, drawn anew where it is several times."""
        places = range(len(self.shown))
        if not (self.leaves_out and doc):
            return generator.sample(self.enough(places, k), k)
        found = [n for n in generator.sample(self.enough(places, k + 1), k + 1) if self.shown[n] != doc][:k]
        if len(found) < k:
            pool = [n for n in places if self.shown[n] != doc]
            found = generator.sample(self.enough(pool, k), k)
        return found

    def enough(self, places: Sequence[int], k: int) -> list[int]:
        """The places. Raises UserError where there are fewer than k."""
        if len(places) < k:
            raise UserError(
                f"the task has {len(places)} documents to show and draws {k}; lower k, or give it a fewshot_split with "
                "more rows."
            )
        return list(places)
