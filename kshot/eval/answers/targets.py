"""A target as replies are read, so that a reply of nothing but the target scores 1."""

from __future__ import annotations

from kshot.eval.answers.reading import plainly
from kshot.eval.answers.texts import EDGES
from kshot.types import AnswerFormat

ALTERNATIVES = ("text", "word")  # formats whose targets may list several, "a|b"


def read_target(form: AnswerFormat, target: str, choices: tuple[str, ...] = ()) -> str | None:
    """The target in the form that the format writes answers in; None where no reply could be read as it.

    It is read twice, alone and as an exemplar states it, and must come to the same. Alternatives ("a|b") are read
    one by one.

        >>> from kshot.eval.answers import TEXT, NUMBER
        >>> read_target(TEXT, "Washington, D.C.")
        'washington, d.c'
        >>> read_target(NUMBER, "1,000"), read_target(NUMBER, "5 or 6")
        ('1000', None)
    """
    parts = target.split("|") if form.name in ALTERNATIVES else [target]
    read: list[str] = []
    for part in parts:
        stated = form.statement.format(answer=part.strip())
        answers = {form.extract(text, choices).answer for text in (part, stated)}
        answer = answers.pop()
        if answers or answer is None:
            return None
        read.append(answer)
    return "|".join(read)


def comparable(text: str) -> str:
    """A text as answers and targets are held against each other: without case, signs and stops around it."""
    plain = " ".join(plainly(text).casefold().split())
    kept = plain.strip(EDGES)
    return kept if any(character.isalnum() for character in kept) else plain
