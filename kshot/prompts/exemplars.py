"""Which k exemplars, in which order, with which labels. Seeded: the same arguments give the same list.

How they are selected is a file in `selection/`; what looks at the question's text gives each question its own, and all
else gives every question of a task the same exemplars, which is what lets an engine encode them once. An exemplar that
asks the very question at hand is left out: it would give the target away.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import islice

from kshot.prompts.ablations import GOLD, WRONG, ablated
from kshot.prompts.picks import PICKS, picked
from kshot.prompts.selection import looks_at_the_question, selected
from kshot.registry import suggest
from kshot.types import Question, Sample, UserError

DRAWN, PERM = "drawn", "perm"
BY_ENTROPY = ("globale", "locale")
ORDERS = (DRAWN, "reversed", "shuffled", PERM, *BY_ENTROPY)
PERMUTATION = "permutation"
BLANKS = 8  # characters by which the same question may be longer; all of a pool is held against each question


def choose(
    question: Question,
    *,
    k: int,
    select: str = "first",
    order: str = DRAWN,
    noise: float = 0.0,
    seed: int = 0,
    rationale: bool = False,
) -> tuple[Sample, ...]:
    """k exemplars of the question's pool; k = 0 is zero-shot.

    `select` is the specification of a selection: first (the task's own choice for a question where it makes one, else
    its own order, published exemplars first), knn(embed=tfidf), file.py:name ... `order`: drawn (as selected),
    reversed, shuffled, perm (one permutation of them by its number, see `permuted`), globale or locale (the permutation
    that `orders` has found beforehand). Where the question shows `picks`, these stand in place of both. `noise`: share
    of the exemplars, rounded half up, that get a wrong target; it is the ablation wrong with that share. What else is
    done to them `question.showing` says. `rationale`: only exemplars with a worked solution will do.

    Raises UserError for an unknown way, a value out of range, a pool that is empty or too small, or one
    with too few rationales.
    """
    looks_at_the_question(select)  # raises for one that is unknown
    check_name("order", order, ORDERS)
    if k < 0:
        raise UserError(f"k is {k}; it must be 0 or more.")
    if not 0 <= noise <= 1:
        raise UserError(f"noise is {noise}; it is a share and must lie between 0 and 1.")
    kind, share = question.showing.get("ablate", GOLD), question.showing.get("share", 1.0)
    if noise and kind != GOLD:
        raise UserError(f"noise is {noise} and ablate is {kind}: noise=X is ablate=wrong,share=X; give one of the two.")
    kind, share = (WRONG, noise) if noise else (kind, share)
    if kind != GOLD and rationale:
        raise UserError(f"ablate={kind} leaves no worked solution that fits, which is shown here; use few-shot.")
    place = place_of(question, order, k)
    picks = question.showing.get(PICKS, ())
    if picks and (k != len(picks) or select != "first" or order != DRAWN):
        raise UserError(f"picks names {len(picks)} exemplars in their order; leave k, select and order out.")
    if not k:
        return ()
    generator = random.Random(f"exemplars {seed}")
    if picks:
        drawn = [sample for sample in picked(question, picks) if not asks(sample, question)]
        return tuple(drawn if kind == GOLD else ablated(question, drawn, kind, share, seed, generator))
    own = question.shots(k) if question.shots is not None and select == "first" and not rationale else None
    drawn = list(own) if own is not None else drawn_from(question, k, select, rationale, generator)
    if order == "reversed":
        drawn = drawn[::-1]
    elif order == "shuffled":
        generator.shuffle(drawn)
    elif place is not None:
        drawn = permuted(drawn, place)
    return tuple(drawn if kind == GOLD else ablated(question, drawn, kind, share, seed, generator))


def drawn_from(question: Question, k: int, select: str, rationale: bool, generator: random.Random) -> list[Sample]:
    """k exemplars of the pool as a selection gives them. Raises UserError where it has too few."""
    pool = (
        sample
        for sample in question.exemplars
        if not asks(sample, question) and (not rationale or sample.rationale.strip())
    )
    # as a rule the first k are the whole of the work, and the rest of the pool is not looked at
    at_hand = list(islice(pool, min(k, len(question.exemplars)))) if select == "first" else list(pool)
    if len(at_hand) < k:
        raise too_few(question, k, len(at_hand), rationale)
    return selected(select, question, at_hand, k, generator)


# ---------------------------------------------------------------- order


def place_of(question: Question, order: str, k: int) -> int | None:
    """The number of the permutation that is asked for, or was found; None where the order is none. Raises UserError."""
    given: int = question.showing.get(PERMUTATION, 0)
    if order in BY_ENTROPY and k > 1:
        if PERMUTATION not in question.prepared:
            raise UserError(f"order={order} is found before a run's first question; run it with kshot bench.")
        return int(question.prepared[PERMUTATION])
    if order != PERM:
        if given:
            raise UserError(f"permutation is {given} and order is {order}; add order=perm, or leave it out.")
        return None
    if not 0 <= given < math.factorial(k):
        raise UserError(f"permutation is {given}; {k} exemplars have the permutations 0 to {math.factorial(k) - 1}.")
    return given


def permuted(drawn: Sequence[Sample], place: int) -> list[Sample]:
    """The exemplars in their permutation of that number, 0 to k! - 1: all orders in the order of the alphabet.

    Its digits in the factorial number system say which of those that are left comes next (Lehmer's code; Knuth, The
    Art of Computer Programming 4A, section 7.2.1.2). 0 is the order as drawn, k! - 1 its reverse.

    >>> [permuted("abc", place) for place in (0, 1, 5)]
    [['a', 'b', 'c'], ['a', 'c', 'b'], ['c', 'b', 'a']]
    """
    left, ordered = list(drawn), []
    while left:
        at, place = divmod(place, math.factorial(len(left) - 1))
        ordered.append(left.pop(at))
    return ordered


# ---------------------------------------------------------------- the pool


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
