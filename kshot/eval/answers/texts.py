"""Free text: a few words, a line as it stands, a run of letters.

Words are lower-cased and freed of quotes and stops; a sentence is reduced to what it says of its subject
("The plural of child is children." is "children"). Concedes: that is a reading of common sentences only.
"""

from __future__ import annotations

import re

from kshot.eval.answers.reading import NOTHING, QUOTES, found, reader, sentence_end, statements
from kshot.types import Extraction

EDGES = QUOTES + ".,;:!?()[] \t\r"
OPENER = re.compile(r"\s*(?:sure|certainly|of course|okay|ok|absolutely)[!,.:][ \t]+(?=\S)", re.IGNORECASE)
LABEL = re.compile(r"[\s*]*[^\W\d_][^\W\d_ ]{0,20}(?: [^\W\d_]{1,20}){0,3}\**:\**[ \t]+(?=\S)")
ARROW = re.compile(r"[ \t](?:->|=>|\u2192|-->)[ \t]")
COPULA = re.compile(r"(?<=\S)\s(?:is|are|was|becomes?|would be|means?):?\s{1,2}(?=\S)", re.IGNORECASE)
REST = re.compile(r",\s(?:which|where|who|and|but|because|as|since|while|not)\b|\s(?:because|since)\s|\s\(", re.I)
SUBJECT = re.compile(r"(?:the|a|an)\s[^,]{0,80}\b(?:of|for|in)\b", re.IGNORECASE)
QUOTED = re.compile(r"[\"\u201c`]([^\"\u201c\u201d`\n]{1,60})[\"\u201d`]|\*\*([^*\n]{1,60})\*\*")
PLAIN_STATEMENT = re.compile(r"\banswer(?:\sis\b:?|:)(?=\s{0,3}\S)", re.IGNORECASE)
FILLER = re.compile(r"(?:(?:the|last|letters?|word|string|of|is|are|and)\s{1,2}){1,6}(?=\S)", re.IGNORECASE)
LONE_QUOTE = r"[\"\u201c\u2018'`]([^\W\d_](?:[^\W\d_]|[ ,-]){0,60})[\"\u201d\u2019'`]"


def trimmed(text: str) -> tuple[str, int, int]:
    """A text without the quotes, stops and blanks around it, with its place."""
    start = len(text) - len(text.lstrip(EDGES))
    kept = text.strip(EDGES)
    return kept, start, start + len(kept)


def predicate(sentence: str) -> tuple[int, int, bool]:
    """The part of a sentence that answers, and whether the sentence was about something else."""
    start, end = 0, len(sentence)
    opener = OPENER.match(sentence)
    start = opener.end() if opener else 0
    label = LABEL.match(sentence, start)
    start = label.end() if label else start
    arrow = ARROW.search(sentence, start)
    if arrow:
        return arrow.end(), end, True
    copula = COPULA.search(sentence, start)
    if copula is None or not sentence[copula.end() :].strip(EDGES):
        return start, end, False
    if SUBJECT.match(sentence, copula.end()) and len(sentence[start : copula.start()].split()) <= 3:
        return start, copula.start(), True  # "Paris is the capital of France"
    if len(sentence[start : copula.start()].split()) < 2:
        return start, end, False
    quoted = QUOTED.match(sentence, copula.end())
    if quoted:
        return *quoted.span(1 if quoted[1] else 2), True
    rest = REST.search(sentence, copula.end())
    return copula.end(), rest.start() if rest else end, True


@reader
def read_text(text: str, choices: tuple[str, ...]) -> Extraction:
    """Stated, or what the first line comes to; in lower case."""
    for statement in statements(text):
        stop = len(statement.text) if statement.rule == "boxed" else sentence_end(statement.text)
        answer, start, end = trimmed(statement.text[:stop])
        if answer:
            closed = statement.rule == "boxed" or statement.start + stop < len(text)
            return found(
                answer.lower(), statement.rule, statement.start + start, statement.start + end, explicit=closed
            )
    at, lines = 0, text.split("\n")
    for index, line in enumerate(lines):
        later = any(re.search(r"[^\W_]", other) for other in lines[index + 1 : index + 10])
        if re.search(r"[^\W_]", line) and not (line.rstrip(" *").endswith(":") and later):
            opener = OPENER.match(line)
            skip = opener.end() if opener else 0
            stop = skip + sentence_end(line[skip:])
            begin, end, said = predicate(line[:stop])
            answer, left, right = trimmed(line[begin:end])
            if answer:
                rule = "what the sentence says" if said else "first line"
                return found(
                    answer.lower(), rule, at + begin + left, at + begin + right, explicit=at + stop < len(text)
                )
        at += len(line) + 1
    return NOTHING


@reader
def read_line(text: str, choices: tuple[str, ...]) -> Extraction:
    """A line as it stands, for answers made of signs: after the last "the answer is", or the first not blank."""
    last = max((match.end() for match in PLAIN_STATEMENT.finditer(text)), default=0)
    at = last
    for line in text[last:].split("\n"):
        if line.strip():
            rule = "the answer is" if last else "first line"
            return found(line.strip(), rule, at, at + len(line), explicit=at + len(line) < len(text))
        at += len(line) + 1
    return NOTHING


def run_of_letters(text: str) -> str:
    """The letters of a text, in lower case, without all that stands between them."""
    return "".join(character for character in text if character.isalpha()).lower()


@reader
def read_word(text: str, choices: tuple[str, ...]) -> Extraction:
    """A run of letters: stated, a lone one, or the last in quotes; '"n" and "k"', "n-k" and "n k" are "nk"."""
    for statement in statements(text):
        stop = len(statement.text) if statement.rule == "boxed" else sentence_end(statement.text)
        part = statement.text[:stop]
        quoted = [match[1] for match in re.finditer(LONE_QUOTE, part)]
        filler = FILLER.match(part.lstrip())
        if quoted:
            letters = [run_of_letters(item) for item in quoted]
            word = "".join(letters) if all(len(item) == 1 for item in letters) else letters[-1]
        else:
            word = run_of_letters(part.lstrip()[filler.end() :] if filler else part)
        if word:
            closed = statement.rule == "boxed" or statement.start + stop < len(text)
            return found(word, statement.rule, statement.start, statement.start + stop, explicit=closed)
    lead = len(text) - len(text.lstrip())
    line = text[lead:].split("\n", 1)[0]
    parts = line.split()
    if len(line) <= 80 and (len(parts) == 1 or all(len(run_of_letters(part)) <= 1 for part in parts)):
        word = run_of_letters(line)
        if word:
            return found(word, "lone word", lead, lead + len(line), explicit=lead + len(line) < len(text))
    every = list(re.finditer(r"[\"\u201c`]([^\W\d_](?:[^\W\d_]|[ ,-]){0,60})[\"\u201d`]", text))
    if every:
        return found(run_of_letters(every[-1][1]), "last quoted word", *every[-1].span(1))
    return NOTHING
