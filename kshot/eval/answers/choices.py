"""Letters of choices: which choice a text takes.

A letter counts where it is marked as one: "(B)", "B.", "B) text", a lone "B"; the article in "A car" and
letters inside words do not. A choice may also be named by its text. What is said not to be it ("not B", "rules
out C", "A is wrong") is left out. A list of several ("A or D") takes none of them, and is said to be that.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice

from kshot.eval.answers.denials import denied, undenied
from kshot.eval.answers.languages import UNSPACED, either, pattern
from kshot.eval.answers.reading import MANY, NOTHING, Statement, found, reader, sentence_end, statements
from kshot.types import Extraction

Place = tuple[str, int, int]  # a letter, start, end

LETTER = re.compile(
    rf"\((?P<bracketed>[A-Za-z])\)"
    rf"|(?:(?<![\w'&])|(?<=[{UNSPACED}]))(?P<bare>[A-Z])(?:(?![\w'&])|(?=[{UNSPACED}]))(?!\s?[=\\^]|[+]|-[a-z0-9])"
)
SMALL = re.compile(
    r"\b(?:option|choice|letter)\s\(?([a-z])\)?(?=[\s.,;:!?)*\"']*(?:$|\n|[.,;:!?]|because|since|is\b))", re.IGNORECASE
)
LONE = re.compile(r"[\s\"'`*(\[{]{0,6}([A-Za-z])[\s\"'`*)\]}.:,!\u3002]{0,6}(?:\n|$)")
LEAD = re.compile(r"[\s\"'`*(\[]{0,6}([A-Za-z])(?:[):\]]\**|\.\**)(?:\s|$)")
BOX = re.compile(r"[\s(*{]{0,4}(?i:(?:option|choice)\s)?\(?(?:[a-z]\W*$|[A-Z](?:[\s).:,;*}]|$)(?!\s?[-+=^_<>\\]))")
SMALL_LEAD = re.compile(
    r"[\s\"'`*(\[]{0,6}(?:([b-z])(?![\w'])|(a)(?=[.)\],;:!]|\s(?:because|since)\b))"
    r"(?=[)\]\"'*]{0,3}(?:[.,;:!?]|\s(?:because|since|as|is|-|\u2014)|\s*$))"
)
LINE = re.compile(r"(?:(?<=\n)|(?<![\s\S]))[ \t*-]{0,6}(?:\(([A-Za-z])\)|([A-Z])[.):])(?=[ \t*])")
ARTICLE = pattern(lambda language: language.article)
REASON = pattern(lambda language: rf"\)?{language.reason}")
SUBJECT = pattern(lambda language: language.subject)
MARKED = re.compile(r"\**[).:\]](?:\s|\*|$)|\*\*")
CORRECT = re.compile(rf"[).:\]*\"]{{0,3}}{either(lambda language: language.is_correct)}", re.IGNORECASE)
JOINS = either(lambda language: language.joins)
BETWEEN = re.compile(rf"[\s).:,;/&\"'*\]]{{0,9}}(?:{JOINS}[\s,/]{{0,3}}){{0,3}}[\s(\"'*\[]{{0,9}}", re.IGNORECASE)
NEXT_SENTENCE = re.compile(r"[\s)\"'*\]]{0,6}\.\s{1,3}[\s(\"'*\[]{0,6}")


def letters(text: str, allowed: frozenset[str]) -> list[Place]:
    """(letter, start, end) of every letter of a choice in a text."""
    places = [(match[1].upper(), *match.span(1)) for match in SMALL.finditer(text) if match[1].islower()]
    places = [place for place in places if place[0] in allowed]
    for match in LETTER.finditer(text):
        kind = "bracketed" if match["bracketed"] else "bare"
        letter = match[kind].upper()
        article = kind == "bare" and letter in "AI" and ARTICLE.match(text, match.end())
        if letter in allowed and not article:
            places.append((letter, *match.span(kind)))
    return sorted(places, key=lambda place: place[1])


def named_choices(text: str, choices: tuple[str, ...]) -> list[Place]:
    """(letter, start, end) of every choice whose text stands in a text as whole words, in no other's, undenied."""
    hits = []
    for index, choice in enumerate(choices):
        wanted = choice.strip().rstrip(".\u3002")
        if not wanted:
            continue
        first = "" if re.match(rf"[{UNSPACED}]", wanted) else r"(?<!\w)"
        last = "" if re.search(rf"[{UNSPACED}]$", wanted) else r"(?!\w)"
        places = re.finditer(rf"{first}(?<!\d[.,]){re.escape(wanted)}{last}(?![.,]\d)", text, re.IGNORECASE)
        place = next((place for place in islice(places, MANY) if not denied(text, *place.span(), clause=True)), None)
        if place:
            hits.append((chr(65 + index), *place.span()))
    return [
        hit
        for hit in hits
        if not any(o[1] <= hit[1] and hit[2] <= o[2] and o[2] - o[1] > hit[2] - hit[1] for o in hits)
    ]


