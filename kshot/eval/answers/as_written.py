r"""Answers that keep every sign: all of a reply, its first line, and an expression in LaTeX.

None is made plain on the way, as other formats' texts are, and what is thought aloud is part of none. An
expression is the last that is boxed or stated ("The final answer is $\frac{1}{2}$."), else the last between dollars,
else a reply of one line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from kshot.eval.answers.reading import LIMIT, NOTHING, STATED, boxes, found, sentence_end
from kshot.eval.answers.thinking import spoken
from kshot.types import Extraction, Extractor

DOLLARS = re.compile(r"(?<!\\)(\${1,2})(?=\S)((?:\\[^\n]|[^$\\\n]){1,2000}?)\1")  # "\\$5" has none
LINE = re.compile(r"^[^\S\n]*(\S(?:[^\n]*\S)?)", re.MULTILINE)
BEGUN = re.compile(r"[\s:=*]*")  # between "the answer is" and what it is
BARE = re.compile(r"\\f?boxed ([^$\n]*)")  # a box without braces holds all up to the dollar
ONE_LINE = 500  # characters of a reply that is an expression and nothing else


def as_spoken(read: Callable[[str], Extraction], *, limit: int | None = None) -> Extractor:
    """An extractor of what is said behind all thought, sign by sign; of at most so many characters from the end."""

    def extract(text: str, choices: tuple[str, ...] = ()) -> Extraction:
        offset = max(0, len(text) - limit) if limit else 0
        said = spoken(text, offset)
        if said.opened is not None:
            return found(None, "thinking, not finished", offset + said.opened, len(text))
        result = read(said.after() if said.last else said.text)
        if result.span and offset:
            start, end = result.span
            return found(result.answer, result.rule, start + offset, end + offset, explicit=result.explicit)
        return result

    return extract


def whole(text: str) -> Extraction:
    """All of a text that is not blank, without the blanks around it."""
    kept = text.strip()
    start = len(text) - len(text.lstrip())
    return found(kept, "all of it", start, start + len(kept), explicit=True) if kept else NOTHING


def first_line(text: str) -> Extraction:
    """The first line that is not blank: what published translations end at."""
    line = LINE.search(text)
    return found(line[1], "first line", *line.span(1), explicit=True) if line else NOTHING


def stated_in(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and rule of every expression that a text says is its answer."""
    for start, end in boxes(text):
        yield start, end, "boxed"
    for statement in STATED.finditer(text):
        start = BEGUN.match(text, statement.end()).end()  # type: ignore[union-attr]  # it matches nothing at least
        dollars = DOLLARS.match(text, start)
        if dollars:
            yield (*dollars.span(2), "the answer is")
            continue
        line = text[start:].split("\n", 1)[0]
        said = line[: sentence_end(line)].rstrip(" *")
        if said:
            yield start, start + len(said), "the answer is"


def expression(text: str) -> Extraction:
    """The last expression that is boxed or stated, else the last between dollars, else a lone line."""
    stated = max(stated_in(text), default=None, key=lambda span: span[0])
    if stated:
        return trimmed(text, *stated, explicit=True)
    formulas = list(DOLLARS.finditer(text))
    if formulas:
        return trimmed(text, *formulas[-1].span(2), "last formula")
    lone = text.strip()
    if lone and "\n" not in lone and len(lone) <= ONE_LINE:
        start = text.index(lone)
        return trimmed(text, start, start + len(lone), "all of it")
    return NOTHING


def boxed_in(solution: str) -> str:
    r"""What a solution's last box holds, "\boxed{7}" or "\boxed 7". Raises ValueError where there is none."""
    spans = list(boxes(solution))
    bare = list(BARE.finditer(solution))
    if spans and not (bare and bare[-1].start() > spans[-1][0]):
        return solution[slice(*spans[-1])]
    if not bare:
        raise ValueError("the solution has no box")
    return bare[-1][1]


def trimmed(text: str, start: int, end: int, rule: str, *, explicit: bool = False) -> Extraction:
    """A stretch without blanks around it."""
    kept = text[start:end]
    start += len(kept) - len(kept.lstrip())
    kept = kept.strip()
    return found(kept, rule, start, start + len(kept), explicit=explicit) if kept else NOTHING


read_whole = as_spoken(whole)
read_first_line = as_spoken(first_line)
read_expression = as_spoken(expression, limit=LIMIT)
