"""Where a text states its answer: boxed, after "####", after "the answer is".

All formats read these statements, the last first, and each then has rules of its own for texts without one.
Every pattern is bounded or cannot start twice on the same characters, and only a text's last 20,000
characters are read, so that a hostile text costs milliseconds. Concedes: English.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from kshot.types import Extraction, Extractor

LIMIT = 20_000  # characters read, from the end
WINDOW = 2_000  # characters of a statement
MANY = 40  # statements of a kind that are looked at, from the end
NOTHING = Extraction(None)
QUOTES = "\"'`\u201c\u201d\u2018\u2019*_"

STATEMENT = re.compile(
    r"\b(?:answer|ans\b|(?:final|correct|right|best)\s{1,2}(?:option|choice|solution|result))"
    r"(?:\s{1,2}(?:choice|option))?"
    r"(?:\s{1,2}(?:to|for)\s[^.:=\n]{1,60}?)?"  # the answer to this question is
    r"(?:\s?\([^()\n]{0,200}\))?\W{0,3}?"  # the answer (arabic numerals) is
    r"(?:(?<=[\s)*])(?:is|are|was|would\sbe|should\sbe|must\sbe|will\sbe)"
    r"(?:\b(?!')|(?=[0-9$(\"]|(?-i:[A-Z])))"  # "isYes": a second stage joined without a blank
    r"(?:\s?[:=])?|[:=])"
    r"(?:\*{1,2}(?=\s|$))?",  # the end of **Answer:**
    re.IGNORECASE,
)
COPULA = re.compile(r"\b(?:is|are|was|be)\b[:=\s*]*$", re.IGNORECASE)
BOXED = re.compile(r"\\boxed\s?\{((?:[^{}]|\{[^{}]{0,100}\}){1,200})\}")
HASHES = re.compile(r"####[ \t]{0,9}(?=\S)")
NEXT_QUESTION = re.compile(r"\n[ \t*#]{0,4}(?:Q|Question)(?:[ \t]\d{1,4})?[ \t]?:")
NEGATED = re.compile(r"\W{0,4}(?:not|neither|never|nothing)\b", re.IGNORECASE)
DECLINED = re.compile(
    r"\W{0,4}(?:(?:it|that|this|we|i|one|you|is|currently|still|simply|really|probably|not|yet|possible|impossible|to)\s{1,2}){0,6}"
    r"(?:unknown|unclear|uncertain|undetermined|indeterminate|inconclusive|unavailable|impossible|dependent|depends"
    r"|known|available|clear|certain|possible|given|definitive|determinable|say|tell|determine"
    r"|cannot|can(?:'|\u2019)?t|could\snot)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """What follows one "the answer is": the rest of the first line that says something."""

    rule: str  # boxed, ####, the answer is, answer:
    text: str
    start: int  # of `text`, in the text it was found in

    @property
    def negated(self) -> bool:
        """It says what the answer is not."""
        return NEGATED.match(self.text) is not None

    @property
    def declined(self) -> bool:
        """It says that there is no answer: "not known", "unclear", "it depends"."""
        found = DECLINED.match(self.text)
        if found is None:
            return False
        last = found.group(0).split()[-1].lower().lstrip(QUOTES)
        # "possible" and "certain" are refusals only when denied
        denied = re.search(r"\b(?:not|impossible)\b", found.group(0), re.IGNORECASE)
        return denied is not None or last not in {
            *("known", "available", "clear", "certain", "possible", "given", "definitive"),
            *("determinable", "say", "tell", "determine"),
        }


def statements(text: str) -> Iterator[Statement]:
    """All statements: the boxed ones, those after "####", those after "the answer is"; the last of each kind first."""
    for found in list(BOXED.finditer(text))[: -MANY - 1 : -1]:
        yield Statement("boxed", found[1], found.start(1))
    for rule, pattern in (("####", HASHES), ("the answer is", STATEMENT)):
        for found in list(pattern.finditer(text))[: -MANY - 1 : -1]:
            label = rule == "the answer is" and found[0].rstrip("* ")[-1] in ":=" and not COPULA.search(found[0])
            at, lines = found.end(), text[found.end() : found.end() + WINDOW].split("\n")
            for line in lines[:6]:
                if re.search(r"[^\W_]", line):
                    yield Statement("answer:" if label else rule, line, at)
                    break
                at += len(line) + 1


def sentence_end(text: str) -> int:
    """Where the first sentence of a line ends, before its stop; "St. John's" and "D.C." have none inside."""
    for stop in re.finditer(r"[.!?](?=[\"'\u201d\u2019)*_]{0,3}(?:\s|$))", text):
        before = re.search(r"(?<![^\W\d_])([^\W\d_]{1,3})$", text[max(0, stop.start() - 4) : stop.start()])
        last = not text[stop.end() :].strip(QUOTES + ") ")
        if last or not (before and (before[1] in {"St", "Mt", "Dr", "Mr", "Mrs", "Ms", "Ft"} or len(before[1]) == 1)):
            return stop.start()
    return len(text)


def found(answer: str | None, rule: str, start: int, end: int, *, explicit: bool = False) -> Extraction:
    """An extraction by a rule at a place; with answer None, the rule says why there is none."""
    return Extraction(answer, rule, (start, end), explicit and answer is not None)


def reader(read: Callable[[str, tuple[str, ...]], Extraction]) -> Extractor:
    """An extractor from a format's rules: bounds the text, and does not read on into a question the model made up.

    A model that has answered may go on with "Q: ..." and answer that too. What stands before counts where it
    states an answer outright.
    """

    def extract(text: str, choices: tuple[str, ...] = ()) -> Extraction:
        offset = max(0, len(text) - LIMIT)
        text = text[offset:]
        result = NOTHING
        following = NEXT_QUESTION.search(text)
        if following and text[: following.start()].strip():
            result = read(text[: following.start() + 1], choices)
        if not result.explicit:
            result = read(text, choices)
        if offset and result.span:
            result = replace(result, span=(result.span[0] + offset, result.span[1] + offset))
        return result

    extract.__doc__ = read.__doc__
    return extract
