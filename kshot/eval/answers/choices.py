"""Letters of choices: which choice a text takes.

A letter counts where it is marked as one: "(B)", "B.", "B) text", a lone "B"; the article in "A car" and
letters inside words do not. A choice may also be named by its text. A list of several ("A or D") takes
none of them, and is said to be that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kshot.eval.answers.reading import NOTHING, Statement, found, reader, sentence_end, statements
from kshot.types import Extraction

LETTER = re.compile(r"\((?P<bracketed>[A-Za-z])\)|(?<![\w'\u2019&])(?P<bare>[A-Z])(?![\w'\u2019&])")
LONE = re.compile(r"[\s\"'`*(\[]{0,6}([A-Za-z])[\s\"'`*)\].:]{0,6}(?:\n|$)")
# a lower-case word after "A" makes it an article, unless it goes on about the choice
ARTICLE = re.compile(r"\s{1,3}(?!(?:because|since|as|and|or|but|is|was|so|with|which|for|by|if|in)\b)[^\W\d_A-Z]")
# "(A) is too small, and ..." goes through the choices
SUBJECT = re.compile(
    r"\)?\s{1,3}(?:is|are|was|isn't|cannot|can't|can|could|does|doesn't|would|has|says)\b", re.IGNORECASE
)
MARKED = re.compile(r"\**[).:\]](?:\s|\*|$)|\*\*")
CORRECT = re.compile(
    r"[).:\]*\"]{0,3}\s{1,3}(?:is|must\sbe|would\sbe|seems)\s{1,3}(?:the\s|my\s)?"
    r"(?:(?:most\s)?(?:likely|correct|right|best|final)\b(?!\sin)|answer\b)",
    re.IGNORECASE,
)
BETWEEN = re.compile(
    r"[\s).:,;/&\"'\u201c\u201d*\]]{0,9}(?:(?:or|and|nor|also)\b[\s,/]{0,3}){0,3}[\s(\"'\u201c*\[]{0,9}", re.I
)


def letters(text: str, allowed: frozenset[str]) -> Iterator[tuple[str, int, int]]:
    """(letter, start, end) of every letter of a choice in a text."""
    for match in LETTER.finditer(text):
        kind = "bracketed" if match["bracketed"] else "bare"
        letter = match[kind].upper()
        if letter in allowed and not (kind == "bare" and letter in "AI" and ARTICLE.match(text, match.end())):
            yield letter, *match.span(kind)


def named_choices(text: str, choices: tuple[str, ...]) -> list[tuple[str, int, int]]:
    """(letter, start, end) of every choice whose text stands in a text as whole words, and in no other's."""
    hits = []
    for index, choice in enumerate(choices):
        wanted = choice.strip().rstrip(".")
        pattern = rf"(?<!\w)(?<!\d[.,]){re.escape(wanted)}(?!\w|[.,]\d)"
        match = re.search(pattern, text, re.IGNORECASE) if wanted else None
        if match:
            hits.append((chr(65 + index), *match.span()))
    return [
        hit
        for hit in hits
        if not any(o[1] <= hit[1] and hit[2] <= o[2] and o[2] - o[1] > hit[2] - hit[1] for o in hits)
    ]


def several(text: str, taken: list[tuple[str, int, int]], choices: tuple[str, ...]) -> bool:
    """Whether the first two letters stand in a list: nothing but "or", "and", commas and the choices' texts between."""
    if len({letter for letter, _, _ in taken}) < 2:
        return False
    (first, _, end), (_, start, _) = taken[0], next(item for item in taken if item[0] != taken[0][0])
    between = text[end:start]
    index = ord(first) - 65
    if index < len(choices):
        between = re.sub(re.escape(choices[index].strip().rstrip(".")), "", between, count=1, flags=re.IGNORECASE)
    return BETWEEN.fullmatch(between) is not None


def stated_choice(
    text: str, statement: Statement, choices: tuple[str, ...], allowed: frozenset[str]
) -> Extraction | None:
    """The choice that a statement takes, by letter or by its text; None where it names none."""
    said, start = statement.text, statement.start
    named = named_choices(said, choices)
    lone = LONE.match(said)
    taken = list(letters(said, allowed))
    if lone and lone[1].upper() in allowed:
        taken = [(lone[1].upper(), *lone.span(1))]
    # a letter outside any choice's text ("vitamin C") comes first
    outside = [t for t in taken if not any(n[1] <= t[1] and t[2] <= n[2] and n[2] - n[1] > 1 for n in named)]
    if outside and not (named and named[0][2] <= outside[0][1] and sentence_end(said) < outside[0][1]):
        if several(said, outside, choices):
            return found(None, "several choices", start + outside[0][1], start + outside[-1][2])
        letter, begin, end = outside[0]
        closed = statement.rule == "boxed" or start + end < len(text)
        return found(letter, statement.rule, start + begin, start + end, explicit=closed)
    if len(named) == 1:
        letter, begin, end = named[0]
        closed = statement.rule == "boxed" or start + end < len(text)
        return found(letter, f"{statement.rule}, by its text", start + begin, start + end, explicit=closed)
    if named:
        return found(None, "several choices", start + named[0][1], start + named[-1][2])
    other = re.match(r"[\s\"'*]{0,4}\(?([A-Z])(?:[).:]|\s*$)", said)
    return found(None, "no such choice", start + other.start(1), start + other.end(1)) if other else None


@reader
def read_letter(text: str, choices: tuple[str, ...]) -> Extraction:
    """Stated by letter or text; "B is correct"; the letter it begins with; the last marked; the only choice named."""
    allowed = frozenset(chr(65 + index) for index in range(min(len(choices) or 26, 26)))
    for statement in statements(text):
        choice = None if statement.negated else stated_choice(text, statement, choices, allowed)
        if choice:
            return choice
        if statement.declined:
            return found(None, "declined", statement.start, statement.start + len(statement.text))
    taken = list(letters(text, allowed))
    for letter, start, end in reversed(taken):
        if CORRECT.match(text, end):
            return found(letter, "is correct", start, end, explicit=True)
    lead = len(text) - len(text.lstrip())
    line = text[lead:].split("\n", 1)[0]
    lone = LONE.match(line)
    if lone and lone[1].upper() in allowed:
        start = lead + lone.start(1)
        return found(lone[1].upper(), "letter first", start, start + 1, explicit=lead + len(line) < len(text))
    if taken and re.fullmatch(r"[\W_]*(?:(?:option|choice)[\W_]*)?", text[: taken[0][1]], re.IGNORECASE):
        letter, start, end = taken[0]
        if SUBJECT.match(text, end) and len({item[0] for item in taken}) > 1:
            letter, start, end = taken[-1]
            return found(letter, "last letter", start, end)
        if several(text, taken, choices):
            return found(None, "several choices", start, taken[-1][2])
        return found(letter, "letter first", start, end, explicit=end < len(text))
    marked = [item for item in taken if text[max(0, item[1] - 1)] == "(" or MARKED.match(text, item[2])]
    if marked:
        letter, start, end = marked[-1]
        return found(letter, "last marked letter", start, end)
    named = named_choices(text, choices)
    if len(named) == 1:
        return found(named[0][0], "the only choice named", named[0][1], named[0][2])
    return NOTHING
