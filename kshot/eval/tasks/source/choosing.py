"""Which choice an answer means: its letter, its text, the label that the choice has, or its index.

How indices count is told from the whole column: from 0, as MMLU's do, unless one reaches the number of the choices and
none is 0. What a number means where two readings differ is refused, with the letters to write instead.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import normalize

from kshot.eval.tasks.source.jsonl import Row, place, written
from kshot.types import UserError

MOST = 26  # as there are letters
NUMPY = re.compile(  # strings, behind one another without a comma too, and array([...], dtype=object)
    r"""(?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?P<next>\s+(?=['"]))?"""
    r"|(?P<array>array\((?=\[))|(?P<end>\](?:,\s*dtype=\w+)?\))"
)
LETTERED = r"\(?{}\s?[).:．、）：]\s*"  # a letter before its choice
FROM_0, FROM_1 = "from 0", "from 1"
Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A row's choices and its answer as it stands."""

    where: str  # file and line
    answer: Any
    choices: tuple[str, ...]
    labels: Labels = ()  # what the file calls the choices: A, 1, or a column's name

    def letter(self, index: int) -> str:
        return chr(65 + index)

    @property
    def text(self) -> str | None:
        """The letter of the choice with the answer's text."""
        return by_text(str(self.answer), self.choices)

    @property
    def lettered(self) -> str | None:
        """The letter that the answer is."""
        letter = bare(self.answer).upper()
        return letter if len(letter) == 1 and "A" <= letter < chr(65 + len(self.choices)) else None

    @property
    def labelled(self) -> str | None:
        """The letter of the choice with the answer as its label."""
        wanted = bare(self.answer)
        return next((chr(65 + at) for at, label in enumerate(self.labels) if bare(label) == wanted), None)


def bare(label: Any) -> str:
    """A label without brackets, stops, case and width."""
    return normalize("NFKC", str(label)).strip().strip("().:").casefold()


def number(answer: Any) -> int | None:
    """The whole number that an answer is, as a number or in digits."""
    if isinstance(answer, bool):
        return None
    if isinstance(answer, float):
        return int(answer) if answer.is_integer() else None
    if isinstance(answer, int):
        return answer
    digits = re.fullmatch(r"\s*(-?\d{1,9})(?:\.0+)?\s*", answer, re.ASCII) if isinstance(answer, str) else None
    return int(digits[1]) if digits else None


def reading_of(rows: Sequence[Chosen], *, typed: bool) -> str:
    """How a file's answers name its choices: "labels", "words", "texts", FROM_0 or FROM_1.

    `typed`: a text of digits is a text first and no number. Raises UserError where readings differ.
    """
    labelled = sum(row.labelled is not None for row in rows)
    if labelled == len(rows) or 2 * labelled > len(rows):
        return "labels"
    numbers = [(row, index) for row in rows if (index := number(row.answer)) is not None]
    strings = sum(isinstance(row.answer, str) for row, _ in numbers)
    if strings and 2 * len(numbers) <= len(rows):  # digits here and there
        numbers = [(row, index) for row, index in numbers if not isinstance(row.answer, str)]
    if not numbers:
        return worded(rows)
    fits = {
        FROM_0: sum(0 <= index < len(row.choices) for row, index in numbers),
        FROM_1: sum(1 <= index <= len(row.choices) for row, index in numbers),
    }
    reached = any(index == len(row.choices) for row, index in numbers)
    texts = sum(row.text is not None for row, _ in numbers)
    named_from_1 = [label[-1:] for label in numbers[0][0].labels] == [
        str(at + 1) for at in range(len(numbers[0][0].labels))
    ]
    strong = bool(named_from_1 and numbers[0][0].labels)
    if fits[FROM_0] == len(numbers):
        if strong and fits[FROM_1] == len(numbers):
            row, index = numbers[0]
            raise UserError(ambiguous(row, index, index, index - 1))
        return settled(FROM_0, numbers, texts, typed=typed, strings=strings)
    if fits[FROM_1] == len(numbers) and reached and (len(numbers) > 1 or strong):
        return settled(FROM_1, numbers, texts, typed=typed, strings=strings)
    if texts == len(numbers):
        return "words"
    if texts > max(fits.values()):
        return "words"
    return FROM_1 if reached and len(numbers) > 2 and fits[FROM_1] > fits[FROM_0] else FROM_0


def worded(rows: Sequence[Chosen]) -> str:
    """Whether answers in words are letters or texts ("words", a letter first) or texts alone ("texts").

    It matters where choices are letters themselves: then another row must tell. Raises UserError where none does.
    """
    clash = next((row for row in rows if row.lettered and row.text and row.text != row.lettered), None)
    if clash is None:
        return "words"
    letters = any(row.lettered and row.text is None for row in rows)
    texts = any(row.text and row.lettered is None for row in rows)
    if letters != texts:
        return "words" if letters else "texts"
    raise UserError(
        f"{clash.where}: the answer {clash.answer!r:.60} may be the letter of one choice or the text of another; write the "
        "index of the choice, from 0, in every row."
    )


def settled(reading: str, numbers: Sequence[tuple[Chosen, int]], texts: int, *, typed: bool, strings: int) -> str:
    """A reading that all rows fit, unless the numbers are all texts of choices too. Raises UserError where they differ."""
    if texts < len(numbers):
        return reading
    if typed and strings:
        return "words"
    for row, index in numbers:
        at = index - (reading == FROM_1)
        if row.text != chr(65 + at):
            raise UserError(ambiguous(row, index, at, ord(row.text or "A") - 65))
    return reading


def ambiguous(row: Chosen, index: int, one: int, other: int) -> str:
    """The sentence about a number that may be either of two choices."""
    counted = "counted from 0" if one == index else "counted from 1"
    return (
        f"{row.where}: the answer {index} may be the choice at index {index} ({row.choices[one]!r}), {counted}, or the "
        f'choice {row.choices[other]!r}; write a letter ("{chr(65 + one)}" or "{chr(65 + other)}").'
    )


def letter(row: Chosen, reading: str, *, typed: bool) -> str:
    """The letter of the choice that a row's answer names. Raises UserError where it names none."""
    if reading == "labels":
        if row.labelled is None:
            raise UserError(
                f"{row.where}: the answer {row.answer!r:.60} is none of the choices' labels {', '.join(row.labels)}; "
                "mend that row."
            )
        return row.labelled
    if reading == "texts":
        if row.text is None:
            raise UserError(f"{row.where}: the answer {row.answer!r:.60} is the text of no choice; mend that row.")
        return row.text
    index = number(row.answer) if not (isinstance(row.answer, str) and (reading == "words" or typed)) else None
    if typed and isinstance(row.answer, str) and reading in (FROM_0, FROM_1) and row.text is None:
        index = number(row.answer)
    if index is not None and reading == FROM_1:
        if not 1 <= index <= len(row.choices):
            raise UserError(
                f"{row.where}: the answer {index} is no index from 1 to {len(row.choices)}, as the others are; mend that "
                "row."
            )
        return chr(64 + index)
    if index is not None and (reading == FROM_0 or row.text is None):
        return indexed(row, index)
    if reading in (FROM_0, FROM_1) and not typed:
        raise UserError(
            f"{row.where}: the answer {row.answer!r:.60} is no index {reading}, as most answers are; mend that row."
        )
    return by_words(row)


def indexed(row: Chosen, index: int) -> str:
    """The letter of the choice at an index from 0. Raises UserError where there is no such choice."""
    if index < 0:
        raise UserError(f"{row.where}: the answer {index} stands for one that is hidden; use a file with answers.")
    if index >= len(row.choices):
        raise UserError(
            f"{row.where}: the answer {index} is no index from 0 to {len(row.choices) - 1}, as a whole number is taken; "
            'where the choices are counted from 1, write letters ("A" the first).'
        )
    return chr(65 + index)


def by_words(row: Chosen) -> str:
    """The choice's letter, from the letter or the choice's text. Raises UserError where neither fits."""
    letters = [chr(65 + at) for at in range(len(row.choices))]
    answer = written(row.answer, f"{row.where}: the answer").strip()
    if bare(answer).upper() in letters:
        return bare(answer).upper()
    named = by_text(answer, row.choices)
    opened = re.match(LETTERED.format(f"([{letters[0]}-{letters[-1]}])"), answer, re.I)
    if named is None and opened and answer[opened.end() :] == row.choices[ord(opened[1].upper()) - 65].strip():
        return opened[1].upper()  # "A. iron"
    if named is None and isinstance(row.answer, bool):  # the choices may be True and False, or Yes and No
        folded = [choice.casefold() for choice in row.choices]
        named = by_text(answer, folded) or by_text(str(row.answer).casefold(), folded)
        answer = str(row.answer).lower()
    if named is not None:
        return named
    raise UserError(
        f"{row.where}: the answer {answer!r} is neither a letter from {letters[0]} to {letters[-1]} nor the text of a "
        "choice; mend that line."
    )


def by_text(answer: str, choices: Sequence[str]) -> str | None:
    """The letter of the choice with that text."""
    texts = [choice.strip() for choice in choices]
    return chr(65 + texts.index(answer.strip())) if answer.strip() in texts else None


def letter_of(row: Row, answer: Any, choices: tuple[str, ...], path: Path) -> str:
    """The letter that the answer of one row of a public set means. Raises UserError where it means none."""
    chosen = Chosen(place(row, path), row.get("answer", answer), choices)
    reading = "words" if isinstance(chosen.answer, str) else reading_of([chosen], typed=True)
    return letter(chosen, reading, typed=True)


def choices_of(row: Row, path: Path) -> tuple[str, ...]:
    """The choices of a row of a public set, () where it has none. Raises UserError where they are not 2 to 26 texts."""
    return choices_at([row.get("choices")], ["choices"], place(row, path))[0]


# ---------------------------------------------------------------- the choices of a row


def choices_at(values: Sequence[Any], names: Sequence[str], where: str) -> tuple[tuple[str, ...], Labels]:
    """A row's choices, and their labels where it gives them, from one value or from a column a choice.

    One value is a list of texts, of {"label", "text"}, an object of these two lists, or one of texts by letter. ()
    where there is none. Raises UserError where they are not two to twenty-six texts.
    """
    listed: list[Any] | None
    if len(values) > 1:
        listed, labels = list(values), tuple(names)
        while listed and listed[-1] is None:  # questions of fewer choices
            listed.pop()
    else:
        listed, labels = listed_in(values[0])
    if not listed and all(value is None or value == [] for value in values):
        return (), ()
    if listed is None or not 2 <= len(listed) <= MOST:
        raise UserError(f"{where}: {names[0]!r} must be a list of 2 to 26 texts; mend that row.")
    empty = next((at for at, choice in enumerate(listed) if choice is None), None)
    if empty is not None:
        name = names[empty] if len(names) > 1 else names[0]
        raise UserError(f"{where}: the field {name!r} has no text for a choice and one behind it has; fill it in.")
    return tuple(written(choice, f"{where}: a choice") for choice in listed), labels[: len(listed)]


def listed_in(value: Any) -> tuple[list[Any] | None, Labels]:
    """Choices with their labels in one value; None where it holds no list of them."""
    if isinstance(value, str):
        value = unwritten(value)
    if isinstance(value, list):
        if value and all(isinstance(one, dict) and {"text", "label"} <= one.keys() for one in value):
            return [one["text"] for one in value], tuple(str(one["label"]) for one in value)
        return value, ()
    if not isinstance(value, dict):
        return None, ()
    text, label = value.get("text"), value.get("label")
    if isinstance(text, list):
        return text, tuple(map(str, label)) if isinstance(label, list) and len(label) == len(text) else ()
    kept = {name: one for name, one in value.items() if one is not None}
    return list(kept.values()), tuple(kept)


def unwritten(text: str) -> Any:
    """A list or an object written in a cell: in JSON, as Python shows it, or parted by |, lines or ;; None for none."""
    text = text.strip()
    if text[:1] in ("[", "{"):
        for read in (json.loads, from_python):
            try:
                return read(text)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
        return None
    found = lettered_parts(text)
    if found:
        return found
    for mark in ("|", "\n", ";"):
        if mark in text:
            return [part.strip() for part in text.split(mark)]
    return None


def from_python(text: str) -> Any:
    """A list or object as Python shows it, numpy's arrays among it, which have no commas or stand in array(...).

    >>> from_python("{'text': array(['a b', 'c'], dtype=object)}"), from_python("['a b' 'c']")
    ({'text': ['a b', 'c']}, ['a b', 'c'])
    """

    def parted(found: re.Match[str]) -> str:
        if found["array"] or found["end"]:
            return "" if found["array"] else "]"
        return f"{found['string']}," if found["next"] else found["string"]

    return ast.literal_eval(NUMPY.sub(parted, text))


def lettered_parts(text: str) -> list[str]:
    """Choices one behind the other, each with its letter: "a ) 12 , b ) 13" (MathQA); nothing for any other text."""
    places: list[tuple[int, int]] = []
    for at in range(MOST):
        begin = places[-1][1] if places else 0
        found = re.compile(rf"(?:^|(?<=[\s,;|])){LETTERED.format(chr(65 + at))}", re.I).search(text, begin)
        if found is None or (not places and found.start()):
            break
        places.append((found.start(), found.end()))
    if len(places) < 2:
        return []
    ends = [start for start, _ in places[1:]] + [len(text)]
    parts = [text[begin:end].rstrip(" ,;|\n\t") for (_, begin), end in zip(places, ends, strict=True)]
    return parts if all(parts) else []


def unlettered(parts: Sequence[str]) -> tuple[str, ...]:
    """Choices without the letters before them, where each has its own: "A. iron", "(B)wood" (AQuA, AGIEval).

    >>> unlettered(["A)21", "B)22"]), unlettered(["A. iron", "wood"])
    (('21', '22'), ('A. iron', 'wood'))
    """
    found = [
        re.fullmatch(rf"\s*{LETTERED.format(chr(65 + at))}(.*\S)\s*", part, re.I | re.S)
        for at, part in enumerate(parts[:MOST])
    ]
    return tuple(one[1] for one in found if one) if all(found) else tuple(parts)
