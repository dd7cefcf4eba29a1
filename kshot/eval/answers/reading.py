"""Where a text states its answer: boxed, tagged, a JSON field, after "####", after "the answer is".

All formats read these statements, the last first, and each then has rules of its own for texts without one. What
is thought aloud (kshot.eval.answers.thinking) is no part of the text. Every pattern is bounded or cannot start twice
on the same characters, and only a text's last 20,000 characters are read, so that a hostile text costs milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from kshot.eval.answers.denials import denied, denied_after
from kshot.eval.answers.languages import either, pattern
from kshot.eval.answers.languages.chinese_numbers import plainer_digits
from kshot.eval.answers.languages.conventions import stated_elsewhere
from kshot.eval.answers.latex import without_latex
from kshot.eval.answers.legible import Legible, legible
from kshot.eval.answers.thinking import spoken
from kshot.types import Extraction, Extractor

LIMIT = 20_000  # characters read, from the end
WINDOW = 2_000  # characters of a statement
MANY = 40  # statements of a kind that are looked at, from the end
NOTHING = Extraction(None)
Read = Callable[[str, tuple[str, ...]], Extraction]
"""A format's rules: (text, choices) -> what the text states."""
QUOTES = "\"'`*_"

STATED = pattern(lambda language: language.stated)
CHOSEN = pattern(lambda language: language.chosen)
DOUBTED = pattern(lambda language: language.doubted)
DECLINED = pattern(lambda language: language.declined)
COPULA = re.compile(r"\b(?:is|are|was|be)\b[:=\s*]*$", re.IGNORECASE)
BOXED = re.compile(r"\\f?boxed\s?\{|\\fbox\s?\{")
CLOSES = re.compile(r"[$}\])]{0,4}")
HASHES = re.compile(r"####(?=[ \t]{0,9}\S)")
KEY = (
    r"(?:final|correct|my|the|predicted)?[ _-]?(?:answer|ans|label|choice|option|prediction|result|response|output"
    r"|solution|category|class|sentiment|verdict|rating|score|decision|答案|选项|標籤|标签|类别|结果)s?"
    r"(?:[ _-]?(?:choice|letter|text|value))?"
)
TAG = re.compile(
    r"<(?:final[ _-]?)?(?:answer|ans|result|solution|output|response|final|答案)(?:\s[^<>]{0,60})?>"
    r"|\[(?:final[ _])?answer\]",
    re.IGNORECASE,
)
UNTAG = re.compile(r"</(?:[A-Za-z_]{1,20}|答案)>")
UNTAGGED = re.compile(r"</|\[/")
FIELD = re.compile(rf"[\"']{KEY}[\"']\s{{0,4}}:\s{{0,4}}", re.IGNORECASE)
VALUE = re.compile(
    r"(?:\"((?:[^\"\\\n]|\\.){0,2000})\"|'((?:[^'\\\n]|\\.){0,2000})')(?=\s{0,4}(?:[,}\]\n]|\Z))|([^,}\]\n]{0,200})"
)
NEXT_QUESTION = re.compile(rf"\n[ \t*#]{{0,4}}{either(lambda language: language.question)}(?:[ \t]\d{{1,4}})?[ \t]?:")


@dataclass(frozen=True, slots=True)
class Statement:
    """What follows one "the answer is": the rest of the first line that says something, or all between two marks."""

    rule: str  # boxed, tagged, json, ####, the answer is, answer:, choice
    text: str
    start: int  # of `text`, in the text it was found in
    marked: bool = False  # both its ends are marked, so that it is complete

    @property
    def end(self) -> int:
        """Where it ends in the text it was found in."""
        return self.start + len(self.text)

    @property
    def declined(self) -> bool:
        """It says that there is no answer: "not known", "unclear", "it depends"."""
        return DECLINED.match(self.text) is not None or (self.rule == "json" and self.text in ("null", "None", ""))


