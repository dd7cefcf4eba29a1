"""The words that a prompt puts around a question, by the question's language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from kshot.types import UserError

T = TypeVar("T")
HAN = re.compile(r"[\u3400-\u9fff\uff01-\uff5e\u3001-\u301f\u201c\u201d\U00020000-\U000323af]")


@dataclass(frozen=True, slots=True)
class Phrases:
    """What a prompt says of its own."""

    choices: str  # above the choices
    choice: str  # one of them: "({letter}) {text}"
    lead: str  # opens a chain of thought
    break_down: str  # before a question to be taken apart
    asks: str  # before a question in plain text
    answers: str  # before its answer, which follows at once
    premise: str  # before an answer where no question stands
    stops: tuple[str, ...]  # where a model that only goes on writing begins the next question


ENGLISH = Phrases(
    choices="Answer choices:",
    choice="({letter}) {text}",
    lead="Let's think step by step.",
    break_down="Break this down into simpler questions: ",
    asks="Q: ",
    answers="A: ",
    premise="The answer is:",
    stops=("\nQ:",),
)
# choices as C-Eval lists them (Huang et al. 2023, arXiv 2305.08322); the lead is Kojima's, put into Chinese
CHINESE = Phrases(
    choices="选项：",
    choice="{letter}. {text}",
    lead="让我们一步一步地思考。",
    break_down="把下面的问题分解成几个更简单的问题：",
    asks="问：",
    answers="答：",
    premise="答案是：",
    stops=("\n问：", "\n问:"),
)
PHRASES: Mapping[str, Phrases] = {"en": ENGLISH, "zh": CHINESE}


def phrases(language: str) -> Phrases:
    """The words of a language. Raises UserError for one that kshot has no words of."""
    return said_in(language, PHRASES)


def said_in(language: str, words: Mapping[str, T]) -> T:
    """A strategy's own words, by language. Raises UserError for one that it has none in."""
    if language not in words:
        raise UserError(f"kshot has no words for prompts in {language!r}; it has them in {', '.join(words)}.")
    return words[language]


def joined(first: str, second: str) -> str:
    """Two sentences, with the blank that Chinese has none of.

    >>> joined("3 + 3 = 6.", "The answer is 6."), joined("3 + 3 = 6。", "答案是6。")
    ('3 + 3 = 6. The answer is 6.', '3 + 3 = 6。答案是6。')
    """
    return first + ("" if HAN.match(second) else " ") + second
