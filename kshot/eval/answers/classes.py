"""Labels of a classification, yes and no among them: which one a text gives.

A label counts as a whole word: "not known" holds no "no", and labels that are numbers count as whole numbers: 4.5 is
neither 4 nor 5. Nor is "no" in "no one knows" an answer, and a list of several ("yes or no", as the prompt has it)
gives none of them. A label that is denied ("not toxic", "non-toxic", "I don't think this is toxic") is not given;
"not an entailment" is not_entailment where there is such a label.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kshot.eval.answers.denials import undenied
from kshot.eval.answers.languages import LANGUAGES, UNSPACED, either
from kshot.eval.answers.numerals import canonical_number, in_words, numerals
from kshot.eval.answers.reading import NOTHING, QUOTES, found, plainly, reader, statements
from kshot.types import Extraction, Extractor

Place = tuple[str, int, int]  # a label, start, end
Named = Callable[[str], list[Place]]
"""Every label that a text gives, in order; denied ones and those in lists of several are left out."""

# after "no" these begin a sentence; other lower-case words make it a determiner ("no evidence")
AFTER_NO = r"because|since|as|it|they|he|she|the|this|that|these|those|a|an|you|we|there|not|and|but|for|in|if|so|i"
JOINS = either(lambda language: language.joins)
JOIN = re.compile(
    rf"[\"'*)]{{0,2}}\s{{0,2}}(?:,\s{{0,2}}{JOINS}|[,/|~-]|[也又][有是]?|{JOINS})\s{{0,2}}[\"'*(]{{0,2}}", re.IGNORECASE
)
BOOLEANS = {"true": "yes", "false": "no"}  # JSON's own
NEGATION = re.compile(r"(?:not|non|no)[\s_-]", re.IGNORECASE)
NOT_THE = r"(?:non|(?:not|non|no|isn't|aren't|never)[\s_-]{1,2}(?:(?:an?|the|any|really|quite)\s)?)"
GRANTED = re.compile(  # clauses and comparisons that name what is not meant in the end
    r"\b(?:although|(?:even )?though|despite|in spite of|notwithstanding)\b[^,.;:!?\n]{0,80}"
    r"|\bmore\s[^,.;:!?\n]{0,40}?\b(?P<than>than\b[^,.;:!?\n]{0,40})|(?:虽然?|尽管|即使|即便)[^,.;:!?，。；：！？\n]{0,40}",
    re.IGNORECASE,
)
FRONT, BACK = rf"(?:(?<!\w)|(?<=[{UNSPACED}]))", rf"(?:(?!\w)|(?=[{UNSPACED}]))"


def bounded(name: str) -> str:
    """The pattern of a label as a whole word; "not_entailment" in any way of saying it."""
    negation = NEGATION.match(name)
    rest = name[negation.end() :] if negation else name
    words = r"[\s_-]".join(re.escape(part) for part in re.split(r"(?<=\w)[\s_-](?=\w)", rest))
    words = f"{NOT_THE}{words}" if negation else words
    if name.lower() == "no":
        words += rf"(?!\s{{1,3}}(?!(?:{AFTER_NO})\b)(?-i:[a-z]))"
    if re.fullmatch(rf"[{UNSPACED}]", name):
        return rf"(?<!\w){words}(?!\w)"
    front = FRONT if re.match(r"\w", name) else r"(?<![\w+-])"
    back = rf"{BACK}(?![+#])" if re.search(r"\w$", name) else r"(?![\w+-])"
    return front + words + back


def synonyms(name: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Other ways of saying yes or no, as patterns of words that stand alone."""
    name = name.lower()
    taken = {other.lower() for other in names}
    ways = {
        "yes": [(language.lead_in, word) for language in LANGUAGES for word in language.yes],
        "no": [(language.lead_in, word) for language in LANGUAGES for word in language.no],
    }
    for own, said in ways.items():
        if name in (own, *(word for _, word in said)):
            plain = () if own in taken else (bounded(own),)  # "Yes" where the label is 是
            return (*plain, *(rf"(?<!\w){lead}{word}(?!\w)" for lead, word in said if word not in taken - {name}))
    return ()


