"""A text as the rules read it: each sign in one way of writing, with the way back to its place in the original.

Full-width letters, digits and signs become the plain ones, a letter and its accent one character (NFKC, Unicode
Standard Annex 15), curly quotes straight ones, dashes as long as a digit a minus, digits of other scripts 0 to 9;
what shows nothing (zero-width blanks, marks of direction) goes. Concedes: fractions, raised and circled digits stay
as they are, since NFKC would make 12 of "1²" and 112 of "1½".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

MARKS = 30  # accents that one letter may carry; a text of nothing else is not sorted as one letter
UNSEEN = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
PLAIN = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
    **dict.fromkeys("\u2018\u2019\u201b\u2032", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
    "\u3000": " ",
    "\uff5e": "~",
    "\u301c": "~",
    "\uff61": "\u3002",
}
KEPT = ("<super>", "<sub>", "<fraction>", "<circle>", "<noBreak>")  # kinds of letters that mean something else

WIDE_COMMA = "\uff0c"
GROUPED = re.compile(r"(?<![\d.,\uff0c\uff0e])\d{1,3}(?:\uff0c\d{3}){1,6}(?![\d\uff0c])")
BETWEEN_DIGITS = re.compile(r"\d\uff0c\d")

Edit = tuple[int, int, str]  # start, end, what stands there instead


@dataclass(frozen=True, slots=True)
class Legible:
    """A text to be read, and for each of its characters from where to where it stands in the original."""

    text: str
    starts: tuple[int, ...] | None = None  # None: each where it stands here
    ends: tuple[int, ...] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the characters from start to end stand in the original."""
        if self.starts is None or self.ends is None:
            return start, end
        if start >= end:  # nothing: behind what precedes it
            at = self.ends[start - 1] if start else 0
            return at, at
        return self.starts[start], self.ends[end - 1]

    def edited(self, edits: Iterable[Edit]) -> Legible:
        """With some stretches, in order and apart from each other, replaced."""
        edits = list(edits)
        if not edits:
            return self
        starts = self.starts or range(len(self.text))
        ends = self.ends or range(1, len(self.text) + 1)
        pieces: list[str] = []
        new_starts: list[int] = []
        new_ends: list[int] = []
        at = 0
        for start, end, instead in edits:
            pieces += [self.text[at:start], instead]
            new_starts += [*starts[at:start], *[starts[start]] * len(instead)]
            new_ends += [*ends[at:start], *[ends[end - 1]] * len(instead)]
            at = end
        pieces.append(self.text[at:])
        return Legible("".join(pieces), (*new_starts, *starts[at:]), (*new_ends, *ends[at:]))


def plain_character(character: str) -> str:
    """One character in its plain form; itself where it has none of the same meaning."""
    if character in PLAIN:
        return PLAIN[character]
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if unicodedata.decomposition(character).startswith(KEPT):
        return character
    plain = unicodedata.normalize("NFKC", character)
    return character if " " in plain else plain


def joins(character: str) -> bool:
    """Whether a character belongs to the one before it: an accent, or a later part of a Korean syllable."""
    return unicodedata.combining(character) > 0 or "\u1160" <= character <= "\u11ff"


def clusters(text: str) -> Iterable[tuple[int, int]]:
    """Start and end of every character that is not plain ASCII, with the accents that follow it."""
    for found in re.finditer(r"[\0-\x7f]?[^\0-\x7f]+", text):
        at, stop = found.span()
        while at < stop:
            end = at + 1
            while end < stop and end - at < MARKS and joins(text[end]):
                end += 1
            yield at, end
            at = end


def legible(text: str) -> Legible:
    """A text made readable."""
    if text.isascii():
        return Legible(text)
    edits: list[Edit] = []
    grouping = {at for found in GROUPED.finditer(text) for at in range(*found.span()) if text[at] == WIDE_COMMA}
    for start, end in clusters(text):
        said = text[start:end]
        if said == WIDE_COMMA and BETWEEN_DIGITS.match(text, start - 1) and start not in grouping:
            edits.append((start, end, ", "))  # it ends a clause, or lists
            continue
        if UNSEEN.fullmatch(said):
            edits.append((start, end, ""))
            continue
        plain = unicodedata.normalize("NFC", "".join(plain_character(character) for character in said))
        if plain != said:
            edits.append((start, end, plain))
    return Legible(text).edited(edits)
