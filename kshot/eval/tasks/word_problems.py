"""Arithmetic stories of one to six steps, each told with its worked solution.

Exact: every number on the way is a whole number from 0 to 400, and a rationale has one equation a step.
Concedes: one quantity is followed from start to end, so a story is longer than it is deep.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from kshot.eval.answers import NUMBER, in_language, numeric
from kshot.eval.tasks.last_letters import FIRST
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source import chinese
from kshot.eval.tasks.source.generated import draw_samples
from kshot.eval.tasks.source.language import spoken
from kshot.eval.tasks.source.stories import last_sentence_asks
from kshot.eval.tasks.source.templates import FREE, FREE_ZH
from kshot.types import Decomposition, Sample, Source, Split, Task, UserError

NOUNS = """
apples books marbles stamps coins cards shells pencils stickers cookies candles balloons buttons ribbons
postcards oranges lemons tulips beads badges
"""
THINGS = tuple((thing, "") for thing in NOUNS.split())
LARGEST = 400  # a number in a story
Told = Mapping[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Story:
    """How a language tells a story and its solution.

    {n} is the person, {o} another, {t} the things and {m} their measure word, {k} a number; of what is told, the
    story's sentence and how its equation begins.
    """

    people: tuple[str, ...]
    things: tuple[tuple[str, str], ...]
    has: str
    starts: str
    told: Told
    doubles: tuple[str, str]
    asks: str
    equation: str  # of {solved} {have} {sign} {k} {now} {m}
    signs: Mapping[str, str]
    between: str  # sentences


TOLD: Told = {
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
ENGLISH = Story(
    people=tuple(FIRST),
    things=THINGS,
    has="{n} has {k} {t}.",
    starts="{n} starts with {k} {t}.",
    told=TOLD,
    doubles=("Then {n} doubles the number of {t}.", "Doubled, that makes"),
    asks="How many {t} does {n} have now?",
    equation="{solved} {have} {sign} {k} = {now}.",
    signs={sign: sign for sign in TOLD},
    between=" ",
)
CHINESE = Story(
    people=tuple(chinese.PEOPLE),
    things=chinese.THINGS,
    has="{n}有{k}{m}{t}。",
    starts="{n}一开始有{k}{m}{t}。",
    told={
        "+": (
            ("{o}又给了{n}{k}{m}{t}。", "{o}给了以后，有"),
            ("然后{n}买了{k}{m}{t}。", "加上买来的，有"),
            ("在游园会上，{n}又赢了{k}{m}{t}。", "加上赢来的，有"),
            ("{n}收到一个包裹，里面有{k}{m}{t}。", "加上包裹里的，有"),
            ("{n}在阁楼里又找到{k}{m}{t}。", "加上找到的，有"),
        ),
        "-": (
            ("{n}把{k}{m}{t}送给了{o}。", "送出一些以后，还剩"),
            ("{n}弄丢了{k}{m}{t}。", "弄丢一些以后，还剩"),
            ("然后{n}卖掉了{k}{m}{t}。", "卖掉一些以后，还剩"),
            ("{o}借走了{k}{m}{t}，没有还回来。", "被借走一些以后，还剩"),
            ("{n}发现有{k}{m}{t}坏了，就把它们扔掉了。", "扔掉坏的以后，还剩"),
        ),
        "*": (
            ("一年下来，{t}的数量变成了原来的{k}倍。", "增加以后，一共是"),
            ("{o}又送来了一些，让{n}的{t}变成了原来的{k}倍。", "加上{o}送来的，一共是"),
        ),
        "/": (
            ("{n}把{t}平均装进{k}个盒子，只留下其中一盒。", "{k}盒中的一盒有"),
            ("{n}把{t}平均分给{k}个人，{n}自己也是其中一个。", "{k}个人中每人有"),
        ),
    },
    doubles=("然后{n}让{t}的数量翻了一番。", "翻一番以后，一共是"),
    asks="{n}现在有多少{m}{t}？",
    equation="{solved}{have} {sign} {k} = {now}{m}。",
    signs={"+": "+", "-": "-", "*": "×", "/": "÷"},
    between="",
)


def step(story: Story, name: str, thing: tuple[str, str], have: int, generator: random.Random) -> tuple[str, str, int]:
    """One more sentence of a story, its sentence of the solution, and what there is then."""
    other = generator.choice([person for person in story.people if person != name])
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
    told, solved = story.doubles if sign == "*" and number == 2 else generator.choice(story.told[sign])
    words = {"n": name, "o": other, "t": thing[0], "m": thing[1], "k": number}
    signed = {"solved": solved.format(**words), "sign": story.signs[sign], "have": have, "now": now}
    return told.format(**words), story.equation.format(**signed, **words), now


def make(story: Story, steps: int, generator: random.Random) -> Sample:
    """A story of so many steps; 0 draws their number from 1 to 6."""
    count = steps or generator.randint(1, 6)
    name, thing = generator.choice(story.people), generator.choice(story.things)
    while True:
        have = generator.randint(3, 40)
        words = {"n": name, "t": thing[0], "m": thing[1], "k": have}
        sentences, solution = [story.has.format(**words)], [story.starts.format(**words)]
        for _ in range(count):
            told, solved, have = step(story, name, thing, have, generator)
            sentences.append(told)
            solution.append(solved)
            if have > LARGEST:
                break
        if have <= LARGEST:
            break
    sentences.append(story.asks.format(**words))
    cluster = f"{count} step{'s' * (count > 1)}"
    return Sample("", story.between.join(sentences), str(have), story.between.join(solution), cluster=cluster)


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
GIFT_ZH = "小丽有5个苹果。小军又给了小丽3个苹果。然后小丽让苹果的数量翻了一番。小丽现在有多少个苹果？"
BOXES_ZH = "小强有12枚硬币。小强弄丢了2枚硬币。小强把硬币平均装进5个盒子，只留下其中一盒。小强现在有多少枚硬币？"
DECOMPOSITIONS_ZH = (
    Decomposition(
        GIFT_ZH,
        (
            ("小军给了以后，小丽有多少个苹果？", "小丽有5 + 3 = 8个苹果。答案是8。"),
            (GIFT_ZH, "小军给了以后，小丽有8个苹果。翻一番以后，一共是8 × 2 = 16个。答案是16。"),
        ),
    ),
    Decomposition(
        BOXES_ZH,
        (
            ("弄丢一些以后，小强有多少枚硬币？", "小强有12 - 2 = 10枚硬币。答案是10。"),
            (BOXES_ZH, "弄丢一些以后，小强有10枚硬币。5盒中的一盒有10 ÷ 5 = 2枚。答案是2。"),
        ),
    ),
)
STORIES = {"en": (ENGLISH, DECOMPOSITIONS, FREE), "zh": (CHINESE, DECOMPOSITIONS_ZH, FREE_ZH)}
INSTRUCTIONS = {
    "en": (
        "Solve the arithmetic problem.",
        "Read the story and work out the number it asks for.",
        "Keep track of the amount from sentence to sentence and give the final amount.",
    ),
    "zh": ("解答下面的算术应用题。", "读题，算出题目所问的数。", "一句一句地跟踪数量的变化，给出最后的数量。"),
}


@task
def word_problems(*, steps: int = 3, exemplar_steps: int = 0, language: str = "en") -> Task:
    """Arithmetic stories of `steps` steps, 1 to 6 or 0 for a mixture, with a rationale each.

    Exemplars are a mixture unless `exemplar_steps` says otherwise. `language` is en or zh.
    """
    story, decompositions, templates = spoken("word-problems", language, STORIES)
    for key, count in (("steps", steps), ("exemplar_steps", exemplar_steps)):
        if not 0 <= count <= 6:
            raise UserError(f"word-problems: {key} is {count}; it must lie between 1 and 6, or be 0 for a mixture.")

    def load(split: Split, source: Source) -> list[Sample]:
        count = exemplar_steps if split == "train" else steps
        return draw_samples(f"word-problems {count}", lambda generator: make(story, count, generator), split, source)

    return Task(
        name="word-problems",
        load=load,
        format=in_language(NUMBER, language),
        score=numeric,
        instructions=INSTRUCTIONS[language],
        decompositions=decompositions,
        templates=templates,
        language=language,
        as_question=last_sentence_asks(INSTRUCTIONS[language][0]),
    )
