"""Which of a text's numbers is its answer.

Number words ("eleven", "three quarters") count where the answer is stated. None are several numbers or a range ("5 or
6", "10 to 12"), work left undone ("12 + 5", "3x"), a time. A number that is said not to be it ("7, not 8") or stands
in parentheses behind another is passed over. Concedes: "3 hours and 20 minutes" is 3.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Sequence
from fractions import Fraction

from kshot.eval.answers.commas import pointed
from kshot.eval.answers.denials import denied, undenied
from kshot.eval.answers.languages import UNSPACED, either, pattern
from kshot.eval.answers.numerals import NUMERAL, Numeral, in_words, numerals, plain
from kshot.eval.answers.reading import MANY, NOTHING, Statement, found, reader, statements
from kshot.types import Extraction

OPERATOR = re.compile(
    rf"\s?(?:[-+*/×÷]|x(?=[\s\d])|{either(lambda language: language.operator)})\s?[\\$€£(]{{0,3}}[0-9.]", re.IGNORECASE
)
MARKER = re.compile(r"\n[ \t]{0,8}(?:\*\*)?(?:step\s)?\d{1,2}(?:[.)](?=[ \t*])|:)|\bstep\s\d{1,3}", re.IGNORECASE)
IS_THE_ANSWER = pattern(lambda language: language.is_the_answer)
OPENING = re.compile(r"(?:\s?%|\s?[^\W\d_][^\s\d=]*){0,4}[.!\u3002]?\**[ \t]*(?:\n|$)")
# what may stand before a statement's number; with two other words it is a sentence
PROSE = pattern(lambda language: language.hedges)
PENDING = re.compile(r"[0-9)]\s?[-+*/×÷]\s?[$(]?$")
OPEN_END = re.compile(r"[.,/]?\Z|[.,]?\d")  # what follows a numeral that may not have come to its end
# what makes a numeral the beginning of a term: "3x", "2\sqrt{3}", "x^2" but not "5 kg", "5^\circ"
TERM = re.compile(
    r"(?:[xyz]{1,3}|[nabpqrw]|\s[xyz])(?![^\W_])(?!\s?[0-9])|\s?(?:[π√]|\\(?!circ|deg|text|mathrm|euro)[a-z])"
    r"|\^(?!\s?\{?\s?[\\°])"
)
UNEVALUATED = re.compile(r"\\(?:frac|sqrt|pi|log|ln|sin|cos|tan|binom)|[√π^]")
EQUALS = re.compile(rf"(?<![<>!])=|{either(lambda language: language.equals)}", re.IGNORECASE)
EITHER = either(lambda language: language.either_of)
JOINS = either(lambda language: language.joins)
BETWEEN = pattern(lambda language: language.between)
PRECEDED = re.compile(r"(?:(?<![A-Za-z])[A-Za-z]|\))\s?[-+*/×÷]\s?[$(]?$")
COMPARED = re.compile(
    rf"(?:(?<![=<>-])[<>]\s?|[≤≥≠±]\s?|{either(lambda language: language.bound)})[$€£(]{{0,2}}$", re.IGNORECASE
)
BOUND_AFTER = pattern(lambda language: language.bound_after)
COMES_TO = pattern(lambda language: language.comes_to)
# between two numbers of which neither is meant alone; a unit may stand behind the first
SPAN = re.compile(
    rf"[%°]?(?:\s[^\W\d_]{{1,15}}|[{UNSPACED}]{{1,3}}?)?\s{{0,3}}\(?(?:,?\s?{EITHER}|[-~]|\.{{2,3}}|±|\+/-)\s{{0,3}}"
    r"(?:[^\W\d_]{4,10}\s)?[$€£(]{0,2}",
    re.IGNORECASE,
)
RESULTS = pattern(lambda language: language.results)
OR_ELSE = re.compile(rf"\s?{EITHER}\s?\$?[a-zA-Z]\w?\s{{0,2}}$", re.IGNORECASE)  # "x = 2 or x = 3"
PAIR = re.compile(rf"\s{{0,3}}(?:{JOINS}|&)\s{{0,3}}[$€£(]{{0,2}}", re.IGNORECASE)
LIST = re.compile(rf"[,;]\s?(?:{JOINS}\s?)?[$€£(]{{0,2}}", re.IGNORECASE)
AFTER_LIST = re.compile(rf"\W*(?:\n|$)|[.;)]|,?\s(?:{JOINS})?\s?[$€£]?[0-9]|,\s?[0-9]", re.IGNORECASE)
DOZEN = pattern(lambda language: language.dozen)
ASIDE = re.compile(rf"{either(lambda language: language.aside)}\s{{0,2}}[$€£¥]?$", re.IGNORECASE)
FEW_WORDS = re.compile(r"[\W\d_]*(?:[^\W\d_]{1,12}[\W\d_]+){0,4}[^\W\d_]{0,12}[\W\d_]*")
# what may stand behind a number in words that is all of a text
UNIT = re.compile(rf"(?:\s?[{UNSPACED}]{{1,4}}|(?:\s[^\W\d_]{{1,15}}){{0,2}})\W*")
SENTENCE_END = re.compile(r"[.!?](?=\s)|[\n\u3002]")
CLAUSE_END = re.compile(r"[,;!?\n\u3002](?=[^\W_])")
PARENTHESIS = re.compile(rf"\((?!{EITHER})[^()\n]{{1,200}}\)|\[[^\[\]\n]{{1,200}}\]", re.IGNORECASE)
EXPRESSION, SEVERAL, TIME = "an expression, not evaluated", "several numbers or a range", "a time or a date"


def unclear(text: str, every: Sequence[Numeral], at: int = 0) -> str | None:
    """Why a number of a statement is no plain one: one of several, an end of a range, a term; None where it is."""
    number = every[at]
    following = every[at + 1] if at + 1 < len(every) else None
    before = text[max(0, number.start - 24) : number.start]
    if number.listed or COMPARED.search(before) or BOUND_AFTER.match(text, number.end):
        return SEVERAL
    if following and not number.same(following, percent=text[number.end : following.end + 1].count("%") == 1):
        between = text[number.end : following.start]
        if SPAN.fullmatch(between) or (PAIR.fullmatch(between) and not OPERATOR.match(text, following.end)):
            return SEVERAL
        if BETWEEN.search(before) and re.search(JOINS, between, re.IGNORECASE):
            return SEVERAL
        if LIST.fullmatch(between) and AFTER_LIST.match(text, following.end):
            return SEVERAL
    if PRECEDED.search(before):
        return EXPRESSION
    return EXPRESSION if OPERATOR.match(text, number.end) or TERM.match(text, number.end) else None


def meant(text: str, every: Sequence[Numeral]) -> list[Numeral]:
    """The numbers of a text without those that it denies, and without what stands in parentheses behind another."""
    inside = [match.span() for match in PARENTHESIS.finditer(text)]
    kept = undenied(text, every, lambda number: (number.start, number.end))
    outside = [number for number in kept if not any(start < number.start < end for start, end in inside)]
    return outside or kept


def stated_number(text: str, every: Sequence[Numeral]) -> Numeral | str | None:
    """The number that a statement comes to: its first, or what its equation equals; else why it is none.

    "12 + 5 = 17" is 17, "12 = 5 + 7" is 12, "12 (3 x 4)" is 12, "12 + 5" is none.
    """
    if not EQUALS.search(text):
        reason = unclear(text, every)
        comes_to = RESULTS.search(text, every[0].end) if reason == EXPRESSION else None
        results = [number for number in every if comes_to and number.start >= comes_to.end()]
        if results:
            return unclear(text, results) or results[0]
        return reason or every[0]
    sides: list[Numeral] = []
    why_not: str | None = None
    start = 0
    for equals in [*EQUALS.finditer(text), None]:
        end = equals.start() if equals else len(text)
        side = [number for number in every if start <= number.start < end]
        if side:
            why = unclear(text[:end], side)
            if equals and OR_ELSE.search(text, side[-1].end, end):
                return SEVERAL
            why_not = why or why_not
            sides += [] if why else side[:1]
        start = equals.end() if equals else end
    return sides[-1] if sides else why_not


def is_prose(text: str, first: Numeral) -> bool:
    """Whether a statement begins as a sentence of its own ("Tom has 5 apples ...") and not with its number."""
    return len(re.findall(r"[^\W\d_]+", PROSE.sub(" ", text[: first.start]))) >= 2


def read_statement(text: str, statement: Statement) -> Extraction | None:
    """The number that a statement gives, or why it gives none; None where it is not about one."""
    said = statement.text

    def at(answer: str | None, rule: str, start: int = 0, end: int = len(said), *, closed: bool = False) -> Extraction:
        return found(answer, rule, statement.start + start, statement.start + end, explicit=closed)

    every = list(numerals(said))
    kept = meant(said, every)
    if not kept:
        words = in_words(said)
        if words and not denied(said, words.start, words.end):
            closed = statement.marked or re.match(r"[^\w\s-]", text[statement.start + words.end :][:1]) is not None
            words = in_dozens(said, words)
            return at(words.value, f"{statement.rule}, in words", words.start, words.end, closed=closed)
        if every:
            return None  # all of them denied
        if UNEVALUATED.search(said) and statement.rule == "boxed":
            return at(None, EXPRESSION)
        return at(None, TIME) if NUMERAL.search(said) else None
    sentence = is_prose(said, kept[0])
    if sentence and statement.rule == "answer:":
        return None  # a chain begins here, and ends elsewhere
    number = stated_number(said, kept)
    if number is None or isinstance(number, str):
        return at(None, number or EXPRESSION)
    if sentence and not EQUALS.search(said):
        number = guessed(said, kept)
    closed = statement.marked or not (sentence or OPEN_END.match(text, statement.start + number.end))
    number = in_dozens(said, number)
    return at(number.value, statement.rule, number.start, number.end, closed=closed)


def in_dozens(text: str, number: Numeral) -> Numeral:
    """Twelve times a number that "dozen" stands behind."""
    dozen = DOZEN.match(text, number.end)
    return Numeral(plain(12 * Fraction(number.value)), number.start, dozen.end()) if dozen else number


def guessed(sentence: str, kept: Sequence[Numeral]) -> Numeral:
    """The number that a sentence probably comes to: its last that is not about something else ("$12 for 3 books")."""
    if EQUALS.search(sentence):
        return kept[-1]
    for number in reversed(kept):
        if not ASIDE.search(sentence[max(0, number.start - 24) : number.start]):
            return number
    return kept[-1]


def in_passing(text: str, statement: Statement, result: Extraction) -> bool:
    """Whether a statement has other words before its number ("the answer is rounded to 2"): a box before it counts."""
    if statement.rule not in ("the answer is", "answer:") or result.span is None or result.answer is None:
        return False
    return re.search(r"[^\W\d_]", PROSE.sub(" ", text[statement.start : result.span[0]])) is not None


def number_read(text: str, choices: tuple[str, ...]) -> Extraction:
    """Stated (the last statement counts), "N is the answer", a first line that is just N, the last number."""
    weak: Extraction | None = None
    for statement in statements(text):
        if weak and statement.rule in ("the answer is", "answer:"):
            continue
        if statement.declined:
            return weak or found(None, "declined", statement.start, statement.end)
        result = read_statement(text, statement)
        if result and not (weak is None and in_passing(text, statement, result)):
            return result
        weak = weak or result
    if weak:
        return weak
    every = list(numerals(text))
    for number in reversed(every):
        if IS_THE_ANSWER.match(text, number.end):
            return found(number.value, "is the answer", number.start, number.end, explicit=True)
    alone = every and not re.search(r"[^\W_]", text[: every[0].start])
    if every and FEW_WORDS.fullmatch(text) and not EQUALS.search(text):
        reason = unclear(text, every)
        if reason == SEVERAL or (reason and alone and len(every) < 3):
            return found(None, reason, every[0].start, every[-1].end)
    if alone:
        line = OPENING.match(text, every[0].end)
        if line:
            return found(every[0].value, "number first", every[0].start, every[0].end, explicit="\n" in line.group(0))
    words = None if every else in_words(text)
    if words and not re.search(r"[^\W_]", PROSE.sub(" ", text[: words.start])) and UNIT.fullmatch(text, words.end):
        return found(words.value, "number first, in words", words.start, words.end)
    return clause_in_words(text, every) or last_number(text, every)


def clause_in_words(text: str, every: Sequence[Numeral]) -> Extraction | None:
    """The number in words that a text's last clause comes to; None where it comes to none, or has one in digits."""
    start = max((stop.end() for stop in CLAUSE_END.finditer(text)), default=0)
    clause = COMES_TO.match(text, start)
    words = in_words(text[clause.end() :]) if clause and not any(number.start >= start for number in every) else None
    if clause and words and UNIT.fullmatch(text, clause.end() + words.end):
        words = words.moved(clause.end())
        return found(words.value, "last number, in words", words.start, words.end)
    return None


def last_number(text: str, every: Sequence[Numeral]) -> Extraction:
    """What the last sentence with a number comes to, as a guess; marks of steps and what is denied are passed over."""
    markers = {match.end() - 1 for match in MARKER.finditer(text)} | {match.end() for match in MARKER.finditer(text)}
    left = [number for number in every if number.end not in markers and not number.ordinal]
    stops = [0, *(stop.end() for stop in SENTENCE_END.finditer(text)), len(text)]
    for _ in range(MANY):
        if not left:
            break
        last = left[-1]
        line = text[text.rfind("\n", 0, last.start) + 1 : last.start]
        if last.end >= len(text.rstrip(" .\n")) and "=" not in line and PENDING.search(line):
            return found(None, EXPRESSION, last.start, last.end)
        at = bisect(stops, last.start)
        begin, end = stops[at - 1], stops[min(at, len(stops) - 1)]
        within = [number.moved(-begin) for number in left[-MANY:] if number.start >= begin]
        kept = meant(text[begin:end], within)
        if kept:
            number = guessed(text[begin:end], kept).moved(begin)
            return found(number.value, "last number", number.start, number.end)
        left = left[: -len(within)]
    return NOTHING


read_number = reader(number_read)
read_number_with_comma = reader(number_read, pointed)