def several(text: str, taken: list[Place], choices: tuple[str, ...]) -> bool:
    """Whether the first two letters stand in a list: nothing but "or", "and", commas and the choices' texts between."""
    if len({letter for letter, _, _ in taken}) < 2:
        return False
    (first, _, end), (_, start, _) = taken[0], next(item for item in taken if item[0] != taken[0][0])
    between = text[end:start]
    index = ord(first) - 65
    if index < len(choices):
        between = re.sub(re.escape(choices[index].strip().rstrip(".")), "", between, count=1, flags=re.IGNORECASE)
    return BETWEEN.fullmatch(between) is not None and not NEXT_SENTENCE.fullmatch(between)


def stated_choice(statement: Statement, choices: tuple[str, ...], allowed: frozenset[str]) -> Extraction | None:
    """The choice that a statement takes, by letter or by its text; None where it names none."""
    said = statement.text

    def take(answer: str | None, rule: str, start: int, end: int) -> Extraction:
        return found(answer, rule, statement.start + start, statement.start + end, explicit=True)

    named = named_choices(said, choices)
    lone = LONE.match(said) or LEAD.match(said)
    small = SMALL_LEAD.match(said)
    taken = undenied(said, letters(said, allowed), lambda place: place[1:], clause=True)
    if lone and lone[1].upper() in allowed and lone.end() == len(said):
        taken = [(lone[1].upper(), *lone.span(1))]
    elif small and not lone and (small[1] or small[2]).upper() in allowed:
        taken.insert(0, ((small[1] or small[2]).upper(), *small.span(1 if small[1] else 2)))
    elif lone and lone[1].upper() in allowed and (not taken or taken[0][1] > lone.start(1)):
        taken.insert(0, (lone[1].upper(), *lone.span(1)))
    if statement.rule == "boxed" and not BOX.match(said):
        taken = []  # the letters of a formula
    # a letter outside any choice's text ("vitamin C") comes first
    outside = [t for t in taken if not any(n[1] <= t[1] and t[2] <= n[2] and n[2] - n[1] > 1 for n in named)]
    if outside and not (named and named[0][2] <= outside[0][1] and sentence_end(said) < outside[0][1]):
        argued = REASON.match(said, outside[0][2]) is not None  # "I choose A, because B is too large"
        wavers = statement.rule == "choice" and len({item[0] for item in outside}) > 1 and not argued
        if several(said, outside, choices) or wavers:
            return take(None, "several choices", outside[0][1], outside[-1][2])
        return take(outside[0][0], statement.rule, *outside[0][1:])
    if len(named) == 1:
        return take(named[0][0], f"{statement.rule}, by its text", *named[0][1:])
    if named:
        return take(None, "several choices", named[0][1], named[-1][2])
    other = re.match(r"[\s\"'*]{0,4}\(?([A-Z])(?:[).:]|\s*$)", said)
    return take(None, "no such choice", *other.span(1)) if other and other[1] not in allowed else None


def gone_through(text: str) -> bool:
    """Whether a text goes through the choices a line each, one of which it begins with."""
    leads = [match for match in LINE.finditer(text) if not denied(text, match.start(), match.end(), clause=True)]
    return len({match[1] or match[2] for match in leads}) > 1