def apart(text: str, places: list[Place]) -> list[Place]:
    """The places that do not stand in a list of several different labels: "yes or no", "4-5"."""
    joined = [False] * len(places)
    for at in range(1, len(places)):
        between = text[places[at - 1][2] : places[at][1]]
        if places[at][0] != places[at - 1][0] and JOIN.fullmatch(between):
            joined[at - 1] = joined[at] = True
    return [place for place, in_list in zip(places, joined, strict=True) if not in_list]


def in_text(names: tuple[str, ...]) -> Named:
    """Labels that are words."""
    plain = {name: plainly(name).strip() for name in names}
    patterns: dict[str, tuple[str, str]] = {}
    for at, name in enumerate(sorted(names, key=lambda name: len(plain[name]), reverse=True)):
        ways = "|".join((bounded(plain[name]), *synonyms(plain[name], tuple(plain.values()))))
        patterns[f"label{at}"] = (name, ways)
    known = re.compile("|".join(f"(?P<{group}>{ways})" for group, (_, ways) in patterns.items()), re.IGNORECASE)

    def named(text: str) -> list[Place]:
        places = [(patterns[m.lastgroup or ""][0], *m.span()) for m in known.finditer(text)]
        return undenied(text, apart(text, places), lambda place: place[1:], clause=True)

    return named


def in_numbers(names: tuple[str, ...], values: dict[str, str]) -> Named:
    """Labels that are numbers: by their worth, so that 1 and 1.0 are the same."""
    top = max(values, key=float)
    rated = re.compile(rf"(?<=\d),?\s?\(?(?:/|out\sof|of)\s?{re.escape(top)}(?![.,]?\d)")

    def named(text: str) -> list[Place]:
        if float(top) > 2:  # "4 out of 5" is 4
            text = rated.sub(lambda scale: " " * len(scale[0]), text)
        every = [
            (values.get(number.value, number.value), number.start, number.end)
            for number in numerals(text)
            if not number.ordinal and text[number.end : number.end + 1] != "%"
        ]
        words = None if every else in_words(text)
        if words:
            every = [(values.get(words.value, words.value), words.start, words.end)]
        given = [place for place in apart(text, every) if place[0] in values.values()]
        return undenied(text, given, lambda place: place[1:], clause=True)

    return named


def outright(text: str, places: list[Place]) -> list[Place]:
    """The places that a clause does not merely grant, where there are others: "positive, though negative in parts"."""
    granted = [found.span("than" if found["than"] else 0) for found in GRANTED.finditer(text)]
    kept = [place for place in places if not any(begin <= place[1] < end for begin, end in granted)]
    return kept or places


def read_label(names: tuple[str, ...]) -> Extractor:
    """A reader for one of a few labels: stated, first in the text, the only one named, or the last named."""
    values = {canonical_number(plainly(name), whole=True) or "": name for name in names}
    named = in_text(names) if "" in values or len(values) < len(names) else in_numbers(names, values)

    @reader
    def read(text: str, choices: tuple[str, ...]) -> Extraction:
        """Stated, first in the text, the only label named, the last label named."""
        for statement in statements(text, chosen=True):
            hits = named(statement.text)
            if hits:
                label, start, end = hits[0]
                closed = statement.marked or statement.start + end < len(text)
                return found(label, statement.rule, statement.start + start, statement.start + end, explicit=closed)
            hits = named(BOOLEANS.get(statement.text, "")) if statement.rule == "json" else []
            if hits:
                return found(hits[0][0], "json", statement.start, statement.end, explicit=True)
            if statement.declined:
                return found(None, "declined", statement.start, statement.end)
        hits = named(text)
        if not hits:
            return NOTHING
        label, start, end = hits[0]
        if not text[:start].strip(QUOTES + " \t\r\n([{<>#-:="):
            return found(label, "label first", start, end, explicit=end < len(text))
        hits = outright(text, hits)
        rule = "the only label named" if len({hit[0] for hit in hits}) == 1 else "last label named"
        label, start, end = hits[-1]
        return found(label, rule, start, end)

    return read
