"""Numbers: what a numeral is worth.

A numeral's value is exact: "1,000", "$1,000.00", "1e3", "1 000", "1_000" and "1k" are "1000", "3/6" and "\\frac{1}{2}"
are "0.5", "2 1/2" is "2.5", "50%" is "50", "2 million" is "2000000", "minus 5" and "-(5)" are "-5". Dates, times of day
and versions are no numbers, nor are digits inside words ("m2", "GPT-4") or under a root. A comma that groups no
thousands is a decimal one ("8,5"); two of them make a list.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

from kshot.eval.answers.languages import LANGUAGES, UNSPACED, either

VULGAR = "\u00bc\u00bd\u00be\u2150-\u215e\u2189"
RAISED = "\u207b?[\u00b9\u00b2\u00b3\u2070\u2074-\u2079]{1,2}"
LOWERED = str.maketrans("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207b", "0123456789-")
CURRENCY = r"\\?[$€£¥₹]"
MULTIPLES = {word: worth for language in LANGUAGES for word, worth in language.multiples.items()}
SHORT = {"k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}

FREE = rf"""(?:(?<![^\W_]) | (?<=[{UNSPACED}]))  # not inside a word
    (?<![^\W_]_) (?<!\d\.) (?<![\u4e0a\u4e0b]\u5348) (?<!\^) (?<!\^\{{) (?<![^\W\d_]-)
    (?<!\\sqrt) (?<!\\sqrt\{{) (?<!√) (?<!√\() (?<!\\frac\{{) (?<!\}}\{{)"""
OTHER = r"""
      [0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9]) | [0-9]{1,4}/[0-9]{1,2}/[0-9]{2,4}(?![0-9])
    | [0-9]{1,2}(?:[.:][0-9]{2})?\s?(?:[ap]\.?m\b | [AP]\.?M\b | o'clock\b)
    | [0-9]{1,4}(?::[0-9]{1,4}){1,2}(?![0-9:])
    | (?![0-9]{1,3}(?:\.[0-9]{3}){2,}(?!\.?[0-9]))[0-9]+(?:\.[0-9]+){2,20}(?!,[0-9])"""
TERM = r"-?\s?[0-9][0-9,]{0,20}(?:\.[0-9]{1,20})?"  # of a fraction in LaTeX
FRACTION = rf"""
      (?: (?P<count>[0-9]{{1,9}})\s? )?
      \\frac\s?(?: \{{(?P<over>{TERM})\}} | (?P<over1>[0-9]) )\s?(?: \{{(?P<under>{TERM})\}} | (?P<under1>[0-9]) )
    | (?P<whole>[0-9]{{1,9}})(?:[ -]|[ ]and[ ])(?P<top>[0-9]{{1,4}})[/\u2044](?P<base>[0-9]{{1,4}})(?![0-9]|[/.][0-9])
    | (?P<units>[0-9]{{1,9}})?[ ]?(?P<vulgar>[{VULGAR}])"""
POWER = r"(?:\^|\*\*)\s?\{?\s?"
# blanks, low lines and apostrophes group three digits; one blank alone only before 000, or where the line ends with it
GROUPED = r"""
      [0-9]{1,3}(?: (?:[\u00a0\u2007\u2009\u202f][0-9]{3})+ | (?:_[0-9]{3})+ | (?:'[0-9]{3})+ | (?:[ ][0-9]{3}){2,}
        | [ ](?: 000 | [0-9]{3}(?=[.!]?[*$)]{0,3}\s{0,3}(?:\n|$)|,[0-9]{1,2}(?![0-9])) ) )
      (?![0-9]) (?:[.,][0-9]{1,9}(?![0-9]))?
    | [0-9]{1,3}(?:\.[0-9]{3})+,[0-9]{1,2}(?![0-9,]) | [0-9]{1,3}(?:\.[0-9]{3}){2,}(?!\.?[0-9])"""
MULTIPLE = either(lambda language: language.multiple)
NUMERAL = re.compile(
    rf"""{FREE}
    (?: (?P<other>{OTHER} | {either(lambda language: language.date)})
      | (?P<sign> -(?=\(?(?:{CURRENCY})?\s?\(?\.?[0-9{VULGAR}\\]) )? (?P<opened>(?<=-)\()?
        (?: (?P<currency>{CURRENCY})\s? )? (?P<minus> -(?=\.?[0-9]) )?
        (?: {FRACTION}
          | 10\s?(?: {POWER}(?P<exponent>-?[0-9]{{1,2}})(?![0-9])\}}? | (?P<raised>{RAISED}) )
          | (?P<number> {GROUPED} | [0-9]+(?:,[0-9]+)*(?:\.[0-9]+)? | (?<!\.)\.[0-9]+ )
            (?: [eE](?P<e>[-+]?[0-9]{{1,2}})(?![^\W_])
              | \s?[*x×]\s?10\s?(?: {POWER}(?P<power>-?[0-9]{{1,2}})(?![0-9])\}}? | (?P<high>{RAISED}) )
              | \s?[/\u2044]\s?(?P<below>[0-9]{{1,20}})(?![0-9]|[/.][0-9])
              | (?P<multiple>(?:\s?(?i:{MULTIPLE})){{1,3}})
              | (?P<short>(?(currency)\s?[kKmMbBtT]|[kKM]))(?![^\W_])
              | [\s-]?(?i:(?P<part>{either(lambda language: language.part)})) )?
        )
        (?P<ordinal>(?:st|nd|rd|th)(?![^\W_]))? (?(opened)\))
    )
    """,
    re.VERBOSE,
)
MINUS = either(lambda language: language.minus)
APART = re.compile(
    rf"(?:(?P<dash>[-\u2014])\s{{0,2}}|(?:(?<![^\W\d])|(?<=[{UNSPACED}]))(?P<word>{MINUS})\s{{0,2}})[$€£¥(]{{0,2}}$",
    re.IGNORECASE,
)
ENDS_APART = frozenset("-\u2014" + "".join(language.minus_ends for language in LANGUAGES))
# what a minus apart from its number may follow; after a number it takes something away, and a dash begins an item
WORDS_BEFORE = rf"{either(lambda language: language.before_minus)}(?:\s{{1,3}}|(?<=[{UNSPACED}]))"
AFTER_DASH = re.compile(rf"(?:\A[ \t]{{1,3}}|[=:(\u2248]\s{{0,3}}|{WORDS_BEFORE})\Z", re.IGNORECASE)
AFTER_WORD = re.compile(rf"(?:\A\s*|[=:(,;!?\n*$\u2248>\u3002]\s{{0,3}}|[.]\s{{1,3}}|{WORDS_BEFORE})\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number in a text, and where."""

    value: str
    start: int
    end: int
    ordinal: bool = False
    listed: bool = False  # the first of several with commas between: "1,2,3"

    def moved(self, by: int) -> Numeral:
        """The same number in a text that begins elsewhere."""
        return replace(self, start=self.start + by, end=self.end + by)

    def same(self, other: Numeral, *, percent: bool = False) -> bool:
        """Whether two are one number, if one of them may be rounded (".33 or 1/3") or per cent ("4/5 or 80%")."""
        left, right = Fraction(self.value), Fraction(other.value)
        places = min(len(numeral.value.partition(".")[2]) for numeral in (self, other))
        return abs(left - right) <= Fraction(1, 2 * 10**places) * (places > 0) or (
            percent and right in (left * 100, left / 100)
        )


def grouped(number: str, *, enclosed: bool) -> tuple[str, bool]:
    """A numeral as a decimal, and whether it is the first of a list.

    "1,000" and "1,00,000" group one number, "8,5" and "1.234,5" have a decimal comma, "1,2,3" and "(1,2)" are lists.
    """
    number = re.sub(r"[\s_']", "", number)
    if re.fullmatch(r"[0-9]{1,3}(?:(?:\.[0-9]{3})+,[0-9]{1,2}|(?:\.[0-9]{3}){2,})", number):
        return number.replace(".", "").replace(",", "."), False
    whole, *groups = number.split(".")[0].split(",")
    if not groups:
        return number, False
    thousands = all(len(group) in (2, 3) for group in groups) and any(len(group) == 3 for group in groups)
    if thousands and not (whole == "0" and len(groups) == 1):
        return number.replace(",", ""), False
    if len(groups) == 1 and "." not in number and not enclosed:
        return number.replace(",", "."), False
    return whole, True


def ratio(over: str, under: str) -> Fraction | None:
    """One number over another; None where that is nothing."""
    top, bottom = (Fraction(re.sub(r"[\s,]", "", term)) for term in (over, under))
    return top / bottom if bottom else None


def part_of(said: str) -> Fraction:
    """What comes on top: "and a half"."""
    said = re.sub(r"^and[\s-]", "", said, flags=re.IGNORECASE)
    found = (language.in_words(said) or language.in_words(said[-1:]) for language in LANGUAGES)
    return next((words[0] for words in found if words), Fraction(0))


def value_of(match: re.Match[str]) -> tuple[Fraction | None, bool]:
    """What a numeral is worth, and whether it is the first of a list; None for a time, a date, x/0, over 100 digits."""
    over, under = match["over"] or match["over1"], match["under"] or match["under1"]
    listed = False
    value: Fraction | None
    if match["other"]:
        return None, False
    if over and under:
        value = ratio(over, under)
        value = None if value is None else value + int(match["count"] or 0) * (-1 if value < 0 else 1)
    elif match["whole"]:
        value = ratio(match["top"], match["base"])
        value = None if value is None else int(match["whole"]) + value
    elif match["vulgar"]:
        value = int(match["units"] or 0) + Fraction(unicodedata.numeric(match["vulgar"])).limit_denominator(100)
    elif match["number"] is None:
        value = Fraction(10) ** int(match["exponent"] or match["raised"].translate(LOWERED))
    elif len(match["number"]) > 100:
        return None, False
    else:
        around = match.string[max(0, match.start() - 1) : match.start()] + match.string[match.end() : match.end() + 1]
        number, listed = grouped(match["number"], enclosed=around in ("()", "[]"))
        value = times(Fraction("0" + number), match)
    if value is not None and (match["sign"] or match["minus"]):
        value = -value
    return value, listed


def times(value: Fraction, match: re.Match[str]) -> Fraction | None:
    """A number with what stands after it: a power of ten, a denominator, "million"."""
    power = match["e"] or match["power"] or (match["high"] or "").translate(LOWERED)
    if power:
        return value * Fraction(10) ** int(power)
    if match["below"]:
        return value / int(match["below"]) if int(match["below"]) else None
    if match["multiple"]:
        return value * prod(MULTIPLES[word.lower()] for word in re.findall(MULTIPLE, match["multiple"], re.IGNORECASE))
    if match["short"]:
        return value * SHORT[match["short"].strip().lower()]
    return value + part_of(match["part"]) if match["part"] else value


def plain(value: Fraction) -> str:
    """A fraction as a decimal: exact where it ends within a hundred places, else rounded to ten."""
    places = next((places for places in (0, 10, 100) if 10**places % value.denominator == 0), None)
    scaled = round(value * 10 ** (10 if places is None else places))
    places = 10 if places is None else places
    digits = str(abs(scaled)).rjust(places + 1, "0")
    text = digits if places == 0 else f"{digits[:-places]}.{digits[-places:]}".rstrip("0").rstrip(".")
    return f"-{text}" if scaled < 0 else text


def minus_before(text: str, start: int) -> int | None:
    """Where a minus stands that belongs to the number at a place but not right before it: "minus 5", "is - 5"."""
    before = text[max(0, start - 40) : start]
    if before.rstrip(" \t$€£¥(")[-1:].lower() not in ENDS_APART:
        return None
    apart = APART.search(before)
    if apart is None:
        return None
    lead = before[: apart.start()]
    if start > len(before):
        lead = "." + lead  # so that a beginning is the text's
    follows = (AFTER_DASH if apart["dash"] else AFTER_WORD).search(lead)
    return start - len(before) + apart.start() if follows else None


def numerals(text: str) -> Iterator[Numeral]:
    """Every number of a text in order."""
    for match in NUMERAL.finditer(text):
        digits, start = match["number"], match.start()
        apart = None if match["other"] or match["sign"] else minus_before(text, start)
        if apart is None and match[0] == digits and digits.isdecimal() and len(digits) <= 100:
            yield Numeral(digits.lstrip("0") or "0", start, match.end())  # most are: no fraction has to be made
            continue
        value, listed = value_of(match)
        if value is not None:
            ordinal = match["ordinal"] is not None
            value, start = (value, start) if apart is None else (-value, apart)
            yield Numeral(plain(value), start, match.end(), ordinal, listed)


def in_words(text: str) -> Numeral | None:
    """The number in words that a text begins with."""
    found = (language.in_words(text) for language in LANGUAGES)
    words = next((words for words in found if words), None)
    return Numeral(plain(words[0]), words[1], words[2]) if words else None


def canonical_number(text: str, *, whole: bool = False) -> str | None:
    """The first number of a text as a plain decimal: "1,000" and "1000.0" are "1000", "3/6" is "0.5".

    With `whole`, only where the text is nothing but that number. A list ("1,2,3") is none.
    """
    first = next(numerals(text), None)
    if first is None or first.listed or (whole and (first.start, first.end) != (0, len(text.strip()))):
        return None
    return first.value
