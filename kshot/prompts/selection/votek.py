"""Each a neighbour of many, and not of those that are chosen."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from kshot.prompts.selection.registry import selection
from kshot.prompts.selection.vectors import MINILM, Vectors, texts_of, vectors_of
from kshot.types import Question, Sample, UserError

BLOCK = 512  # rows of cosines held at once
DISCOUNT = 10.0  # rho


@selection(by_question=False)
def votek(
    question: Question,
    pool: Sequence[Sample],
    k: int,
    generator: random.Random,
    *,
    embed: str = MINILM,
    neighbours: int = 150,
) -> list[Sample]:
    """k exemplars that stand for many and are unlike one another: vote-k (Su et al. 2022).

    arXiv 2209.01975, section 2.2. Every text votes for its nearest `neighbours`; a vote weighs 10 to the minus of how
    many chosen ones are among the voter's neighbours, and the one with most votes is chosen. That is the graph part for
    all k (the paper's fast vote-k): the second part, which asks the model how sure it is of the rest, is left out.
    Cosines are of the vectors as they are, not centred as in the authors' code. It does not look at the question.
    """
    if neighbours < 1:
        raise UserError(f"votek's neighbours are {neighbours}; they must be at least 1.")
    return [pool[at] for at in voted(vectors_of(question, "select=votek"), embed, texts_of(pool), k, neighbours)]


@lru_cache(maxsize=16)  # the same for all questions
def voted(vectors: Vectors, embed: str, texts: tuple[str, ...], k: int, neighbours: int) -> tuple[int, ...]:
    """The places of k texts by the discounted votes of their neighbours; of equals the earlier."""
    import numpy as np

    voters = neighbours_of(vectors, embed, texts, min(neighbours, len(texts) - 1))  # (texts, neighbours)
    met, free = np.zeros(len(texts)), np.ones(len(texts), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < k:
        weights = np.where(free, DISCOUNT**-met, 0.0)  # only what is not chosen votes
        votes = np.bincount(voters.ravel(), np.repeat(weights, voters.shape[1]), len(texts)).round(
            9
        )  # equals are equal
        at = int(np.argmax(np.where(free, votes, -np.inf)))
        chosen.append(at)
        free[at] = False
        met += (voters == at).any(axis=1)
    return tuple(chosen)


def neighbours_of(vectors: Vectors, embed: str, texts: tuple[str, ...], count: int) -> Any:
    """The places of each text's nearest others, (texts, count); of equals the earlier."""
    import numpy as np

    found = []
    for start in range(0, len(texts), BLOCK):
        some = texts[start : start + BLOCK]
        cosines = np.array(vectors(embed, some, texts), dtype=float)
        cosines[np.arange(len(some)), np.arange(start, start + len(some))] = -np.inf  # none is its own neighbour
        found.append(np.argsort(-cosines, axis=1, kind="stable")[:, :count])
    return np.concatenate(found)
