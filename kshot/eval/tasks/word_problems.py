"""Arithmetic stories of one to six steps, each told with its worked solution."""

from __future__ import annotations

import random

from kshot.eval.answers import NUMBER, numeric
from kshot.eval.tasks.last_letters import FIRST
from kshot.eval.tasks.registry import TASKS, draw_samples
from kshot.types import Decomposition, Sample, Source, Split, Task, UserError

THINGS = """apples books marbles stamps coins cards shells pencils stickers cookies candles balloons buttons ribbons
postcards oranges lemons tulips beads badges""".split()
LARGEST = 400  # a number in a story


def step(name: str, thing: str, have: int, generator: random.Random) -> tuple[str, str, int]:
    """One more sentence of a story, its sentence of the solution, and what there is then."""
    other = generator.choice([person for person in FIRST if person != name])
    kinds = ["gain", "find"]
    if have >= 4:
        kinds += ["give", "lose"]
    if 2 <= have <= 60:
        kinds += ["double", "times"]
    divisors = [number for number in (2, 3, 4, 5) if have >= 2 * number and have % number == 0]
    if divisors:
        kinds += ["share", "share"]
    kind = generator.choice(kinds)
    some = generator.randint(2, 20)
    if kind == "gain":
        now = have + some
        return f"{other} gives {name} {some} more {thing}.", f"After {other}'s gift there are {have} + {some} = {now}.", now
    if kind == "find":
        now = have + some
        return f"Then {name} buys {some} {thing}.", f"With the ones bought there are {have} + {some} = {now}.", now
    if kind in ("give", "lose"):
        some = generator.randint(1, min(have - 1, 20))
        now = have - some
        if kind == "give":
            return f"{name} gives {some} of the {thing} to {other}.", f"After giving some away there are {have} - {some} = {now}.", now
        return f"{name} loses {some} {thing}.", f"After losing some there are {have} - {some} = {now}.", now
    if kind == "double":
        return f"Then {name} doubles the number of {thing}.", f"Doubled, that makes {have} * 2 = {have * 2}.", have * 2
    if kind == "times":
        by = generator.randint(3, 5)
        return (
            f"Over the year the number of {thing} grows to {by} times what it was.",
            f"Grown, that makes {have} * {by} = {have * by}.",
            have * by,
        )
    by = generator.choice(divisors)
    now = have // by
    return (
        f"{name} splits the {thing} evenly into {by} boxes and keeps only one box.",
        f"One box of {by} holds {have} / {by} = {now}.",
        now,
    )


def make(steps: int, generator: random.Random) -> Sample:
    """A story of so many steps; 0 draws their number from 1 to 6."""
    count = steps or generator.randint(1, 6)
    name, thing = generator.choice(FIRST), generator.choice(THINGS)
    while True:
        have = generator.randint(3, 40)
        story, solution = [f"{name} has {have} {thing}."], [f"{name} starts with {have} {thing}."]
        for _ in range(count):
            told, solved, have = step(name, thing, have, generator)
            story.append(told)
            solution.append(solved)
            if have > LARGEST:
                break
        if have <= LARGEST:
            break
    story.append(f"How many {thing} does {name} have now?")
    return Sample("", " ".join(story), str(have), " ".join(solution), cluster=f"{count} step{'s' * (count > 1)}")


@TASKS.add("word-problems")
def word_problems(*, steps: int = 3, exemplar_steps: int = 0) -> Task:
    """Arithmetic stories of 1 to 6 steps, 0 for a mixture, with a rationale each; exemplars are mixed unless told otherwise."""
    for count in (steps, exemplar_steps):
        if not 0 <= count <= 6:
            raise UserError(f"word-problems: steps is {count}; it must lie between 1 and 6, or be 0 for a mixture.")

    def load(split: Split, source: Source) -> list[Sample]:
        count = exemplar_steps if split == "train" else steps
        return draw_samples(f"word-problems {count}", lambda generator: make(count, generator), split, source)

    return Task(
        name="word-problems",
        load=load,
        format=NUMBER,
        score=numeric,
        instructions=(
            "Solve the arithmetic problem.",
            "Read the story and work out the number it asks for.",
            "Keep track of the amount from sentence to sentence and give the final amount.",
        ),
        decompositions=(
            Decomposition(
                "Lea has 5 apples. Tom gives Lea 3 more apples. Then Lea doubles the number of apples. How many apples does Lea have now?",
                (
                    ("How many apples does Lea have after Tom's gift?", "Lea has 5 + 3 = 8 apples. The answer is 8."),
                    (
                        "Lea has 5 apples. Tom gives Lea 3 more apples. Then Lea doubles the number of apples. How many apples does Lea have now?",
                        "After Tom's gift Lea has 8 apples. Doubled, that makes 8 * 2 = 16. The answer is 16.",
                    ),
                ),
            ),
            Decomposition(
                "Rex has 12 coins. Rex loses 2 coins. Rex splits the coins evenly into 5 boxes and keeps only one box. How many coins does Rex have now?",
                (
                    ("How many coins does Rex have after losing some?", "Rex has 12 - 2 = 10 coins. The answer is 10."),
                    (
                        "Rex has 12 coins. Rex loses 2 coins. Rex splits the coins evenly into 5 boxes and keeps only one box. How many coins does Rex have now?",
                        "After losing some Rex has 10 coins. One box of 5 holds 10 / 5 = 2. The answer is 2.",
                    ),
                ),
            ),
        ),
    )
