"""Exemplars by their places in a task's pool: `picks=3+17+40`, in this order, 0 the first.

Meets: a place means the same sample for every question of a task and under every limit: it is counted in the whole
pool, with what is held out of it or also asked by the test. A pick that asks the very question at hand is left out.
Concedes: a place hangs on the data; a run keeps a hash of its pool, and found prompts name their samples beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kshot.types import Question, Sample, UserError

PICKS = "picks"
INSTEAD = ("select", "order")  # what says in another way which exemplars are shown, and how


def picks_of(said: Sequence[str]) -> tuple[int, ...]:
    """The places that are said. Raises UserError for what is none, and for one that is said twice."""
    for one in said:
        if not (one.strip().isascii() and one.strip().isdecimal()):
            raise UserError(f"picks has {one!r} in it; give places in the task's pool, 0 the first, as 3+17+40.")
    places = tuple(int(one) for one in said)
    twice = next((place for place in places if places.count(place) > 1), None)
    if twice is not None:
        raise UserError(f"picks has {twice} twice; give each place once.")
    return places


def settled(params: Mapping[str, Any], said: Mapping[str, str]) -> dict[str, Any]:
    """A strategy's hyperparameters, k the number of picks where it has any; `said` is what its specification says.

    Raises UserError for picks that are none, and for another k, a selection or an order said beside them.
    """
    if not params.get(PICKS):
        return dict(params)
    count = len(picks_of(params[PICKS]))
    if "k" in said and params["k"] != count:
        raise UserError(
            f"k is {params['k']} and picks names {count} exemplars, which is then their number; leave k out."
        )
    for name in INSTEAD:
        if name in said:
            raise UserError(
                f"{name} is {said[name]} and picks says which exemplars are shown, in which order; keep one."
            )
    return {**params, "k": count}


def picked(question: Question, said: Sequence[str]) -> list[Sample]:
    """The exemplars at these places of the question's whole pool. Raises UserError for a place that it has not."""
    pool = question.whole or question.exemplars
    places = picks_of(said)
    out = next((place for place in places if place >= len(pool)), None)
    if out is not None:
        have = f"places 0 to {len(pool) - 1}" if pool else "no exemplars at all"
        raise UserError(f"picks has {out} in it and the task's pool has {have}; name others, or add train samples.")
    return [pool[place] for place in places]


def places_of(question: Question, samples: Sequence[Sample]) -> list[int]:
    """The places of samples in the question's whole pool: `picks` of them. Raises ValueError for one not in it."""
    places: dict[Sample, int] = {}
    for at, sample in enumerate(question.whole or question.exemplars):
        places.setdefault(sample, at)
    try:
        return [places[sample] for sample in samples]
    except KeyError as error:
        raise ValueError(f"no sample of the pool: {error}") from None
