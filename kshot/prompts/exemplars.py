"""Which k exemplars, in which order, with how many wrong labels. Seeded: the same arguments give the same list.

Only "bm25" looks at the question; all other ways give every question of a task the same exemplars, which
is what lets an engine encode them once.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from kshot.registry import suggest
from kshot.types import Question, Sample, UserError

SELECTIONS = ("first", "random", "balanced", "bm25")
ORDERS = ("drawn", "reversed", "shuffled")


def choose(
    question: Question,
    *,
    k: int,
    select: str = "first",
    order: str = "drawn",
    noise: float = 0.0,
    seed: int = 0,
    rationale: bool = False,
) -> tuple[Sample, ...]:
    """k exemplars of the question's pool.

    `select`: first (the task's own order, published exemplars first), random, balanced (over targets),
    bm25 (the nearest questions, nearest last; Robertson and Zaragoza 2009). `order`: drawn, reversed,
    shuffled. `noise`: share of the exemplars that get another exemplar's target (Min et al. 2022,
    arXiv 2202.12837); their rationales, which would give the target away, are dropped.
    Raises UserError for an unknown way, a pool that is too small, or one without rationales.
    """
    check_name("select", select, SELECTIONS)
    check_name("order", order, ORDERS)
    if k < 0:
        raise UserError(f"k is {k}; it must be 0 or more.")
    if not 0 <= noise <= 1:
        raise UserError(f"noise is {noise}; it must lie between 0 and 1.")
    pool = [sample for sample in question.exemplars if sample.rationale] if rationale else list(question.exemplars)
    if rationale and question.exemplars and len(pool) < k:
        raise UserError(f"only {len(pool)} of the task's exemplars have a rationale and {k} are asked for; lower k.")
    if len(pool) < k:
        raise UserError(f"the task has {len(pool)} exemplars and {k} are asked for; lower k, or give it more.")
    generator = random.Random(f"exemplars {seed}")
    if select == "first":
        drawn = pool[:k]
    elif select == "random":
        drawn = generator.sample(pool, k)
    elif select == "balanced":
        drawn = balanced(pool, k, generator)
    else:
        drawn = nearest(question.text, pool, k)
    if order == "reversed":
        drawn = drawn[::-1]
    elif order == "shuffled":
        generator.shuffle(drawn)
    return tuple(relabelled(drawn, noise, generator) if noise else drawn)


def check_name(what: str, name: str, known: Sequence[str]) -> None:
    """Raises UserError for a name that is not known."""
    if name not in known:
        raise UserError(f"unknown {what} {name!r}: {suggest(name, known)}")


def balanced(pool: Sequence[Sample], k: int, generator: random.Random) -> list[Sample]:
    """k exemplars with their targets as even as the pool allows, in random order."""
    by_target: dict[str, list[Sample]] = {}
    for sample in generator.sample(pool, len(pool)):
        by_target.setdefault(sample.target, []).append(sample)
    drawn: list[Sample] = []
    while len(drawn) < k:
        for target in sorted(by_target):
            if by_target[target] and len(drawn) < k:
                drawn.append(by_target[target].pop())
    generator.shuffle(drawn)
    return drawn


def nearest(text: str, pool: Sequence[Sample], k: int) -> list[Sample]:
    """The k exemplars whose questions score highest by BM25, the best last."""
    if not k:
        return []
    import bm25s

    index = bm25s.BM25()
    words = bm25s.tokenize([sample.question for sample in pool], stopwords=None, show_progress=False)
    index.index(words, show_progress=False)
    query = bm25s.tokenize([text], stopwords=None, show_progress=False)
    found, _ = index.retrieve(query, k=k, show_progress=False)
    return [pool[int(at)] for at in found[0]][::-1]


def relabelled(drawn: Sequence[Sample], noise: float, generator: random.Random) -> list[Sample]:
    """The exemplars with a share of their targets replaced by another's, where another has a different one."""
    wrong = set(generator.sample(range(len(drawn)), round(noise * len(drawn))))
    result = []
    for index, sample in enumerate(drawn):
        others = sorted({other.target for other in drawn} - {sample.target})
        if index in wrong and others:
            sample = replace(sample, target=generator.choice(others), rationale="")
        result.append(sample)
    return result
