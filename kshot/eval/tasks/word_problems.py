"""Arithmetic stories of one to six steps, each told with its worked solution.

Exact: every number on the way is a whole number from 0 to 400, and a rationale has one equation a step.
Concedes: one quantity is followed from start to end, so a story is longer than it is deep.
"""

from __future__ import annotations

import random

from kshot.eval.answers import NUMBER, numeric
from kshot.eval.tasks.last_letters import FIRST
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.generated import draw_samples
from kshot.eval.tasks.source.templates import FREE
from kshot.types import Decomposition, Sample, Source, Split, Task, UserError

NOUNS = """
apples books marbles stamps coins cards shells pencils stickers cookies candles balloons buttons ribbons
postcards oranges lemons tulips beads badges
"""
THINGS = NOUNS.split()
LARGEST = 400  # a number in a story
# {n} the person, {o} another, {t} the things, {k} the number: (the story's sentence, how its equation begins)
TOLD: dict[str, tuple[tuple[str, str], ...]] = {
    "+": (
        ("{o} gives {n} {k} more {t}.", "After {o}'s gift there are"),
        ("Then {n} buys {k} {t}.", "With the ones bought there are"),
        ("At a fair {n} wins another {k} {t}.", "With the ones won there are"),
        ("A parcel with {k} {t} arrives for {n}.", "With the parcel there are"),
        ("In the attic {n} comes upon {k} more {t}.", "With the ones found there are"),
    ),
    "-": (
        ("{n} gives {k} of the {t} to {o}.", "After giving some away there are"),
        ("{n} loses {k} {t}.", "After losing some there are"),
        ("Then {n} sells {k} of the {t}.", "After selling some there are"),
        ("{o} borrows {k} of the {t} and does not bring them back.", "Without the borrowed ones there are"),
        (
            "It turns out that {k} of the {t} are damaged, and {n} throws those away.",
            "Without the damaged ones there are",
        ),
    ),
    "*": (
        ("Over the year the number of {t} grows to {k} times what it was.", "Grown, that makes"),
        ("{o} is impressed and brings so many that {n} has {k} times as many {t}.", "With what {o} brings, that makes"),
    ),
    "/": (
        ("{n} splits the {t} evenly into {k} boxes and keeps only one box.", "One box of {k} holds"),
        ("{n} shares the {t} equally among {k} people, {n} being one of them.", "Each of the {k} people has"),
    ),
}
DOUBLE = ("Then {n} doubles the number of {t}.", "Doubled, that makes")


def step(name: str, thing: str, have: int, generator: random.Random) -> tuple[str, str, int]:
    """One more sentence of a story, its sentence of the solution, and what there is then."""
    other = generator.choice([person for person in FIRST if person != name])
    signs = ["+"] + ["-"] * (have >= 4) + ["*"] * (2 <= have <= 60)
    divisors = [number for number in (2, 3, 4, 5) if have >= 2 * number and have % number == 0]
    sign = generator.choice(signs + ["/"] * bool(divisors))
    if sign == "+":
        number = generator.randint(2, 20)
        now = have + number
    elif sign == "-":
        number = generator.randint(2, min(have - 1, 20))
        now = have - number
    elif sign == "*":
        number = generator.randint(2, 5)
        now = have * number
    else:
        number = generator.choice(divisors)
        now = have // number
    told, solved = DOUBLE if sign == "*" and number == 2 else generator.choice(TOLD[sign])
    words = {"n": name, "o": other, "t": thing, "k": number}
    return told.format(**words), f"{solved.format(**words)} {have} {sign} {number} = {now}.", now


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


GIFT = (
    "Lea has 5 apples. Tom gives Lea 3 more apples. Then Lea doubles the number of apples. "
    "How many apples does Lea have now?"
)
BOXES = (
    "Rex has 12 coins. Rex loses 2 coins. Rex splits the coins evenly into 5 boxes and keeps only one box. "
    "How many coins does Rex have now?"
)
DECOMPOSITIONS = (
    Decomposition(
        GIFT,
        (
            ("How many apples does Lea have after Tom's gift?", "Lea has 5 + 3 = 8 apples. The answer is 8."),
            (GIFT, "After Tom's gift Lea has 8 apples. Doubled, that makes 8 * 2 = 16. The answer is 16."),
        ),
    ),
    Decomposition(
        BOXES,
        (
            ("How many coins does Rex have after losing some?", "Rex has 12 - 2 = 10 coins. The answer is 10."),
            (BOXES, "After losing some Rex has 10 coins. One box of 5 holds 10 / 5 = 2. The answer is 2."),
        ),
    ),
)


@task
def word_problems(*, steps: int = 3, exemplar_steps: int = 0) -> Task:
    """Arithmetic stories of `steps` steps, 1 to 6 or 0 for a mixture, with a rationale each.

    Exemplars are a mixture unless `exemplar_steps` says otherwise.
    """
    for key, count in (("steps", steps), ("exemplar_steps", exemplar_steps)):
        if not 0 <= count <= 6:
            raise UserError(f"word-problems: {key} is {count}; it must lie between 1 and 6, or be 0 for a mixture.")

    def load(split: Split, source: Source) -> list[Sample]:
        count = exemplar_steps if split == "train" else steps
        return draw_samples(f"word-problems {count}", lambda generator: make(count, generator), split, source)

    return Task(
        name="word-problems",
        load=load,
        format=NUMBER,
        templates=FREE,
        score=numeric,
        instructions=(
            "Solve the arithmetic problem.",
            "Read the story and work out the number it asks for.",
            "Keep track of the amount from sentence to sentence and give the final amount.",
        ),
        decompositions=DECOMPOSITIONS,
    )
