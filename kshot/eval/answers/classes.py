"""Labels of a classification, yes and no among them: which one a text gives.

A label counts as a whole word: "not known" holds no "no". Nor is "no" in "no one knows" an answer, and a
list of several ("yes or no", as the prompt has it) gives none of them.
"""

from __future__ import annotations

import re

from kshot.eval.answers.reading import NOTHING, QUOTES, found, reader, statements
from kshot.types import Extraction, Extractor

# after "no" these begin a sentence; other lower-case words make it a determiner ("no evidence")
AFTER_NO = r"because|since|as|it|they|he|she|the|this|that|these|those|a|an|you|we|there|not|and|but|for|in|if|so|i"
DENIED = re.compile(r"(?:\b(?:not|nor|neither)|n't)\s{1,2}$", re.IGNORECASE)
JOIN = r"[\"'*)]{0,2}\s{0,2}(?:,\s{0,2}(?:or|and)\b|,|/|\||\bor\b|\band\b|\bnor\b)\s{0,2}[\"'*(]{0,2}"


def read_label(names: tuple[str, ...]) -> Extractor:
    """A reader for one of a few labels: stated, first in the text, the only one named, or the last named."""

    def pattern(name: str) -> str:
        words = r"[\s_-]".join(re.escape(part) for part in re.split(r"[\s_-]", name))
        return rf"{words}(?!\s{{1,3}}(?!(?:{AFTER_NO})\b)(?-i:[a-z]))" if name == "no" else words

    known = re.compile(rf"(?<!\w)(?:{'|'.join(pattern(n) for n in sorted(names, key=len, reverse=True))})(?!\w)", re.I)
    canonical = {re.sub(r"[\s_-]", " ", name).lower(): name for name in names}

    def named(text: str) -> list[tuple[str, int, int]]:
        """(label, start, end) of each label named; lists of several and denied ones are left out."""
        hits = [(canonical[re.sub(r"[\s_-]", " ", m[0]).lower()], *m.span()) for m in known.finditer(text)]
        joined = [False] * len(hits)
        for at in range(1, len(hits)):
            between = text[hits[at - 1][2] : hits[at][1]]
            if hits[at][0] != hits[at - 1][0] and re.fullmatch(JOIN, between, re.IGNORECASE):
                joined[at - 1] = joined[at] = True
        return [
            hit
            for hit, in_list in zip(hits, joined, strict=True)
            if not in_list and not DENIED.search(text[max(0, hit[1] - 10) : hit[1]])
        ]

    @reader
    def read(text: str, choices: tuple[str, ...]) -> Extraction:
        """Stated, first in the text, the only label named, the last label named."""
        for statement in statements(text):
            hits = named(statement.text)
            if hits:
                label, start, end = hits[0]
                closed = statement.rule == "boxed" or statement.start + end < len(text)
                return found(label, statement.rule, statement.start + start, statement.start + end, explicit=closed)
            if statement.declined:
                return found(None, "declined", statement.start, statement.start + len(statement.text))
        hits = named(text)
        if not hits:
            return NOTHING
        label, start, end = hits[0]
        if not text[:start].strip(QUOTES + " \t\r\n([{<>#-:="):
            return found(label, "label first", start, end, explicit=end < len(text))
        rule = "the only label named" if len({hit[0] for hit in hits}) == 1 else "last label named"
        label, start, end = hits[-1]
        return found(label, rule, start, end)

    return read
