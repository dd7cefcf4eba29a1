"""Coin flip, as in Wei et al. 2022 (arXiv 2201.11903, section 5 and appendix D).

Questions and rationales in the paper's words; names from a list of ours. `flips` counts the people, each
of whom flips the coin or does not.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from kshot.eval.answers import YES_NO, exact
from kshot.eval.tasks.drawing import check_at_least, draw
from kshot.eval.tasks.names import FIRST
from kshot.eval.tasks.registry import TASKS
from kshot.types import Sample, Source, Split, Task

INSTRUCTIONS = (
    "Decide whether the coin is still heads up after these people have flipped it or not.",
    "A coin starts heads up. Follow who flips it and say whether it ends heads up.",
    "Track the coin: each flip turns it over. Is it heads up at the end?",
)


@TASKS.add("coin-flip")
def coin_flip(*, flips: int = 2, exemplar_flips: int = 2) -> Task:
    """Whether a coin is still heads up after people flip it or don't (Wei et al. 2022, section 5)."""
    check_at_least("coin-flip", "flips", flips, 1, 50)
    check_at_least("coin-flip", "exemplar_flips", exemplar_flips, 1, 50)

    def load(split: Split, source: Source) -> Sequence[Sample]:
        count = flips if split == "test" else exemplar_flips
        return draw(f"coin-flip {count}", lambda generator: make(generator, count), split, source)

    return Task("coin-flip", load, YES_NO, exact, instructions=INSTRUCTIONS, labels=("yes", "no"))


def make(generator: random.Random, people: int) -> Sample:
    """A question about so many people."""
    names = generator.sample(FIRST, people)
    flipped = [generator.random() < 0.5 for _ in names]
    acts = [f"{name} {'flips' if does else 'does not flip'} the coin." for name, does in zip(names, flipped, strict=True)]
    question = " ".join(["A coin is heads up.", *acts, "Is the coin still heads up?"])
    flippers = [name for name, does in zip(names, flipped, strict=True) if does]
    count = len(flippers)
    if count == 0:
        rationale = (
            "The coin was flipped by no one. So the coin was flipped 0 times. "
            "The coin started heads up, and it was not flipped, so it is still heads up."
        )
    else:
        who = flippers[0] if count == 1 else f"{', '.join(flippers[:-1])} and {flippers[-1]}"
        parity = "odd" if count % 2 else "even"
        end = "tails up" if count % 2 else "still be heads up"
        end = f"it will be {end}" if count % 2 else f"it will {end}"
        rationale = (
            f"The coin was flipped by {who}. So the coin was flipped {count} time{'s' if count > 1 else ''}, "
            f"which is an {parity} number. The coin started heads up, so after an {parity} number of flips, {end}."
        )
    return Sample("", question, "no" if count % 2 else "yes", rationale)
