"""Numbers: what a numeral is worth, and which of a text's numerals is its answer.

A numeral's value is exact: "1,000", "$1,000.00" and "1e3" are "1000", "3/6" and "\\frac{1}{2}" are "0.5",
"2 1/2" is "2.5", "50%" is "50". Dates, times of day and versions are no numbers, nor are digits inside
words ("m2", "GPT-4"). Number words ("eleven") count where the answer is stated. Concedes: digits other than
ASCII are not read, "3 hours and 20 minutes" is 3, and a range ("10-12") states no number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from kshot.eval.answers.number_words import number_in_words
from kshot.eval.answers.reading import NOTHING, found, reader, statements
from kshot.types import Extraction

VULGAR = "\u00bc\u00bd\u00be\u2153\u2154\u2155\u2156\u2157\u2158\u2159\u215a\u215b\u215c\u215d\u215e"
NUMERAL = re.compile(
    rf"""
    (?<![^\W_]) (?<!\d\.) (?<!\^) (?<!\^\{{) (?<![^\W\d_]-)
    (?:
      (?P<other> [0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?![0-9]) | [0-9]{{1,4}}/[0-9]{{1,2}}/[0-9]{{2,4}}(?![0-9])
        | [0-9]{{1,4}}(?::[0-9]{{1,4}}){{1,2}}(?![0-9:]) | [0-9]+(?:\.[0-9]+){{2,20}} )
    |
      (?P<sign> [-\u2212](?=\\?[$€£¥₹]?\s?\.?[0-9{VULGAR}\\]) )?
      (?: \\?[$€£¥₹]\s? )? (?P<minus> [-\u2212](?=\.?[0-9]) )?
      (?:
        \\[dt]?frac\{{(?P<over>[0-9]{{1,20}})\}}\{{(?P<under>[0-9]{{1,20}})\}}
      | (?P<whole>[0-9]{{1,9}})[ -](?P<top>[0-9]{{1,4}})/(?P<base>[0-9]{{1,4}})(?![0-9]|[/.][0-9])
      | (?P<units>[0-9]{{1,9}})?[ ]?(?P<vulgar>[{VULGAR}])
      | (?P<number> [0-9]+(?:,[0-9]+)*(?:\.[0-9]+)? | (?<!\.)\.[0-9]+ )
        (?: [eE](?P<e>[-+]?[0-9]{{1,2}})(?![^\W_])
          | \s?(?:\*|x|×|\\times)\s?10\s?\^\s?\{{?(?P<power>-?[0-9]{{1,2}})(?![0-9])\}}?
          | \s?/\s?(?P<below>[0-9]{{1,20}})(?![0-9]|[/.][0-9]) )?
        (?P<ordinal>st|nd|rd|th)?
      )
    )
    """,
    re.VERBOSE,
)
OPERATOR = re.compile(r"\s?(?:[-+*/×÷\u2212\u2013]|x(?=[\s\d]))\s?[\\$€£(]{0,3}[0-9.]")
MARKER = re.compile(r"\n[ \t]{0,8}(?:\*\*)?(?:step\s)?\d{1,2}(?:[.)](?=[ \t*])|:)|\bstep\s\d{1,3}", re.IGNORECASE)
IS_THE_ANSWER = re.compile(r"[^\n=.]{0,30}\bis\s(?:the|my|our)\s(?:(?:final|correct|right)\s)?answer\b", re.IGNORECASE)
OPENING = re.compile(r"(?:\s?%|\s?[^\W\d_][^\s\d=]*){0,4}[.!]?\**[ \t]*(?:\n|$)")
PROSE = re.compile(  # what may stand before the number of a statement; two other words make it a sentence
    r"\b(?:approximately|about|around|roughly|nearly|exactly|only|just|equal|to|that|there|are|is|it|a|an|the|total|of"
    r"|probably|most|likely|therefore|thus|simply|text|mathrm|rm|so|in|be|will|would|usd|rs)\b",
    re.IGNORECASE,
)
PENDING = re.compile(r"[0-9)]\s?[-+*/×÷\u2212\u2013]\s?[$(]?$")
OPEN_END = re.compile(r"[.,/]?\Z|[.,]?\d")  # what follows a numeral that may not have come to its end


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number in a text, and where."""

    value: str
    start: int
    end: int
    ordinal: bool = False


def value_of(match: re.Match[str]) -> Fraction | None:
    """What a numeral is worth; None for dates and times, division by zero, and over 100 digits."""
    if match["other"]:
        return None
    if match["over"]:
        top, bottom = int(match["over"]), int(match["under"])
        value = Fraction(top, bottom) if bottom else None
    elif match["whole"]:
        top, bottom = int(match["top"]), int(match["base"])
        value = int(match["whole"]) + Fraction(top, bottom) if bottom else None
    elif match["vulgar"]:
        part = Fraction(unicodedata.numeric(match["vulgar"])).limit_denominator(100)
        value = int(match["units"] or 0) + part
    else:
        number = match["number"]
        if len(number) > 100:
            return None
        whole, *groups = number.split(".")[0].split(",")
        # "1,000" and "1,00,000" group one number; "1,2,3" lists three, of which this is the first
        if groups and not (all(len(group) in (2, 3) for group in groups) and any(len(group) == 3 for group in groups)):
            number = whole
        value = Fraction("0" + number.replace(",", ""))
        if match["e"] or match["power"]:
            value *= Fraction(10) ** int(match["e"] or match["power"])
        elif match["below"]:
            value = value / int(match["below"]) if int(match["below"]) else None
    if value is not None and (match["sign"] or match["minus"]):
        value = -value
    return value


def plain(value: Fraction) -> str:
    """A fraction as a decimal: exact where it ends within a hundred places, else rounded to ten."""
    places = next((places for places in (0, 10, 100) if 10**places % value.denominator == 0), None)
    scaled = round(value * 10 ** (10 if places is None else places))
    places = 10 if places is None else places
    digits = str(abs(scaled)).rjust(places + 1, "0")
    text = digits if places == 0 else f"{digits[:-places]}.{digits[-places:]}".rstrip("0").rstrip(".")
    return f"-{text}" if scaled < 0 else text


def numerals(text: str) -> Iterator[Numeral]:
    """Every number of a text in order."""
    for match in NUMERAL.finditer(text):
        digits = match["number"]
        if match[0] == digits and digits.isdecimal() and len(digits) <= 100:  # most are: no fraction has to be made
            yield Numeral(digits.lstrip("0") or "0", *match.span())
            continue
        value = value_of(match)
        if value is not None:
            yield Numeral(plain(value), *match.span(), match["ordinal"] is not None)


def canonical_number(text: str) -> str | None:
    """The first number of a text as a plain decimal: "1,000" and "1000.0" are "1000", "3/6" is "0.5"."""
    return next((numeral.value for numeral in numerals(text)), None)


def stated_number(text: str) -> Numeral | None:
    """The number that a statement comes to: its first, or what its equation equals; None where it is left unevaluated.

    "12 + 5 = 17" is 17, "12 = 5 + 7" is 12, "12 (3 x 4)" is 12, "12 + 5" is none.
    """
    sides, start = [], 0
    if "=" not in text:
        first = next(numerals(text), None)
        return None if first is None or OPERATOR.match(text, first.end) else first
    for equals in [*re.finditer(r"(?<![<>!])=", text), None]:
        end = equals.start() if equals else len(text)
        first = next(numerals(text[start:end]), None)
        if first and not OPERATOR.match(text[start:end], first.end):
            sides.append(Numeral(first.value, first.start + start, first.end + start))
        start = equals.end() if equals else end
    return sides[-1] if sides else None


def is_prose(text: str, first: Numeral) -> bool:
    """Whether a statement begins as a sentence of its own ("Tom has 5 apples ...") and not with its number."""
    return len(re.findall(r"[^\W\d_]+", PROSE.sub(" ", text[: first.start]))) >= 2


@reader
def read_number(text: str, choices: tuple[str, ...]) -> Extraction:
    """Boxed, after "####", after the last "the answer is", "N is the answer", a first line that is just N, the last."""
    for statement in statements(text):
        if statement.declined:
            return found(None, "declined", statement.start, statement.start + len(statement.text))
        if statement.negated:
            continue
        first = next(numerals(statement.text), None)
        if first is None:
            words = number_in_words(statement.text)
            if words:
                start, end = statement.start + words[1], statement.start + words[2]
                closed = statement.rule == "boxed" or re.match(r"[^\w\s-]", text[end : end + 1]) is not None
                return found(words[0], f"{statement.rule}, in words", start, end, explicit=closed)
            if NUMERAL.search(statement.text):
                return found(None, "a time or a date", statement.start, statement.start + len(statement.text))
            continue
        sentence = is_prose(statement.text, first)
        if sentence and statement.rule == "answer:":
            continue  # a chain begins here, and ends elsewhere
        number = stated_number(statement.text)
        if number is None:
            end = statement.start + len(statement.text)
            return found(None, "an expression, not evaluated", statement.start, end)
        if sentence and "=" not in statement.text:
            number = list(numerals(statement.text))[-1]
        start, end = statement.start + number.start, statement.start + number.end
        closed = statement.rule == "boxed" or not (sentence or OPEN_END.match(text, end))
        return found(number.value, statement.rule, start, end, explicit=closed)
    every = list(numerals(text))
    for number in reversed(every):
        if IS_THE_ANSWER.match(text, number.end):
            return found(number.value, "is the answer", number.start, number.end, explicit=True)
    if every and not re.search(r"[^\W_]", text[: every[0].start]):
        line = OPENING.match(text, every[0].end)
        if line:
            return found(every[0].value, "number first", every[0].start, every[0].end, explicit="\n" in line.group(0))
    markers = {match.end() - 1 for match in MARKER.finditer(text)} | {match.end() for match in MARKER.finditer(text)}
    for number in reversed(every):
        if number.end not in markers and not number.ordinal:
            before = text[text.rfind("\n", 0, number.start) + 1 : number.start]
            if number.end >= len(text.rstrip(" .\n")) and "=" not in before and PENDING.search(before):
                return found(None, "an expression, not evaluated", number.start, number.end)
            return found(number.value, "last number", number.start, number.end)
    return NOTHING
