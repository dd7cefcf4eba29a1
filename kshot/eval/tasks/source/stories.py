"""A story as the context of the question that it ends in."""

from __future__ import annotations

import re
from collections.abc import Callable

from kshot.types import Sample

# the end of a sentence, and not of an abbreviation or an initial
BOUNDARY = re.compile(
    r"(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bDr\.)(?<!\bSt\.)(?<!\b[A-Z]\.)(?<=[.!?])\s+|(?<=[。！？])\s*"
)


def last_sentence_asks(instruction: str) -> Callable[[Sample], tuple[str, str]]:
    """A Task.as_question: all but the last sentence, and the last; of a text of one sentence, the text and `instruction`.

    >>> last_sentence_asks("Work it out.")(Sample("1", "Tom has 3 apples. Mr. Hill takes 2. How many are left?", "1"))
    ('Tom has 3 apples. Mr. Hill takes 2.', 'How many are left?')
    """

    def parts(sample: Sample) -> tuple[str, str]:
        text = sample.question.strip()
        ends = [found.span() for found in BOUNDARY.finditer(text) if found.end() < len(text)]
        if not ends:
            return text, instruction
        return text[: ends[-1][0]], text[ends[-1][1] :]

    return parts
