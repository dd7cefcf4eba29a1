"""Free text: a few words, a line as it stands, a run of letters.

Words are lower-cased and freed of quotes and stops; a sentence is reduced to what it says of its subject
("The plural of child is children." is "children"), "cold, not hot" to "cold", "child -> children" to what the arrow
points at. An answer that is stated and one that is all of a text come to the same, and so do targets. A text that
says it has no answer ("I don't know") has none. Concedes: that is a reading of common sentences only.
"""

from __future__ import annotations

import re

from kshot.eval.answers.languages import LANGUAGES, UNSPACED, pattern
from kshot.eval.answers.reading import (
    FIELD,
    NOTHING,
    QUOTES,
    TAG,
    UNTAGGED,
    VALUE,
    found,
    reader,
    sentence_end,
    statements,
)
from kshot.types import Extraction

# quotes, stops and blanks, those of Chinese, Spanish, Arabic and Hindi among them
EDGES = QUOTES + "\\.,;:!? \t\r\n\u00a0\u2009\u00ab\u00bb\u2026\u00bf\u00a1\u061f\u06d4\u0964"
EDGES += "\u3001\u3002\u300a\u300b\u300c\u300d\u300e\u300f\u3010\u3011"
AGAIN = 5  # sentences in a sentence that are reduced
BRACKETS = {"(": ")", "[": "]", "{": "}"}
OPENER = pattern(lambda language: language.opener)
LABEL = pattern(lambda language: language.label)
REFUSED = pattern(lambda language: language.refused)
CONTRAST = pattern(lambda language: language.contrast)
IT_IS = pattern(lambda language: language.it_is)
INSTEAD = pattern(lambda language: language.instead)
ARROW = re.compile(rf"[ \t](?:->|=>|\u2192|-->)[ \t]|(?<=[{UNSPACED}])\s?(?:->|=>|\u2192)\s?(?=[{UNSPACED}])")
STATED = pattern(lambda language: language.stated_line)
ONE_WORD = re.compile(r"\W*\w+\W*")
FILLER = re.compile(r"(?:(?:the|last|letters?|word|string|of|is|are|and)\s{1,2}){1,6}(?=\S)", re.IGNORECASE)
LONE_QUOTE = r"[\"'`]([^\W\d_](?:[^\W\d_]|[ ,-]){0,60})[\"'`]"


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A stretch without the quotes, stops and blanks around it, nor brackets around all of it or without a partner."""
    for _ in range(9):
        kept = text[start:end]
        start += len(kept) - len(kept.lstrip(EDGES))
        kept = kept.strip(EDGES)
        end = start + len(kept)
        if not kept:
            break
        partner = BRACKETS.get(kept[0])
        opening = next((opened for opened, closed in BRACKETS.items() if closed == kept[-1]), None)
        if partner and kept.find(partner) in (-1, len(kept) - 1):
            start += 1
        elif opening and opening not in kept:
            end -= 1
        else:
            break
    return start, end


def reduced(text: str, start: int, end: int) -> tuple[int, int]:
    """The part of a sentence that answers: behind a label or an arrow, what it says of its subject, before ", not"."""
    label = LABEL.match(text, start, end)
    start = label.end() if label else start
    arrows = [arrow.end() for arrow in ARROW.finditer(text, start, end)]
    start = arrows[-1] if arrows else start
    instead = INSTEAD.match(text, start, end)
    start = instead.end() if instead else start
    said = next((part for part in (language.says(text[start:end]) for language in LANGUAGES) if part), None)
    if said:
        start, end = start + said[0], start + said[1]
    contrast = CONTRAST.search(text, start, end)
    if contrast and text[start : contrast.start()].strip(EDGES):
        end = contrast.start()
        claim = IT_IS.match(text, start, end)
        start = claim.end() if claim else start
    return trimmed(text, start, end)


def answer_in(text: str, start: int, end: int) -> tuple[int, int, int]:
    """Start and end of what a line, from a place on, answers, and where its first sentence ends."""
    opener = OPENER.match(text, start, end)
    start = opener.end() if opener else start
    stop = start + sentence_end(text[start:end])
    first, last = trimmed(text, start, stop)
    for _ in range(AGAIN):  # what is left may be a sentence again
        left = reduced(text, first, last)
        if left == (first, last) or left[0] >= left[1]:
            break
        first, last = left
    return first, last, stop


def worded(text: str) -> str:
    """Words as they are compared: in lower case, one blank between them."""
    return " ".join(text.lower().split())


@reader
def read_text(text: str, choices: tuple[str, ...]) -> Extraction:
    """Stated, or what the first line comes to; in lower case."""
    for statement in statements(text):
        if REFUSED.match(statement.text) or (statement.rule == "json" and statement.declined):
            return found(None, "declined", statement.start, statement.end)
        start, end, stop = answer_in(text, statement.start, statement.end)
        if start < end:
            closed = statement.marked or stop < len(text)
            return found(worded(text[start:end]), statement.rule, start, end, explicit=closed)
    at, lines = 0, text.split("\n")
    for index, line in enumerate(lines):
        later = any(re.search(r"[^\W_]", other) for other in lines[index + 1 : index + 10])
        if re.search(r"[^\W_]", line) and not (line.rstrip(" *").endswith(":") and later):
            if REFUSED.match(line):
                return found(None, "declined", at, at + len(line))
            start, end, stop = answer_in(text, at, at + len(line))
            if start < end:
                whole = trimmed(text, at, stop) == (start, end)
                rule = "first line" if whole else "what the sentence says"
                return found(worded(text[start:end]), rule, start, end, explicit=stop < len(text))
        at += len(line) + 1
    return NOTHING


def stated_lines(text: str) -> list[tuple[int, int | None]]:
    """Where what is stated begins and, where that is marked, ends: after "the answer is", in tags, in JSON."""
    result: list[tuple[int, int | None]] = [(match.end(), None) for match in STATED.finditer(text)]
    for tag in TAG.finditer(text):
        untag = UNTAGGED.search(text, tag.end())
        result.append((tag.end(), untag.start() if untag else None))
    for field in FIELD.finditer(text):
        value = VALUE.match(text, field.end())
        if value and value.lastindex:
            result.append(value.span(value.lastindex))
    return result


@reader
def read_line(text: str, choices: tuple[str, ...]) -> Extraction:
    """A line as it stands, for answers made of signs: the last that is stated, or the first not blank."""
    stated = max(stated_lines(text), default=(0, None))
    at, end = stated
    for line in text[at:end].split("\n"):
        kept = re.sub(r"(?<=[^.\s])\s?\.$", "", line.strip())  # the stop of "The answer is ] ]."
        if kept:
            start = at + line.index(kept)
            rule = "the answer is" if stated[0] else "first line"
            return found(kept, rule, start, start + len(kept), explicit=end is not None or at + len(line) < len(text))
        at += len(line) + 1
    return NOTHING


def run_of_letters(text: str) -> str:
    """The letters of a text, in lower case, without all that stands between them."""
    return "".join(character for character in text if character.isalpha()).lower()


@reader
def read_word(text: str, choices: tuple[str, ...]) -> Extraction:
    """A run of letters: stated, a lone one, or the last in quotes; '"n" and "k"', "n-k" and "n k" are "nk"."""
    for statement in statements(text):
        refused = REFUSED.match(statement.text) and not ONE_WORD.fullmatch(statement.text)
        if refused or (statement.rule == "json" and statement.declined):
            return found(None, "declined", statement.start, statement.end)
        stop = len(statement.text) if statement.marked else sentence_end(statement.text)
        part = CONTRAST.split(statement.text[:stop], maxsplit=1)[0]
        quoted = [match[1] for match in re.finditer(LONE_QUOTE, part)]
        filler = FILLER.match(part.lstrip())
        if quoted:
            letters = [run_of_letters(item) for item in quoted]
            word = "".join(letters) if all(len(item) == 1 for item in letters) else letters[-1]
        else:
            word = run_of_letters(part.lstrip()[filler.end() :] if filler else part)
        if word:
            closed = statement.marked or statement.start + stop < len(text)
            return found(word, statement.rule, statement.start, statement.start + stop, explicit=closed)
    lead = len(text) - len(text.lstrip())
    line = CONTRAST.split(text[lead:].split("\n", 1)[0], maxsplit=1)[0]
    if REFUSED.match(line) and not ONE_WORD.fullmatch(line):
        return found(None, "declined", lead, lead + len(line))
    parts = line.split()
    if len(line) <= 80 and (len(parts) == 1 or all(len(run_of_letters(part)) <= 1 for part in parts)):
        word = run_of_letters(line)
        if word:
            return found(word, "lone word", lead, lead + len(line), explicit=lead + len(line) < len(text))
    every = list(re.finditer(r"[\"`]([^\W\d_](?:[^\W\d_]|[ ,-]){0,60})[\"`]", text))
    if every:
        return found(run_of_letters(every[-1][1]), "last quoted word", *every[-1].span(1))
    return NOTHING
