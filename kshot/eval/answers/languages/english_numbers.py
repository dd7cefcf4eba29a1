"""Numbers written in English words: "two hundred and eighty", "one point five", "three quarters", "a dozen"."""

from __future__ import annotations

import re
from fractions import Fraction

ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen"""
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
SMALL = {word: value for value, word in enumerate(ONES.split())}
SMALL |= {word: 10 * value for value, word in enumerate(TENS.split(), start=2)}
LARGE = {"dozen": 12, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
LARGE |= {f"{word}s": value for word, value in LARGE.items()}
ORDINALS = ["third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]
PARTS = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4, "sixteenth": 16, "hundredth": 100, "thousandth": 1000}
PARTS |= {word: value for value, word in enumerate(ORDINALS, start=3)}
PARTS |= {f"{word}s": value for word, value in PARTS.items() if word.endswith("th") or word == "third"}


def listed(words: dict[str, int]) -> str:
    """A pattern of any of the words, the longest first."""
    return "|".join(sorted(words, key=len, reverse=True))


WHOLE, PART = listed(SMALL | LARGE), listed(PARTS)
RUN = re.compile(
    rf"""
    (?<![^\W_]) (?: (?P<minus>minus|negative)\s{{1,2}} )?
    (?P<run>
      (?: (?P<a>an?)[\s-]{{1,2}}(?=(?:{listed(LARGE)}|{PART})\b) )?
      (?: {WHOLE} | half | (?(a)(?:{PART})|(?!)) )\b
      (?: [\s-]{{1,2}}(?:and[\s-](?:an?[\s-])?|an?[\s-])?(?:{WHOLE}|{PART})\b ){{0,20}}
    )
    (?: [ ]point(?P<decimals>(?:[\s-](?:{listed(SMALL)})\b){{1,9}})(?:\s(?P<times>{listed(LARGE)}))? )?
    (?![^\W_])
    """,
    re.VERBOSE | re.IGNORECASE,
)
# "one of them" and "two choices are" count something, and are not the number asked for
MANY = [f"{word}s" for word in LARGE if not word.endswith("s")]  # "thousands" is no number
VAGUE = re.compile(r"\b(?:few|several|many|some|couple(?:\sof)?)\s$", re.IGNORECASE)
TIME = re.compile(r"\s(?:past|to|o'clock|a\.?m|p\.?m)\b", re.IGNORECASE)  # "half past five", "five o'clock"
COUNTING = re.compile(r"\s(?:of|or|possible|answers?|ways?|choices?|solutions?|cases?)\b", re.IGNORECASE)


def whole_of(words: list[str]) -> int:
    """What a run of words for a whole number is worth."""
    total = group = 0
    for word in words:
        if word in SMALL:
            group += SMALL[word]
        elif LARGE.get(word, 0) in (12, 100):
            group = max(group, 1) * LARGE[word]
        elif word in LARGE:
            total, group = total + max(group, 1) * LARGE[word], 0
    return total + group


def value_of(words: list[str]) -> Fraction | None:
    """What a run of words is worth ("two and a half", "half a million"); None for an ordinal ("twenty-third")."""
    at = next((place for place, word in enumerate(words) if word in PARTS), None)
    if at is None:
        return Fraction(whole_of(words))
    join = max((place for place in range(at) if words[place] == "and"), default=-1)
    over = [word for word in words[join + 1 : at] if word not in ("a", "an")]
    top = whole_of(over) if over else 1
    if (words[at].endswith(("ths", "rds", "ves", "ers")) is (top == 1)) and words[at] != "half":
        return None
    times = [word for word in words[at + 1 :] if word in LARGE]
    value = whole_of(words[: max(join, 0)]) + Fraction(top, PARTS[words[at]])
    return value * (whole_of(times) if times else 1)


def number_in_words(text: str) -> tuple[Fraction, int, int] | None:
    """(value, start, end) of a number in words that a text begins with; None where it has none."""
    run = RUN.search(text)
    if run is None or len(re.findall(r"[^\W\d_]+", text[: run.start()])) > 2:
        return None
    words = re.findall(r"[a-z]+", run["run"].lower())
    if (len(words) == 1 and words[0] in MANY) or VAGUE.search(text[: run.start()]) or TIME.match(text, run.end()):
        return None
    parts = set(words) & set(PARTS)
    if not parts and any(word == "and" and words[place - 1] not in LARGE for place, word in enumerate(words)):
        return None  # "between five and six"
    if COUNTING.match(text, run.end()) and not parts:
        return None
    value = value_of(words)
    if value is None:
        return None
    decimals = [SMALL[word] for word in re.findall(r"[a-z]+", (run["decimals"] or "").lower())]
    # "point seventy five" is .75, "point seven five" too
    if len(decimals) == 2 and decimals[0] >= 20 and decimals[1] < 10:
        decimals = [decimals[0] + decimals[1]]
    if decimals:
        digits = "".join(str(decimal) for decimal in decimals)
        value = (value + Fraction(int(digits), 10 ** len(digits))) * LARGE.get((run["times"] or "").lower(), 1)
    return -value if run["minus"] else value, *run.span()
