"""From a model's text to a canonical answer or None, with the rule that fired and where it did.

Every format is a short list of rules, tried in order; the first that finds something decides. A rule is
`explicit` where the text itself says that this is its answer ("the answer is 7", "#### 7", a lone "7"), so
that even a text cut off at its length can be trusted with it; a last number somewhere in a chain is not.
What the task asks for stands beside how it is read. All patterns are linear in the text's length, and
only its last 20,000 characters are read, so that a hostile text costs milliseconds. Concedes: English.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction

from kshot.types import AnswerFormat, Extraction, Sample, Score

LIMIT = 20_000  # characters read, from the end
NOTHING = Extraction(None)

# "the answer is", "Answer:", "the final answer (arabic numerals) is:" ... and what stands after it
STATED = re.compile(
    r"\b(?:(?:the|my|our|final|correct|best|right)\s+){0,3}(?:answer|result)(?:\s+(?:choice|option))?"
    r"(?:\s?\([^()\n]{0,60}\))?\s{0,3}"
    r"(?:(?:is|are|was|would be|should be|must be|will be)\b\s{0,3}[:=]?|[:=])",
    re.IGNORECASE,
)
NUMERAL = re.compile(
    r"(?<![\w.])(?P<sign>[-\u2212](?=[\\$€£]{0,2}\.?\d))?\\?[$€£]?\s?(?P<minus>[-\u2212](?=\d))?"
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?P<fraction>\s?/\s?\d+(?![\d/.]))?",
    re.ASCII,
)
BOXED = re.compile(r"\\boxed\{([^{}]{1,200})\}")
HASHES = re.compile(r"####\s*([^\n]{1,200})")
QUOTES = "\"'`\u201c\u201d\u2018\u2019*_"


def tail(text: str) -> tuple[str, int]:
    """The part of a text that is read, and where it begins."""
    start = max(0, len(text) - LIMIT)
    return text[start:], start


def canonical_number(text: str) -> str | None:
    """A numeral as a plain decimal: "1,000" and "1000.0" are "1000", "$2.50" is "2.5", "3/6" is "0.5"."""
    found = NUMERAL.search(text)
    return None if found is None else number_of(found)


def number_of(found: re.Match[str]) -> str | None:
    """A numeral as matched, canonical; None where it is no number."""
    number = found["number"].replace(",", "")
    if len(number) > 100:
        return None
    value = Fraction(number if not number.startswith(".") else "0" + number)
    if found["fraction"]:
        below = int(found["fraction"].replace("/", " "))
        if below == 0:
            return None
        value /= below
    if found["sign"] or found["minus"]:
        value = -value
    return plain(value)


def plain(value: Fraction) -> str:
    """Shortest decimal of a fraction, to ten places."""
    if value.denominator == 1:
        return str(value.numerator)
    text = f"{float(value):.10f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def numbers(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Every number of a text with its span; digits inside words ("m2", "x86") are none, "5kg" is 5."""
    for found in NUMERAL.finditer(text):
        value = number_of(found)
        if value is not None:
            start, end = found.span("number")
            yield value, (start, found.end("fraction") if found["fraction"] else end)


def statements(text: str) -> Iterator[tuple[str, int, int]]:
    """What follows each "the answer is", to the end of its line, the last statement first; with its span."""
    for found in reversed(list(STATED.finditer(text))):
        line = re.match(r"[ \t]*\n?[^\n]*", text[found.end() : found.end() + 2000])
        assert line is not None
        yield line.group(0), found.end(), found.end() + line.end()


def shifted(answer: str, rule: str, span: tuple[int, int], offset: int, explicit: bool) -> Extraction:
    """An extraction whose span counts from the beginning of the whole text."""
    return Extraction(answer, rule, (span[0] + offset, span[1] + offset), explicit)


def read_number(text: str, choices: tuple[str, ...] = ()) -> Extraction:
    """Boxed, then after "####", then the last "the answer is N" (its first number), a lone number, the last number."""
    text, offset = tail(text)
    for rule, pattern in (("boxed", BOXED), ("####", HASHES)):
        for found in reversed(list(pattern.finditer(text))):
            for value, (start, end) in numbers(found.group(1)):
                begin = found.start(1)
                return shifted(value, rule, (begin + start, begin + end), offset, True)
    for line, begin, _ in statements(text):
        listed = list(numbers(line))
        if not listed:
            continue
        # "The answer is 12 + 5 = 17": what an equation comes to, otherwise the first number
        equals = line.find("=")
        value, (start, end) = next((item for item in listed if equals >= 0 and item[1][0] > equals), listed[0])
        done = begin + end < len(text)  # a number at the very end of a cut-off text may lack digits
        return shifted(value, "the answer is", (begin + start, begin + end), offset, done)
    found_all = list(numbers(text))
    if not found_all:
        return NOTHING
    if len(found_all) == 1 and len(text.split()) <= 4:
        return shifted(found_all[0][0], "lone number", found_all[0][1], offset, False)
    return shifted(found_all[-1][0], "last number", found_all[-1][1], offset, False)