@reader
def read_letter(text: str, choices: tuple[str, ...]) -> Extraction:
    """Stated by letter or text; "B is correct"; the letter it begins with; the last marked; the only choice named."""
    allowed = frozenset(chr(65 + index) for index in range(min(len(choices) or 26, 26)))
    for statement in statements(text, chosen=True):
        choice = stated_choice(statement, choices, allowed)
        if choice and (choice.answer or statement.rule != "choice"):
            closed = statement.marked or (choice.span is not None and choice.span[1] < len(text))
            return replace(choice, explicit=choice.explicit and closed)
        if statement.declined:
            return found(None, "declined", statement.start, statement.end)
    every = letters(text, allowed)
    taken = undenied(text, every, lambda place: place[1:], clause=True)
    for letter, start, end in reversed(taken):
        if CORRECT.match(text, end):
            return found(letter, "is correct", start, end, explicit=True)
    lead = len(text) - len(text.lstrip())
    line = text[lead:].split("\n", 1)[0]
    lone = LONE.match(line)
    listed = {match[1].upper() for match in map(LONE.fullmatch, text.split("\n")) if match}
    if choices and len(choices) > 2 and listed >= allowed:
        return found(None, "several choices", lead, len(text.rstrip()))
    if lone and lone[1].upper() in allowed:
        start = lead + lone.start(1)
        return found(lone[1].upper(), "letter first", start, start + 1, explicit=lead + len(line) < len(text))
    return first_letter(text, taken, choices, allowed) or last_letter(
        text, taken, choices, denials=len(taken) < len(every)
    )


def first_letter(text: str, taken: list[Place], choices: tuple[str, ...], allowed: frozenset[str]) -> Extraction | None:
    """The letter that a text begins with, or why that is no answer; None where it begins with none."""
    small = LEAD.match(text)
    if small and small[1].islower() and small[1].upper() in allowed:
        taken = [(small[1].upper(), *small.span(1)), *taken]
    if not taken or not re.fullmatch(r"[\W_]*(?:(?:option|choice)[\W_]*)?", text[: taken[0][1]], re.IGNORECASE):
        return None
    letter, start, end = taken[0]
    if gone_through(text[start - 1 if text[start - 1 : start] == "(" else start :]):
        last = LONE.match(text.rstrip().rsplit("\n", 1)[-1])
        if last is None or last[1].upper() not in allowed:
            return found(None, "several choices", start, taken[-1][2])
        at = text.rstrip().rfind("\n") + 1 + last.start(1)
        return found(last[1].upper(), "last letter", at, at + 1)
    if SUBJECT.match(text, end) and len({item[0] for item in taken}) > 1:
        letter, start, end = taken[-1]
        return found(letter, "last letter", start, end)
    if several(text, taken, choices):
        return found(None, "several choices", start, taken[-1][2])
    return found(letter, "letter first", start, end, explicit=end < len(text))


def last_letter(text: str, taken: list[Place], choices: tuple[str, ...], *, denials: bool) -> Extraction:
    """The last letter that is marked as one, or the only choice that a text names."""
    marked = [item for item in taken if text[max(0, item[1] - 1)] == "(" or MARKED.match(text, item[2])]
    if marked:
        letter, start, end = marked[-1]
        before = [item for item in taken if item[2] <= start][-1:]
        if several(text, [*before, marked[-1]], choices):
            return found(None, "several choices", before[0][1], end)
        return found(letter, "last marked letter", start, end)
    named = named_choices(text, choices)
    if len(named) == 1:
        return found(named[0][0], "the only choice named", named[0][1], named[0][2])
    rest = text[taken[-1][2] :] if taken else ""
    if len({letter for letter, _, _ in taken}) == 1 and denials and re.fullmatch(r"[^.\n]{0,60}\W*", rest):
        letter, start, end = taken[-1]  # "A and B are wrong; C"
        return found(letter, "the only letter left", start, end)
    return NOTHING
