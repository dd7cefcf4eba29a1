"""Far from one another."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache

from kshot.prompts.selection.registry import selection
from kshot.prompts.selection.vectors import MINILM, Vectors, texts_of, vectors_of
from kshot.types import Question, Sample


@selection(by_question=False)
def spread(
    question: Question,
    pool: Sequence[Sample],
    k: int,
    generator: random.Random,
    *,
    embed: str = MINILM,
    farthest: bool = False,
) -> list[Sample]:
    """k exemplars far from one another: the seeds of k-means++ (Arthur and Vassilvitskii 2007, SODA, section 2.2).

    The first is drawn, each further one with probability in proportion to its squared distance to the nearest chosen;
    with `farthest` it is the one that is farthest (Gonzalez 1985, Theoretical Computer Science 38). Vectors have length
    one, so that a squared distance is 2 - 2 * cosine. It does not look at the question.
    """
    seed = generator.getrandbits(64)
    places = spread_out(vectors_of(question, "select=spread"), embed, texts_of(pool), k, farthest, seed)
    return [pool[at] for at in places]


@lru_cache(maxsize=64)  # the same for all questions
def spread_out(
    vectors: Vectors, embed: str, texts: tuple[str, ...], k: int, farthest: bool, seed: int
) -> tuple[int, ...]:
    """The places of k texts that are far from one another."""
    import numpy as np

    generator = np.random.default_rng(seed)
    chosen = [int(generator.integers(len(texts)))]
    distances = np.full(len(texts), np.inf)
    while len(chosen) < k:
        cosines = np.asarray(vectors(embed, (texts[chosen[-1]],), texts), dtype=float)[0]
        distances = np.minimum(distances, np.maximum(2 - 2 * cosines, 0))
        distances[chosen] = 0
        left = np.flatnonzero(~np.isin(np.arange(len(texts)), chosen))
        weights = distances[left]
        if farthest:
            chosen.append(int(left[np.argmax(weights)]))
        elif weights.sum() > 0:
            chosen.append(int(generator.choice(left, p=weights / weights.sum())))
        else:  # all that is left is what is chosen already, word for word
            chosen.append(int(generator.choice(left)))
    return tuple(chosen)
