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
as_written.py  all of a reply, its first line, and expressions in LaTeX
targets.py     a target as replies are read
scoring.py     an answer held against its target
commas.py      numbers with a decimal comma
asking.py      what a format says, by language
languages/     the words of each language
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from kshot.eval.answers.actions import read_actions
from kshot.eval.answers.as_written import read_expression, read_first_line, read_whole
from kshot.eval.answers.asking import ASKING, YES_AND_NO, listed
from kshot.eval.answers.choices import read_letter
from kshot.eval.answers.classes import read_label
from kshot.eval.answers.languages.conventions import CONVENTIONS
from kshot.eval.answers.numbers import read_number, read_number_with_comma
from kshot.eval.answers.numerals import canonical_number
from kshot.eval.answers.scoring import exact, numeric
from kshot.eval.answers.targets import read_target
from kshot.eval.answers.texts import read_line, read_text, read_word
from kshot.types import AnswerFormat, Extraction, Extractor, UserError

__all__ = [
    "ACTIONS",
    "CONVENTIONS",
    "EXPRESSION",
    "LETTER",
    "LINE",
    "NUMBER",
    "SENTENCE",
    "TEXT",
    "WHOLE",
    "WORD",
    "YES_AND_NO",
    "YES_NO",
    "canonical_number",
    "exact",
    "in_language",
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
EXPRESSION = AnswerFormat(  # stated as Lewkowycz et al. 2022 have it (arXiv 2206.14858, appendix D)
    "expression",
    "Give only the answer, in LaTeX between dollar signs.",
    "Final Answer: The final answer is",
    read_expression,
    "Final Answer: The final answer is ${answer}$. I hope it is correct.",
)
WHOLE = AnswerFormat("whole", "Give only the text.", "Therefore, the text is:", read_whole, "{answer}")
SENTENCE = AnswerFormat(
    "sentence", "Give only the text, in one line.", "Therefore, the text is:", read_first_line, "{answer}"
)
ACTIONS = AnswerFormat("actions", "Give the sequence of actions.", "Therefore, the answer is", read_actions)


def labels(names: tuple[str, ...], words: tuple[str, ...] = (), language: str = "en") -> AnswerFormat:
    """The format of a classification task with these labels, each written as its word. Raises UserError without any."""
    words = words or names
    if not names or not all(word.strip() for word in words):
        raise UserError("a classification needs labels that are not blank; give it at least one.")
    said = listed(words, language)
    form = AnswerFormat(
        "label",
        f"Answer with {said}.",
        f"Therefore, the answer ({said}) is",
        read_label(names) if words == names else renamed(read_label(words), dict(zip(words, names, strict=True))),
        worded=lambda words: labels(names, words, language),
    )
    own = ASKING.get(language, {}).get("label")
    if own is None:
        return form
    return replace(
        form,
        instruction=own.instruction.format(listed=said),
        trigger=own.trigger.format(listed=said),
        statement=own.statement,
    )


def renamed(read: Extractor, names: Mapping[str, str]) -> Extractor:
    """A reader whose answers get other names."""

    def read_and_rename(text: str, choices: tuple[str, ...]) -> Extraction:
        extraction = read(text, choices)
        said = extraction.answer
        return extraction if said is None else replace(extraction, answer=names[said])

    return read_and_rename


@lru_cache(maxsize=64)
def in_language(form: AnswerFormat, language: str) -> AnswerFormat:
    """One of the formats above as it asks, and reads, in a language; labels have theirs when they are made.

    A language without words of its own (de, fr ...) is asked in English and read as it writes numbers. Yes and no are
    that language's: 是 and 否. Raises UserError for a language that is not known.

    >>> in_language(NUMBER, "zh").instruction, in_language(NUMBER, "de").extract("Die Antwort ist 8,5.", ()).answer
    ('只回答一个数字。', '8.5')
    """
    if language not in CONVENTIONS:
        known = ", ".join(CONVENTIONS)
        raise UserError(f"unknown language {language!r}: kshot reads {known}, and asks in en and zh.")
    if form is NUMBER and CONVENTIONS[language].comma:
        form = replace(form, extract=read_number_with_comma)
    own = ASKING.get(language, {}).get(form.name)
    if own is None or form.name == "label":
        return form
    if form is YES_NO:
        names = YES_AND_NO[language]
        form = replace(form, extract=read_label(names), worded=lambda words: labels(names, words, language))
    return replace(form, instruction=own.instruction, trigger=own.trigger, statement=own.statement)
