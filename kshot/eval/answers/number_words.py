"""Numbers written in words: "eleven", "two hundred and eighty", "one point five"."""

from __future__ import annotations

import re

ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen"""
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
SMALL = {word: value for value, word in enumerate(ONES.split())}
SMALL |= {word: 10 * value for value, word in enumerate(TENS.split(), start=2)}
LARGE = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
WORD = "|".join(sorted([*SMALL, *LARGE], key=len, reverse=True))
RUN = re.compile(
    rf"(?<![^\W_])(?:{WORD})(?:[\s-]{{1,2}}(?:and\s)?(?:{WORD})\b){{0,20}}(?:\spoint(?:[\s-](?:{WORD})\b){{1,4}})?(?![^\W_])",
    re.IGNORECASE,
)
# "one of them" and "two choices are" count something, and are not the number asked for
COUNTING = re.compile(r"\s(?:of|or|possible|answers?|ways?|choices?|solutions?|cases?)\b", re.IGNORECASE)


def number_in_words(text: str) -> tuple[str, int, int] | None:
    """(value, start, end) of a number in words that a text begins with, as a plain decimal; None where it has none."""
    run = RUN.search(text)
    if run is None or len(re.findall(r"[^\W\d_]+", text[: run.start()])) > 2 or COUNTING.match(text, run.end()):
        return None
    whole, _, fraction = run[0].lower().partition(" point")
    total = group = 0
    for word in re.findall(rf"\b(?:{WORD})\b", whole):
        if word in SMALL:
            group += SMALL[word]
        elif word == "hundred":
            group = max(group, 1) * 100
        else:
            total, group = total + max(group, 1) * LARGE[word], 0
    decimals = [SMALL.get(word, 0) for word in re.findall(rf"\b(?:{WORD})\b", fraction)]
    # "point seventy five" is .75, "point seven five" too
    if len(decimals) == 2 and decimals[0] >= 20 and decimals[1] < 10:
        decimals = [decimals[0] + decimals[1]]
    digits = "".join(str(decimal) for decimal in decimals).rstrip("0")
    return f"{total + group}{'.' + digits if digits else ''}", *run.span()
