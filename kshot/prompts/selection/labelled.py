"""Targets in an order that is given."""

from __future__ import annotations

import random
from collections.abc import Sequence

from kshot.prompts.selection.registry import selection
from kshot.types import Question, Sample, UserError


@selection(by_question=False)
def labelled(
    question: Question, pool: Sequence[Sample], k: int, generator: random.Random, *, places: str = ""
) -> list[Sample]:
    """k exemplars drawn so that their labels are these, in this order (Zhao et al. 2021, arXiv 2102.09690).

    `places` has a digit an exemplar, the place of its label among the task's: 1110 is [P P P N] of SST-2, whose labels
    are negative and positive. Each label's exemplars are drawn from the question backwards, whatever the others are, so
    that 0011 and 1100 show the same set, and 1110 and 0010 end in the same two. Without `places` labels take turns.
    Raises UserError for places that are not k labels, and where the pool has too few of one.
    """
    by_target: dict[str, list[Sample]] = {}
    for sample in generator.sample(pool, len(pool)):
        by_target.setdefault(sample.target, []).append(sample)
    names = question.labels or tuple(sorted(by_target))
    chosen: list[Sample] = []
    for name in reversed(in_turn(names, by_target, k) if not places else named(names, places, k)):
        if not by_target.get(name):
            raise UserError(
                f"labelled(places={places}) takes more exemplars of {name} than there are; give other ones."
            )
        chosen.append(by_target[name].pop())
    return chosen[::-1]


def named(names: Sequence[str], places: str, k: int) -> list[str]:
    """The labels at these places. Raises UserError."""
    wrong = [digit for digit in places if not (digit.isdecimal() and int(digit) < len(names))]
    if wrong:
        raise UserError(
            f"labelled's places are {places!r}, and {wrong[0]!r} is none of the labels 0 to {len(names) - 1} "
            f"({', '.join(names)}); give a digit an exemplar."
        )
    if len(places) != k:
        raise UserError(f"labelled's places are {places!r} for {k} exemplars; give as many, or k={len(places)}.")
    return [names[int(digit)] for digit in places]


def in_turn(names: Sequence[str], by_target: dict[str, list[Sample]], k: int) -> list[str]:
    """Labels in turn, as far as there are exemplars of them; then what other targets the pool has."""
    left = {name: len(by_target.get(name, ())) for name in dict.fromkeys((*names, *sorted(by_target)))}
    found: list[str] = []
    while len(found) < k:
        for name in left:
            if left[name] and len(found) < k:
                found.append(name)
                left[name] -= 1
    return found
