"""In which language a task is: told from what it asks, or said with `language=`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from kshot.eval.answers import CONVENTIONS
from kshot.eval.answers.asking import ASKING, YES_AND_NO
from kshot.eval.answers.commas import ambiguous, pointed
from kshot.eval.answers.legible import Legible
from kshot.registry import suggest
from kshot.types import Sample, UserError

T = TypeVar("T")
HAN = re.compile(r"[\u3400-\u9fff]")
KANA = re.compile(r"[\u3041-\u30fa]")
NUMBER = re.compile(r"\s*[-+\u2212]?\d[\d.,\u00a0\u202f' ]*\s*")
WORD = re.compile(r"[^\W\d_\u3400-\u9fff]+")


def language_of(questions: Iterable[str]) -> str:
    """zh where most questions are Chinese, which have more Chinese characters than other words, and no kana; else en.

    >>> language_of(["小明有3个苹果，又买了2个，一共有几个？", "GPU是什么？"]), language_of(["What does 中国 mean?"])
    ('zh', 'en')
    """
    asked = list(questions)
    return "zh" if 2 * sum(map(is_chinese, asked)) > len(asked) else "en"


def is_chinese(text: str) -> bool:
    """Whether a text is Chinese, and not Japanese with its kana."""
    return not text.isascii() and KANA.search(text) is None and len(HAN.findall(text)) > len(WORD.findall(text))


def spoken(task: str, language: str, known: Mapping[str, T]) -> T:
    """What a task has in a language. Raises UserError where it has nothing."""
    if language not in known:
        raise UserError(f"{task} is not to be had in {language!r}: language is one of {', '.join(known)}.")
    return known[language]


def known_language(language: str) -> str:
    """A language by its code. Raises UserError for one that is not known."""
    if language not in CONVENTIONS:
        raise UserError(f"unknown language {language!r}: {suggest(language, CONVENTIONS)}")
    return language


@dataclass(frozen=True)
class TaskLanguage:
    """The language of a user's data, and what its user should know of it."""

    code: str  # how answers are read
    words: str  # of the prompts: en or zh
    note: str = ""
    instructions: tuple[str, ...] = ("Answer the question.", "Read the question carefully and answer it.")

    @property
    def truths(self) -> dict[str, str]:
        """What yes and no are called, where that is something else."""
        own = YES_AND_NO.get(self.code, YES_AND_NO["en"])
        return {} if own == YES_AND_NO["en"] else dict(zip(YES_AND_NO["en"], own, strict=True))


INSTRUCTIONS_ZH = ("回答下面的问题。", "仔细阅读问题，然后作答。")


def language_of_data(said: str, path: object, questions: Iterable[str]) -> TaskLanguage:
    """The language of a user's data: as said, or Chinese where its questions are. Raises UserError for an unknown one."""
    code = known_language(said) if said else language_of(questions)
    if code == "zh":
        note = "" if said else f"{path} is taken as Chinese, and asked in Chinese: --language en asks in English."
        return TaskLanguage(code, "zh", note, INSTRUCTIONS_ZH)
    if code in ASKING or code == "en":
        return TaskLanguage(code, code)
    name = CONVENTIONS[code].name
    return TaskLanguage(
        code,
        "en",
        f"kshot has no {name} words: {path} is asked in English, and its numbers are read as {name} writes them.",
    )


def with_points(samples: Sequence[Sample], places: Mapping[str, str], language: str) -> tuple[Sample, ...]:
    """Samples whose targets are mostly numbers with a decimal comma, with a point.

    Raises UserError, with file and row, for a number that may be two.
    """
    numbers = [sample for sample in samples if NUMBER.fullmatch(sample.target) and not sample.choices]
    if not CONVENTIONS[language].comma or 2 * len(numbers) <= len(samples):
        return tuple(samples)
    odd = next((sample for sample in numbers if ambiguous(sample.target)), None)
    if odd is not None:
        name, plain = CONVENTIONS[language].name, odd.target.strip()
        raise UserError(
            f"{places[odd.id]}: the answer {plain!r} may be a decimal or, as {name} writes it, a thousand and more; "
            f"write {plain.replace('.', '')} or {plain.replace('.', ',')}."
        )
    return tuple(replace(sample, target=pointed(Legible(sample.target)).text) for sample in samples)