LETTER_ALONE = re.compile(r"^\W{0,4}([A-Z])(?:[).:\]]|\W*$|\*\*)", re.ASCII)
LETTER_BRACKETED = re.compile(r"\(([A-Z])\)")
LETTER_FIRST = re.compile(r"^[\s*_\"'(\[]{0,6}([A-Z])(?![\w'\u2019])", re.ASCII)
LETTER_MARKED = re.compile(r"(?<![\w'])([A-Z])(?=[).:\]](?:\s|$)|\*\*)")


def read_letter(text: str, choices: tuple[str, ...] = ()) -> Extraction:
    """The letter of a choice: stated, bracketed, alone, or the text of exactly one choice. The article "A" is none."""
    text, offset = tail(text)
    allowed = {chr(65 + index) for index in range(len(choices) or 26)}

    def usable(letter: str, part: str, end: int) -> bool:
        # "A car" and "I think": a capital that a lower-case word follows is English, not a choice
        return letter in allowed and not (letter in "AI" and re.match(r"\s+[a-z]", part[end:]))

    for found in reversed(list(BOXED.finditer(text))):
        letter = LETTER_FIRST.match(found.group(1))
        if letter and letter[1] in allowed:
            return shifted(
                letter[1], "boxed", (found.start(1) + letter.start(1), found.start(1) + letter.end(1)), offset, True
            )
    for line, begin, _ in statements(text):
        inner = re.search(r"\(([A-Z])\)", line) or LETTER_FIRST.match(line.lstrip("\n"))
        if (
            inner is None
            or inner[1] not in allowed
            or not (inner.group(0).startswith("(") or usable(inner[1], line.lstrip("\n"), inner.end(1)))
        ):
            inner = re.search(r"(?:option|choice)\s+\(?([A-Z])\b", line)
        if inner and inner[1] in allowed:
            at = begin + line.find(inner[1], inner.start(1))
            return shifted(inner[1], "the answer is", (at, at + 1), offset, True)
        named = named_choice(line, choices)
        if named:
            return shifted(named[0], "the answer is, by its text", (begin + named[1], begin + named[2]), offset, True)
    first_line = text.lstrip().split("\n", 1)[0]
    lead = len(text) - len(text.lstrip())
    alone = LETTER_ALONE.match(first_line)
    if alone and usable(alone[1], first_line, alone.end(1)):
        return shifted(alone[1], "letter first", (lead + alone.start(1), lead + alone.end(1)), offset, True)
    bracketed = [f for f in LETTER_BRACKETED.finditer(text) if f[1] in allowed]
    if bracketed:
        last = bracketed[-1]
        return shifted(last[1], "last bracketed letter", last.span(1), offset, False)
    marked = [f for f in LETTER_MARKED.finditer(text) if usable(f[1], text, f.end(1))]
    if marked:
        return shifted(marked[-1][1], "last marked letter", marked[-1].span(1), offset, False)
    named = named_choice(text, choices)
    if named:
        return shifted(named[0], "text of one choice", (named[1], named[2]), offset, False)
    first = LETTER_FIRST.match(text)
    if first and usable(first[1], text, first.end(1)):
        return shifted(first[1], "letter first", first.span(1), offset, False)
    return NOTHING


def named_choice(text: str, choices: tuple[str, ...]) -> tuple[str, int, int] | None:
    """(letter, start, end) where the text holds exactly one of the choices as whole words."""
    low = text.casefold()
    if len(low) != len(text):
        low = text.lower() if len(text.lower()) == len(text) else text
    hits = []
    for index, choice in enumerate(choices):
        wanted = choice.strip().rstrip(".").lower()
        found = re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", low) if wanted else None
        if found:
            hits.append((index, found.start(), found.end()))
    # a choice inside another ("blue", "light blue") does not make two
    hits = [
        h
        for h in hits
        if not any(o is not h and o[1] <= h[1] and h[2] <= o[2] and o[2] - o[1] > h[2] - h[1] for o in hits)
    ]
    if len(hits) != 1:
        return None
    index, start, end = hits[0]
    return chr(65 + index), start, end


