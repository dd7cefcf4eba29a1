"""In which language a task is: told from what it asks, or said with `language=`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from kshot.types import UserError

T = TypeVar("T")
HAN = re.compile(r"[\u3400-\u9fff]")
KANA = re.compile(r"[\u3041-\u30fa]")
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
    return KANA.search(text) is None and len(HAN.findall(text)) > len(WORD.findall(text))


def spoken(task: str, language: str, known: Mapping[str, T]) -> T:
    """What a task has in a language. Raises UserError where it has nothing."""
    if language not in known:
        raise UserError(f"{task} is not to be had in {language!r}: language is one of {', '.join(known)}.")
    return known[language]
