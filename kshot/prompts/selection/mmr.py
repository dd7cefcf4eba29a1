"""Near to the question, and not to one another."""

from __future__ import annotations

import random
from collections.abc import Sequence

from kshot.prompts.selection.registry import selection
from kshot.prompts.selection.vectors import MINILM, nearness, texts_of, vectors_of
from kshot.types import Question, Sample, UserError


@selection(by_question=True)
def mmr(
    question: Question,
    pool: Sequence[Sample],
    k: int,
    generator: random.Random,
    *,
    embed: str = MINILM,
    lam: float = 0.5,
) -> list[Sample]:
    """k exemplars by maximal marginal relevance, the first chosen last (Carbonell and Goldstein 1998).

    SIGIR 1998, section 2: one after another the largest lam * (cosine to the question) - (1 - lam) * (largest cosine to
    one that is chosen already). lam=1 is knn; the question's nearest is always among them, but for lam=0.
    """
    import numpy as np

    if not 0 <= lam <= 1:
        raise UserError(f"mmr's lam is {lam}; it is a share and must lie between 0 and 1.")
    relevance = nearness(question, pool, embed, "select=mmr")
    texts, cosines = texts_of(pool), vectors_of(question, "select=mmr")
    closest = np.full(len(pool), -np.inf)  # to what is chosen
    free, chosen = np.ones(len(pool), dtype=bool), list[int]()
    while len(chosen) < k:
        marginal = lam * relevance - (1 - lam) * closest if chosen else lam * relevance
        at = int(np.argmax(np.where(free, marginal, -np.inf)))
        chosen.append(at)
        free[at] = False
        if len(chosen) < k:
            closest = np.maximum(closest, cosines(embed, (texts[at],), texts)[0])
    return [pool[at] for at in reversed(chosen)]