def read_label(names: tuple[str, ...]) -> Callable[[str, tuple[str, ...]], Extraction]:
    """A reader for one of a few labels: stated, first in the text, or the only one named. "not known" holds no "no"."""
    ordered = sorted(names, key=len, reverse=True)

    def pattern(name: str) -> str:
        return r"[\s_-]".join(re.escape(part) for part in re.split(r"[\s_-]", name))

    known = re.compile(rf"(?<![\w])(?:{'|'.join(pattern(name) for name in ordered)})(?!\w)", re.IGNORECASE)
    canonical = {re.sub(r"[\s_-]", " ", name).lower(): name for name in names}

    def name_of(found: re.Match[str]) -> str:
        return canonical[re.sub(r"[\s_-]", " ", found.group(0)).lower()]

    def read(text: str, choices: tuple[str, ...] = ()) -> Extraction:
        text, offset = tail(text)
        for line, begin, _ in statements(text):
            found = known.search(line)
            if found:
                return shifted(
                    name_of(found), "the answer is", (begin + found.start(), begin + found.end()), offset, True
                )
        opening = re.match(r"[\s\W]{0,8}", text)
        assert opening is not None
        first = known.match(text, opening.end())
        if first:
            return shifted(name_of(first), "label first", first.span(), offset, True)
        named = list(known.finditer(text))
        if named and len({name_of(found) for found in named}) == 1:
            return shifted(name_of(named[-1]), "the only label named", named[-1].span(), offset, False)
        if named:
            return shifted(name_of(named[-1]), "last label named", named[-1].span(), offset, False)
        return NOTHING

    return read


COPULA = re.compile(r"\b(?:is|are|was|becomes?|would be|means?)\b:?\s*", re.IGNORECASE)


def strip_quotes(text: str) -> str:
    """A text without the quotes, brackets and stops around it."""
    return text.strip().strip(QUOTES + ".,;:!?()[] \t")


def read_text(text: str, choices: tuple[str, ...] = ()) -> Extraction:
    """Short free text: stated, or what the first line comes to ("The plural of X is Y." is y), in lower case."""
    text, offset = tail(text)
    for line, begin, end in statements(text):
        part = re.split(r"(?<=\w)[.!?](?:\s|$)", line.strip("\n"), maxsplit=1)[0]
        answer = strip_quotes(part)
        if answer:
            return shifted(answer.lower(), "the answer is", (begin, min(end, begin + len(line))), offset, True)
    lines = [line for line in text.split("\n") if strip_quotes(line)]
    if not lines:
        return NOTHING
    line = lines[0]
    begin = text.index(line)
    whole = len(lines) > 1 or text[begin + len(line) :].startswith("\n")
    sentence = re.split(r"(?<=\w)[\"'\u201d]?[.!?](?:\s|$)", line, maxsplit=1)[0]
    whole = whole or len(sentence) < len(line.rstrip())  # the sentence came to its end
    label = re.match(r"\s*(?:[A-Za-z ]{1,24}):\s+(?=\S)", sentence)
    if label:
        sentence, begin = sentence[label.end() :], begin + label.end()
    copula = list(COPULA.finditer(sentence))
    if copula and len(sentence.split()) > 2:
        last = copula[-1]
        answer = strip_quotes(sentence[last.end() :])
        if answer:
            return shifted(
                answer.lower(), "sentence that ends in it", (begin + last.end(), begin + len(sentence)), offset, whole
            )
    answer = strip_quotes(sentence)
    return shifted(answer.lower(), "first line", (begin, begin + len(sentence)), offset, whole) if answer else NOTHING


def read_line(text: str, choices: tuple[str, ...] = ()) -> Extraction:
    """A line as it stands, for signs: after the last "the answer is", or the first that is not blank."""
    text, offset = tail(text)
    for line, begin, end in statements(text):
        if line.strip():
            return shifted(line.strip(), "the answer is", (begin, end), offset, end < len(text))
    for found in re.finditer(r"[^\n]*\S[^\n]*", text):
        return shifted(found.group(0).strip(), "first line", found.span(), offset, found.end() < len(text))
    return NOTHING