def boxes(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of what the last boxes hold."""
    for found in list(BOXED.finditer(text))[-MANY:]:
        depth = 1
        for brace in re.finditer(r"[{}]", text[found.end() : found.end() + WINDOW]):
            depth += 1 if brace[0] == "{" else -1
            if depth == 0:
                yield found.end(), found.end() + brace.start()
                break


def line_at(text: str, at: int) -> tuple[str, int] | None:
    """The rest of the first line from a place on that says something, and where it begins."""
    for line in text[at : at + WINDOW].split("\n")[:6]:
        line = UNTAG.split(line, maxsplit=1)[0]
        if re.search(r"[^\W_]", line):
            return line, at
        at += len(line) + 1
    return None


def tagged(text: str) -> Iterator[Statement]:
    """What the last <answer> tags hold."""
    for found in list(TAG.finditer(text))[-MANY:]:
        untag = UNTAGGED.search(text, found.end(), found.end() + WINDOW)
        line = line_at(text[: untag.start()] if untag else text, found.end())
        if line:
            yield Statement(
                "tagged", *line, marked=untag is not None and untag.start() == line[1] + len(line[0].rstrip())
            )


def fields(text: str) -> Iterator[Statement]:
    """The values of the last "answer" fields of JSON."""
    for found in list(FIELD.finditer(text))[-MANY:]:
        value = VALUE.match(text, found.end())
        if value and value.lastindex:
            yield Statement("json", value[value.lastindex].rstrip(), value.start(value.lastindex), value.lastindex < 3)


def statements(text: str, *, chosen: bool = False) -> list[Statement]:
    """All statements, the last first; with `chosen` also "I would pick". What is said to be wrong is left out."""
    result = [*tagged(text), *fields(text)]
    for start, end in boxes(text):
        closes = CLOSES.match(text, end)
        if not (closes and denied_after(text, closes.end())):
            result.append(Statement("boxed", text[start:end], start, marked=True))
    for rule, finds in (
        ("####", HASHES.finditer(text)),
        ("the answer is", STATED.finditer(text)),
        ("the answer is", stated_elsewhere(text)),
        *([("choice", CHOSEN.finditer(text))] if chosen else []),
    ):
        for found in list(finds)[-MANY:]:
            line = line_at(text, found.end())
            before = text[max(0, found.start() - 60) : found.start()]
            if line and not (
                DOUBTED.search(before) or (rule == "choice" and denied(text, found.start(), found.start()))
            ):
                label = rule == "the answer is" and found[0].rstrip("* ")[-1] in ":=" and not COPULA.search(found[0])
                result.append(Statement("answer:" if label else rule, *line))
    return sorted(result, key=lambda statement: statement.start, reverse=True)


STATEMENTS = ("boxed", "tagged", "json", "####", "the answer is", "answer:")
STOP = re.compile(r"[.!?](?=[\"')*_\]]{0,3}(?:\s|$))|[\u3002\uff01\uff1f!?](?=[^\x00-\x7f]|$)|\u3002")
ABBREVIATED = re.compile(r"st|[md]rs?|ms|mt|ft|prof|gen|col|lt|sgt|capt|rev|hon|[js]r|vs|[^\W\d_]", re.IGNORECASE)
NUMBERED = re.compile(r"no|nr|vol|ch|fig|pt|sec|art|pp|op|inc", re.IGNORECASE)  # before a number


def sentence_end(text: str) -> int:
    """Where the first sentence of a line ends, before its stop; "St. John's" and "D.C." have none inside."""
    for stop in STOP.finditer(text):
        before = re.search(r"(?<![^\W\d_])([^\W\d_]{1,4})$", text[max(0, stop.start() - 5) : stop.start()])
        if not text[stop.end() :].strip(QUOTES + ") ") or stop[0] != "." or not before:
            return stop.start()
        numbered = NUMBERED.fullmatch(before[1]) and re.match(r"\s?[0-9]", text[stop.end() :])
        if not (numbered or ABBREVIATED.fullmatch(before[1])):
            return stop.start()
    return len(text)


def found(answer: str | None, rule: str, start: int, end: int, *, explicit: bool = False) -> Extraction:
    """An extraction by a rule at a place; with answer None, the rule says why there is none."""
    return Extraction(answer, rule, (start, end), explicit and answer is not None)


def read_on(read: Read, text: str, choices: tuple[str, ...]) -> Extraction:
    """What is read before a question that the model made up, where that is explicit; else what is read from all."""
    following = NEXT_QUESTION.search(text)
    if following and text[: following.start()].strip():
        result = read(text[: following.start() + 1], choices)
        if result.explicit:
            return result
    return read(text, choices)


def plainly(text: str) -> str:
    """A choice, a label or a target as a text is read: its signs in one way of writing, without LaTeX."""
    return without_latex(legible(text)).text


def unchanged(seen: Legible) -> Legible:
    """A text as it is."""
    return seen


def reader(read: Read, change: Callable[[Legible], Legible] = unchanged) -> Extractor:
    """An extractor from a format's rules: bounds the text, makes it plain, leaves out what is thought aloud.

    `change` is what a language's numbers need before the rules read them.

    A model that has answered may go on with "Q: ..." and answer that too. What stands before counts where it
    states an answer outright; so does what stands before a block of thought that is never closed.
    """

    def extract(text: str, choices: tuple[str, ...] = ()) -> Extraction:
        offset = max(0, len(text) - LIMIT)
        said = spoken(text, offset)
        choices = tuple(plainly(choice) for choice in choices)
        result = NOTHING
        for part in (said.after(), said.text) if said.last else (said.text,):
            seen = change(without_latex(legible(part)))
            seen = seen.edited(plainer_digits(seen.text))
            result = read_on(read, seen.text, choices)
            if result.rule != NOTHING.rule:
                break
        if said.opened is not None and not (result.explicit and result.rule.split(",")[0] in STATEMENTS):
            return found(None, "thinking, not finished", offset + said.opened, len(text))
        if result.span:
            start, end = seen.span(*result.span)
            result = replace(result, span=(start + offset, min(end + offset, len(text))))
        return result

    extract.__doc__ = read.__doc__
    return extract
