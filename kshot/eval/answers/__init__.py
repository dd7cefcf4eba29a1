"""From a model's text to a canonical answer or None, with the rule that fired and where it did.

Every format is a short list of rules, tried in order; the first that finds something decides. A rule is
`explicit` where the text itself says that this is its answer, and goes on after it ("the answer is 7.",
"7" and a new line), so that even a text cut off at its length can be trusted with it; a last number
somewhere in a chain is not, nor one that may lack digits. Where a text says that there is no answer
("not known", "A or D", "12 + 5"), the answer is None and the rule says which of these it was.

    >>> NUMBER.extract("16 - 3 - 4 = 9, and 9 * 2 = 18. The answer is $18.00.", ()).answer
    '18'
    >>> YES_NO.extract("not known.", ()).answer is None
    True

docs/extraction.md has the rules one by one, and how they do on published outputs.

reading.py     where a text states its answer, in whatever form
thinking.py    what is thought aloud, which is no answer
legible.py     each sign in one way of writing
latex.py       LaTeX as the rules read it
denials.py     what is named only to be denied
numbers.py     which of a text's numbers is its answer
numerals.py    what a numeral is worth
choices.py     letters of choices
classes.py     labels, yes and no among them
texts.py       a few words, a line, a run of letters
actions.py     sequences of SCAN's actions
targets.py     a target as replies are read
scoring.py     an answer held against its target
languages/     the words of each language
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kshot.eval.answers.actions import read_actions
from kshot.eval.answers.choices import read_letter
from kshot.eval.answers.classes import read_label
from kshot.eval.answers.numbers import read_number
from kshot.eval.answers.numerals import canonical_number
from kshot.eval.answers.scoring import exact, numeric
from kshot.eval.answers.targets import read_target
from kshot.eval.answers.texts import read_line, read_text, read_word
from kshot.types import AnswerFormat, Extraction, Extractor, UserError

__all__ = [
    "ACTIONS",
    "LETTER",
    "LINE",
    "NUMBER",
    "TEXT",
    "WORD",
    "YES_NO",
    "canonical_number",
    "exact",
    "labels",
    "numeric",
    "read_target",
]

NUMBER = AnswerFormat("number", "Answer with a number.", "Therefore, the answer (arabic numerals) is", read_number)
LETTER = AnswerFormat(
    "letter",
    "Answer with the letter of the right choice.",
    "Therefore, among the choices, the answer is",
    read_letter,
    "The answer is ({answer}).",
)
YES_NO = AnswerFormat(
    "yes-no",
    "Answer yes or no.",
    "Therefore, the answer (Yes or No) is",
    read_label(("yes", "no")),
    worded=lambda words: labels(("yes", "no"), words),
)
TEXT = AnswerFormat("text", "Give only the answer.", "Therefore, the answer is", read_text)
LINE = AnswerFormat("line", "Give only the answer.", "Therefore, the answer is", read_line, "The answer is {answer}")
WORD = AnswerFormat(
    "word", "Give only the resulting letters.", "Therefore, the answer is", read_word, 'The answer is "{answer}".'
)
ACTIONS = AnswerFormat("actions", "Give the sequence of actions.", "Therefore, the answer is", read_actions)


def labels(names: tuple[str, ...], words: tuple[str, ...] = ()) -> AnswerFormat:
    """The format of a classification task with these labels, each written as its word. Raises UserError without any."""
    words = words or names
    if not names or not all(word.strip() for word in words):
        raise UserError("a classification needs labels that are not blank; give it at least one.")
    listed = ", ".join(words[:-1]) + f" or {words[-1]}" if len(words) > 1 else words[0]
    return AnswerFormat(
        "label",
        f"Answer with {listed}.",
        f"Therefore, the answer ({listed}) is",
        read_label(names) if words == names else renamed(read_label(words), dict(zip(words, names, strict=True))),
        worded=lambda words: labels(names, words),
    )


def renamed(read: Extractor, names: Mapping[str, str]) -> Extractor:
    """A reader whose answers get other names."""

    def read_and_rename(text: str, choices: tuple[str, ...]) -> Extraction:
        extraction = read(text, choices)
        said = extraction.answer
        return extraction if said is None else replace(extraction, answer=names[said])

    return read_and_rename
