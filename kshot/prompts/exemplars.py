"""Which k exemplars, in which order, with how many wrong labels. Seeded: the same arguments give the same list.

Only "bm25" looks at the question; all other ways give every question of a task the same exemplars, which
is what lets an engine encode them once. An exemplar that asks the very question at hand is left out: it
would give the target away. Concedes: no embedding model; nearness is that of words.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any

from kshot.prompts.templates import letters
from kshot.registry import suggest
from kshot.types import Question, Sample, UserError

SELECTIONS = ("first", "random", "balanced", "bm25")
ORDERS = ("drawn", "reversed", "shuffled")
BLANKS = 8  # characters by which the same question may be longer; all of a pool is held against each question
WORDS = re.compile(r"\w+")
PARTS = re.compile(r"[\u3400-\u9fff]+|[^\u3400-\u9fff]+")


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
    """k exemplars of the question's pool; k = 0 is zero-shot.

    `select`: first (the task's own choice for a question where it makes one, else its own order, published exemplars
    first), random, balanced (over targets) or
    bm25 (the nearest questions, nearest last; Liu et al. 2021, arXiv 2101.06804, found nearness to pay).
    `order`: drawn (as selected), reversed or shuffled. `noise`: share of the exemplars, rounded half up, that
    get a wrong target (see `relabelled`; Min et al. 2022, arXiv 2202.12837, section 4). `rationale`: only
    exemplars with a worked solution will do.

    Raises UserError for an unknown way, a value out of range, a pool that is empty or too small, or one
    with too few rationales.
    """
    check_name("select", select, SELECTIONS)
    check_name("order", order, ORDERS)
    if k < 0:
        raise UserError(f"k is {k}; it must be 0 or more.")
    if not 0 <= noise <= 1:
        raise UserError(f"noise is {noise}; it is a share and must lie between 0 and 1.")
    if not k:
        return ()
    own = question.shots(k) if question.shots is not None and select == "first" and not rationale else None
    if own is not None:
        return arranged(question, list(own), order, noise, random.Random(f"exemplars {seed}"))
    pool = (
        sample
        for sample in question.exemplars
        if not asks(sample, question) and (not rationale or sample.rationale.strip())
    )
    # as a rule the first k are the whole of the work, and the rest of the pool is not looked at
    drawn = list(islice(pool, min(k, len(question.exemplars)))) if select == "first" else list(pool)
    if len(drawn) < k:
        raise too_few(question, k, len(drawn), rationale)
    if select == "first" and order != "shuffled" and not noise:
        return tuple(drawn[::-1] if order == "reversed" else drawn)
    generator = random.Random(f"exemplars {seed}")
    if select == "random":
        drawn = generator.sample(drawn, k)
    elif select == "balanced":
        drawn = balanced(drawn, k, generator)
    elif select == "bm25":
        drawn = nearest(question.text, drawn, k)
    return arranged(question, drawn, order, noise, generator)


def arranged(
    question: Question, drawn: list[Sample], order: str, noise: float, generator: random.Random
) -> tuple[Sample, ...]:
    """What was drawn, in the order that is asked for and with a share of wrong targets."""
    if order == "reversed":
        drawn = drawn[::-1]
    elif order == "shuffled":
        generator.shuffle(drawn)
    return tuple(relabelled(drawn, question.labels, noise, generator) if noise else drawn)


def asks(sample: Sample, question: Question) -> bool:
    """Whether an exemplar asks the very question: but for case, blanks and the order of its choices."""
    one, other = sample.question, question.text
    if one != other:
        if abs(len(one) - len(other)) > BLANKS or one.lstrip()[:2].casefold() != other.lstrip()[:2].casefold():
            return False  # as a rule
        if plain_words(one) != plain_words(other):
            return False
    return sample.choices == question.choices or sorted(sample.choices) == sorted(question.choices)


def plain_words(text: str) -> str:
    """A text with its case and spacing evened out, to tell whether two ask the same."""
    return " ".join(text.casefold().split())


def too_few(question: Question, k: int, found: int, rationale: bool) -> UserError:
    """What to say where the pool holds fewer than k exemplars that will do."""
    pool = sum(not asks(sample, question) for sample in question.exemplars)
    if not pool:
        return UserError(f"the task has no exemplars and {k} are asked for; add train samples, or set k=0.")
    if pool < k:
        return UserError(f"the task has {pool} exemplars and {k} are asked for; lower k, or add train samples.")
    assert rationale
    return UserError(
        f"{f'only {found}' if found else 'none'} of the task's exemplars have a rationale and {k} are asked for; "
        "lower k, write rationales, or use few-shot, which needs none."
    )


def check_name(what: str, name: str, known: Sequence[str]) -> None:
    """Raises UserError for a name that is not known, with the nearest."""
    if name not in known:
        raise UserError(f"unknown {what} {name!r}: {suggest(name, known)}")


def balanced(pool: Sequence[Sample], k: int, generator: random.Random) -> list[Sample]:
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


def words(text: str) -> list[str]:
    """The lower-case words of a text; of Chinese, which has no blanks, each two characters side by side.

    Pairs of characters find what words find (Nie et al. 2000, "On the use of words and n-grams for Chinese
    information retrieval").
    """
    return [word for found in WORDS.findall(text.lower()) for part in PARTS.findall(found) for word in pairs(part)]


def pairs(part: str) -> list[str]:
    """A run of Chinese characters, two by two; any other run as it is."""
    if len(part) < 3 or not "\u3400" <= part[0] <= "\u9fff":
        return [part]
    return [part[at : at + 2] for at in range(len(part) - 1)]


@lru_cache(maxsize=8)  # a pool of thousands is indexed once, not once a question
def index_of(questions: tuple[str, ...]) -> Any:
    """The BM25 index of these questions, or None where none of them has a word."""
    import bm25s

    listed = [words(text) for text in questions]
    if not any(listed):
        return None
    index = bm25s.BM25(backend="numpy")
    index.index(listed, show_progress=False)
    return index


def nearest(text: str, pool: Sequence[Sample], k: int) -> list[Sample]:
    """The k exemplars whose questions score highest by BM25, the best last; of equals the pool's earlier is nearer."""
    index = index_of(tuple(sample.question for sample in pool))
    asked = [word for word in words(text) if index is not None and word in index.vocab_dict]
    scores = [float(score) for score in index.get_scores(asked)] if asked else [0.0] * len(pool)
    best = sorted(range(len(pool)), key=lambda at: (-scores[at], at))[:k]
    return [pool[at] for at in reversed(best)]


def relabelled(drawn: Sequence[Sample], labels: Sequence[str], noise: float, generator: random.Random) -> list[Sample]:
    """The exemplars with a share of their targets wrong, drawn as the task allows.

    Another label where the task has labels, another letter where the exemplar has choices, and otherwise
    another exemplar's target: noise 1 on word pairs is the outputs shuffled so that none stays in place
    (but where more than half of them are the same). A rationale would give the true target away, so it
    goes with it. Raises UserError where all exemplars have the same target and there is nothing to swap.
    """
    chosen = generator.sample(range(len(drawn)), int(noise * len(drawn) + 0.5))
    targets = [sample.target for sample in drawn]
    given: dict[int, str] = {}
    free = [at for at in chosen if not labels and not drawn[at].choices]
    for at in chosen:
        if at not in free:
            names = letters(drawn[at].choices) if drawn[at].choices else labels
            given[at] = generator.choice([name for name in names if name != targets[at]] or [targets[at]])
    # grouped by target and turned by the largest group, a list meets itself nowhere if that group is at most half
    distinct = sorted({targets[at] for at in free})
    rank = {target: place for place, target in enumerate(generator.sample(distinct, len(distinct)))}
    ring = sorted(free, key=lambda at: rank[targets[at]])
    turn = max((sum(targets[at] == targets[other] for other in ring) for at in ring), default=0)
    for place, at in enumerate(ring):
        given[at] = targets[ring[(place + turn) % len(ring)]]
        if given[at] == targets[at]:  # nothing within the chosen ones to swap with: any other exemplar's
            others = sorted(set(targets) - {targets[at]})
            if not others:
                raise UserError("noise cannot be applied: all exemplars have the same target; raise k, or set noise=0.")
            given[at] = generator.choice(others)
    return [replace(s, target=given[at], rationale="") if at in given else s for at, s in enumerate(drawn)]
