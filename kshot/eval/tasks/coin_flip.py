"""Is the coin still heads up? Counting flips, in words."""

from __future__ import annotations

import random

from kshot.eval.answers import YES_NO, exact
from kshot.eval.tasks.last_letters import FIRST
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.generated import draw_samples
from kshot.eval.tasks.source.templates import FREE
from kshot.types import Decomposition, Sample, Source, Split, Task, UserError


def make(flips: int, generator: random.Random) -> Sample:
    """A sample with so many people, each of whom may or may not flip the coin."""
    names = generator.sample(FIRST, flips)
    acts = [generator.random() < 0.5 for _ in names]
    story = " ".join(
        f"{name} {'flips' if act else 'does not flip'} the coin." for name, act in zip(names, acts, strict=True)
    )
    flippers = [name for name, act in zip(names, acts, strict=True) if act]
    even = len(flippers) % 2 == 0
    if flippers:
        by = " and ".join(filter(None, [", ".join(flippers[:-1]), flippers[-1]]))
        parity = "an even number" if even else "an odd number"
        rationale = (
            f"The coin was flipped by {by}. So the coin was flipped {len(flippers)} time{'s' * (len(flippers) > 1)}, "
            f"which is {parity}. The coin started heads up, so after {parity} of flips, it will "
            f"{'still be heads' if even else 'be tails'} up."
        )
    else:
        rationale = (
            "The coin was flipped by no one. So the coin was flipped 0 times. "
            "The coin started heads up, and it was not flipped, so it is still heads up."
        )
    return Sample("", f"A coin is heads up. {story} Is the coin still heads up?", "yes" if even else "no", rationale)


@task
def coin_flip(*, flips: int = 2, exemplar_flips: int = 2) -> Task:
    """Is a coin still heads up after people flip it or not (Wei et al. 2022, section 5)?

    `flips` people, 2 or 4 in the paper; exemplars have 2 either way, and rationales in the paper's words.
    """
    for key, count in (("flips", flips), ("exemplar_flips", exemplar_flips)):
        if not 1 <= count <= 20:
            raise UserError(f"coin-flip: {key} is {count}; it must lie between 1 and 20.")

    def load(split: Split, source: Source) -> list[Sample]:
        count = exemplar_flips if split == "train" else flips
        return draw_samples(f"coin-flip {count}", lambda generator: make(count, generator), split, source)

    start = "A coin is heads up."
    return Task(
        name="coin-flip",
        load=load,
        format=YES_NO,
        templates=FREE,
        score=exact,
        labels=("yes", "no"),
        instructions=(
            "Say whether the coin is still heads up.",
            "Count how often the coin is flipped; it is still heads up after an even number of flips.",
            "Follow the coin through the story and decide whether heads is up at its end.",
        ),
        decompositions=(
            Decomposition(
                f"{start} Lea flips the coin. Tom does not flip the coin. Is the coin still heads up?",
                (
                    ("Who flips the coin, and how often is it flipped?", "Lea flips the coin. It is flipped 1 time."),
                    (
                        f"{start} Lea flips the coin. Tom does not flip the coin. Is the coin still heads up?",
                        "It is flipped 1 time, an odd number, so it is tails up. The answer is no.",
                    ),
                ),
            ),
            Decomposition(
                f"{start} Rex flips the coin. Ivy flips the coin. Is the coin still heads up?",
                (
                    (
                        "Who flips the coin, and how often is it flipped?",
                        "Rex and Ivy flip the coin. It is flipped 2 times.",
                    ),
                    (
                        f"{start} Rex flips the coin. Ivy flips the coin. Is the coin still heads up?",
                        "It is flipped 2 times, an even number, so it is still heads up. The answer is yes.",
                    ),
                ),
            ),
        ),
    )