def read_word(text: str, choices: tuple[str, ...] = ()) -> Extraction:
    """A run of letters (last letters): stated, or the last quoted or lone run; signs between letters go."""
    text, offset = tail(text)
    for line, begin, end in statements(text):
        part = re.split(r"\.(?:\s|$)", line, maxsplit=1)[0]
        quoted = re.findall(r"[\"\u201c'\u2018`]([A-Za-z](?:[A-Za-z \-,]{0,40}))[\"\u201d'\u2019`]", part)
        word = letters(
            "".join(quoted) if all(len(q) == 1 for q in quoted) and quoted else quoted[-1] if quoted else part
        )
        if word:
            return shifted(word, "the answer is", (begin, end), offset, True)
    quoted_all = list(re.finditer(r"[\"\u201c`]([A-Za-z](?:[A-Za-z \-,]{0,40}))[\"\u201d`]", text))
    if quoted_all:
        return shifted(letters(quoted_all[-1][1]), "last quoted word", quoted_all[-1].span(1), offset, False)
    first = text.strip().split("\n", 1)[0]
    if first and len(letters(first)) <= 20 and all(len(p) == 1 or len(first.split()) == 1 for p in first.split()):
        word = letters(first)
        begin = text.find(first)
        return (
            shifted(word, "lone word", (begin, begin + len(first)), offset, "\n" in text.strip()) if word else NOTHING
        )
    return NOTHING


def letters(text: str) -> str:
    """The letters of a text, in lower case."""
    return "".join(character for character in text if character.isascii() and character.isalpha()).lower()


ACTION = re.compile(r"(?<![A-Za-z])(?:I_)?(TURN[_ ](?:LEFT|RIGHT)|WALK|LOOK|RUN|JUMP)(?![A-Za-z])", re.IGNORECASE)


def read_actions(text: str, choices: tuple[str, ...] = ()) -> Extraction:
    """A SCAN action sequence: after the last "the answer is", or the last line that is nothing but actions."""
    text, offset = tail(text)
    for line, begin, end in statements(text):
        found = [f"I_{m[1].upper().replace(' ', '_')}" for m in ACTION.finditer(line)]
        if found:
            return shifted(" ".join(found), "the answer is", (begin, end), offset, end < len(text))
    at = len(text)
    for line in reversed(text.split("\n")):
        at -= len(line)
        found = [f"I_{m[1].upper().replace(' ', '_')}" for m in ACTION.finditer(line)]
        if found and not re.search(r"[A-Za-z]", ACTION.sub("", line)):
            return shifted(" ".join(found), "line of actions", (at, at + len(line)), offset, at + len(line) < len(text))
        at -= 1
    return NOTHING


NUMBER = AnswerFormat("number", "Answer with a number.", "Therefore, the answer (arabic numerals) is", read_number)
LETTER = AnswerFormat(
    "letter",
    "Answer with the letter of the right choice.",
    "Therefore, among the choices, the answer is",
    read_letter,
    "The answer is ({answer}).",
)
YES_NO = AnswerFormat("yes-no", "Answer yes or no.", "Therefore, the answer (Yes or No) is", read_label(("yes", "no")))
TEXT = AnswerFormat("text", "Give only the answer.", "Therefore, the answer is", read_text)
LINE = AnswerFormat("line", "Give only the answer.", "Therefore, the answer is", read_line, "The answer is {answer}")
WORD = AnswerFormat(
    "word", "Give only the resulting letters.", "Therefore, the answer is", read_word, 'The answer is "{answer}".'
)
ACTIONS = AnswerFormat("actions", "Give the sequence of actions.", "Therefore, the answer is", read_actions)


def labels(names: tuple[str, ...]) -> AnswerFormat:
    """The format of a classification task with these labels."""
    listed = ", ".join(names[:-1]) + f" or {names[-1]}" if len(names) > 1 else names[0]
    return AnswerFormat("label", f"Answer with {listed}.", f"Therefore, the answer ({listed}) is", read_label(names))


def exact(answer: str | None, sample: Sample) -> Score:
    """1 where the answer is the target, whatever its case; a target may list alternatives, "a|b"."""
    if answer is None:
        return Score(0.0, False)
    wanted = {part.strip().casefold() for part in sample.target.split("|")}
    return Score(float(answer.strip().casefold() in wanted), True)


def numeric(answer: str | None, sample: Sample) -> Score:
    """1 where two numbers agree to a relative 1e-6: 29, 29.0 and 29.00 are the same."""
    if answer is None:
        return Score(0.0, False)
    left, right = canonical_number(answer), canonical_number(sample.target)
    if left is None or right is None:
        return Score(0.0, True)
    gap = abs(Fraction(left) - Fraction(right))
    return Score(float(gap <= abs(Fraction(right)) / 1_000_000), True)
