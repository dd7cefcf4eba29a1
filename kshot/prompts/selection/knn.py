"""The nearest by meaning."""

from __future__ import annotations

import random
from collections.abc import Sequence

from kshot.prompts.selection.registry import selected, selection
from kshot.prompts.selection.vectors import MINILM, nearest, nearness
from kshot.types import Question, Sample, UserError


@selection(by_question=True)
def knn(
    question: Question,
    pool: Sequence[Sample],
    k: int,
    generator: random.Random,
    *,
    embed: str = MINILM,
    among: str = "",
    size: int = 100,
) -> list[Sample]:
    """The k exemplars whose questions' vectors are nearest by cosine, the nearest last (Liu et al. 2021).

    arXiv 2101.06804, section 3. Of equals the pool's earlier is nearer. With `among` only so many are annotated, `size`
    of them selected so: knn(among=votek,size=18) is Su et al.'s selective annotation (2022, arXiv 2209.01975).
    """
    if size < 1:
        raise UserError(f"knn's size is {size}; it must be at least 1.")
    if among:
        if size < k:
            raise UserError(f"knn's size is {size} and {k} exemplars are asked for; raise size, or lower k.")
        pool = selected(among, question, pool, min(size, len(pool)), generator)
    return [pool[at] for at in reversed(nearest(nearness(question, pool, embed, "select=knn"), k))]
