"""Numbers with a decimal comma, written with a point before the rules read them.

Where a comma begins the decimals, "1.234,5" is 1234.5, "8,5" and "8,500" are 8.5 and "1.234" is 1234; a point that
cannot group thousands ("8.5", "0.125") still begins decimals, since models write either. "1,2,3" stays a list.
"""

from __future__ import annotations

import re

from kshot.eval.answers.legible import Edit, Legible

WITH_COMMA = re.compile(
    r"(?<![\w.,])(?P<whole>[0-9]{1,3}(?:[ \u00a0\u202f'][0-9]{3}){1,20}(?=,[0-9])"
    r"|[1-9][0-9]{0,2}(?:\.[0-9]{3}){1,20}|[0-9]{1,40})"
    r"(?:,(?P<decimals>[0-9]{1,40}))?(?![0-9]|[.,][0-9])"
)


def pointed(seen: Legible) -> Legible:
    """The text with a point for each decimal comma, and without the points between thousands."""
    edits: list[Edit] = []
    for found in WITH_COMMA.finditer(seen.text):
        whole, decimals = re.sub(r"[^0-9]", "", found["whole"]), found["decimals"]
        plain = f"{whole}.{decimals}" if decimals else whole
        if plain != found[0]:
            edits.append((*found.span(), plain))
    return seen.edited(edits)


def ambiguous(text: str) -> bool:
    """Whether a number is another one with a decimal comma than with a decimal point: "1.234", "8,500".

    >>> ambiguous("1.234"), ambiguous("8,5"), ambiguous("0.125"), ambiguous("1.234,5")
    (True, False, False, False)
    """
    return re.fullmatch(r"[-+]?[1-9][0-9]{0,2}\.[0-9]{3}", text.strip()) is not None
