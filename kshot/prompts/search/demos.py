"""Which exemplars, in which order."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial

from kshot.prompts.search.registry import search
from kshot.prompts.search.searchable import Found, Searchable
from kshot.prompts.search.trials import Trials
from kshot.types import Program, UserError

EXPLORED = 0.5  # share of the budget for draws of all kinds, before variations of the best
VARIATIONS = 8  # of the best, a round
ATTEMPTS = 50  # draws in a row that give nothing new


@search
def demos(task: Searchable, trials: Trials, *, k: int = 4, text: str = "", seed: int = 0) -> Program[Found]:
    """Which k train samples are shown, in which order: random search with halving, then variations of the best.

    Half of the budget halves random draws, as DSPy's random search has them (Khattab et al. 2023, arXiv 2310.03714;
    there each on all samples); the other half varies the best, eight at a time and by halving: one sample
    exchanged for another, or two that change places (the order matters, Lu et al. 2022, arXiv 2104.08786). `text` is
    an instruction before them, none by default. Labels are drawn as they come. Raises UserError where k is below 1
    or train has fewer samples.
    """
    if not 1 <= k <= len(task.train):
        raise UserError(
            f"k is {k} and the search may show {len(task.train)} train samples; give 1 to {len(task.train)}."
        )
    generator = random.Random(f"demos {seed}")
    sets: dict[int, tuple[int, ...]] = {}

    def draws(count: int, how: str, draw: Callable[[], Sequence[int]], parent: int | None = None) -> list[int]:
        """So many sets that were not tried yet, fewer where none comes any more."""
        found: list[int] = []
        failed = 0
        while len(found) < count and failed < ATTEMPTS:
            places = tuple(draw())
            spec = task.showing(places, text)
            failed += 1
            if trials.number(spec) is None:
                number = trials.add(spec, said_of(task, places), how, parent, checked=False)
                assert number is not None
                found.append(number)
                sets[number], failed = places, 0
        return found

    everything = range(len(task.train))
    reserve = int(trials.budget * (1 - EXPLORED))
    if trials.left - reserve < len(task.validation):
        reserve = 0
    count = trials.affords(trials.left, reserve=reserve)
    ranked = yield from trials.halving(draws(count, "drawn", lambda: generator.sample(everything, k)), reserve=reserve)
    best = ranked[0]
    liked = sorted({place for number in ranked for place in sets[number]})
    while (count := trials.affords(VARIATIONS)) > 0:
        made = draws(count, "varied", partial(varied, sets[best], liked, everything, generator), best)
        if not made:
            break
        tried = yield from trials.halving(made)
        best = max((best, *tried), key=trials.mean)
    return (yield from trials.concluded())


def varied(places: Sequence[int], liked: Sequence[int], everything: range, generator: random.Random) -> list[int]:
    """The places with two exchanged, or one replaced by another: every second time by one of a set that did well."""
    new = list(places)
    if len(new) > 1 and generator.random() < 0.5:
        one, other = generator.sample(range(len(new)), 2)
        new[one], new[other] = new[other], new[one]
        return new
    free = [place for place in (liked if generator.random() < 0.5 else everything) if place not in new]
    if free:
        new[generator.randrange(len(new))] = generator.choice(free)
    return new


def said_of(task: Searchable, places: Sequence[int]) -> str:
    """The samples at these places, for people."""
    return " | ".join(f"{task.train[at].question[:60]} -> {task.train[at].target}" for at in places)
