"""Is the coin still heads up? Counting flips, in words."""

from __future__ import annotations

import random

from kshot.eval.answers import YES_AND_NO, YES_NO, exact, in_language
from kshot.eval.tasks.last_letters import FIRST
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source import chinese
from kshot.eval.tasks.source.generated import draw_samples
from kshot.eval.tasks.source.language import spoken
from kshot.eval.tasks.source.stories import last_sentence_asks
from kshot.eval.tasks.source.templates import FREE, FREE_ZH
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


def make_chinese(flips: int, generator: random.Random) -> Sample:
    """The same in Chinese."""
    names = generator.sample(chinese.PEOPLE, flips)
    acts = [generator.random() < 0.5 for _ in names]
    story = "".join(f"{name}{'翻了' if act else '没有翻'}硬币。" for name, act in zip(names, acts, strict=True))
    flippers = [name for name, act in zip(names, acts, strict=True) if act]
    even = len(flippers) % 2 == 0
    if flippers:
        by = "和".join(filter(None, ["、".join(flippers[:-1]), flippers[-1]]))
        parity = "偶数" if even else "奇数"
        rationale = (
            f"翻硬币的有{by}。所以硬币被翻了{len(flippers)}次，是{parity}次。"
            f"硬币一开始正面朝上，翻了{parity}次以后，{'仍然正面朝上' if even else '变成反面朝上'}。"
        )
    else:
        rationale = "没有人翻硬币。所以硬币被翻了0次。硬币一开始正面朝上，没有被翻过，因此仍然正面朝上。"
    return Sample("", f"{START_ZH}{story}硬币现在还是正面朝上吗？", "是" if even else "否", rationale)


START, START_ZH = "A coin is heads up.", "一枚硬币正面朝上。"
INSTRUCTIONS = (
    "Say whether the coin is still heads up.",
    "Count how often the coin is flipped; it is still heads up after an even number of flips.",
    "Follow the coin through the story and decide whether heads is up at its end.",
)
INSTRUCTIONS_ZH = (
    "判断硬币现在是否仍然正面朝上。",
    "数一数硬币被翻了几次；翻了偶数次以后，硬币仍然正面朝上。",
    "跟着故事一步一步看硬币的状态，判断最后是否正面朝上。",
)
DECOMPOSITIONS = (
    Decomposition(
        f"{START} Lea flips the coin. Tom does not flip the coin. Is the coin still heads up?",
        (
            ("Who flips the coin, and how often is it flipped?", "Lea flips the coin. It is flipped 1 time."),
            (
                f"{START} Lea flips the coin. Tom does not flip the coin. Is the coin still heads up?",
                "It is flipped 1 time, an odd number, so it is tails up. The answer is no.",
            ),
        ),
    ),
    Decomposition(
        f"{START} Rex flips the coin. Ivy flips the coin. Is the coin still heads up?",
        (
            (
                "Who flips the coin, and how often is it flipped?",
                "Rex and Ivy flip the coin. It is flipped 2 times.",
            ),
            (
                f"{START} Rex flips the coin. Ivy flips the coin. Is the coin still heads up?",
                "It is flipped 2 times, an even number, so it is still heads up. The answer is yes.",
            ),
        ),
    ),
)
WHO = "谁翻了硬币，一共翻了几次？"
ONCE_ZH = f"{START_ZH}小丽翻了硬币。小军没有翻硬币。硬币现在还是正面朝上吗？"
TWICE_ZH = f"{START_ZH}小强翻了硬币。小雪翻了硬币。硬币现在还是正面朝上吗？"
DECOMPOSITIONS_ZH = (
    Decomposition(
        ONCE_ZH,
        ((WHO, "小丽翻了硬币，一共翻了1次。"), (ONCE_ZH, "翻了1次，是奇数次，所以硬币反面朝上。答案：否。")),
    ),
    Decomposition(
        TWICE_ZH,
        ((WHO, "小强和小雪翻了硬币，一共翻了2次。"), (TWICE_ZH, "翻了2次，是偶数次，所以硬币仍然正面朝上。答案：是。")),
    ),
)
TOLD = {
    "en": (make, INSTRUCTIONS, DECOMPOSITIONS, FREE),
    "zh": (make_chinese, INSTRUCTIONS_ZH, DECOMPOSITIONS_ZH, FREE_ZH),
}


@task
def coin_flip(*, flips: int = 2, exemplar_flips: int = 2, language: str = "en") -> Task:
    """Is a coin still heads up after people flip it or not (Wei et al. 2022, section 5)?

    `flips` people, 2 or 4 in the paper; exemplars have 2 either way, and rationales in the paper's words. `language` is
    en or zh.
    """
    draw, instructions, decompositions, templates = spoken("coin-flip", language, TOLD)
    for key, count in (("flips", flips), ("exemplar_flips", exemplar_flips)):
        if not 1 <= count <= 20:
            raise UserError(f"coin-flip: {key} is {count}; it must lie between 1 and 20.")

    def load(split: Split, source: Source) -> list[Sample]:
        count = exemplar_flips if split == "train" else flips
        return draw_samples(f"coin-flip {count}", lambda generator: draw(count, generator), split, source)

    return Task(
        name="coin-flip",
        load=load,
        format=in_language(YES_NO, language),
        score=exact,
        labels=YES_AND_NO[language],
        instructions=instructions,
        decompositions=decompositions,
        templates=templates,
        language=language,
        as_question=last_sentence_asks(instructions[0]),
    )
