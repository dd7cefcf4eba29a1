"""What a text names only to say that it is not the answer: "not 8", "neither A nor B", "rules out C", "B is wrong"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from kshot.eval.answers.languages import either, pattern

REACH = 60  # characters before and after that are looked at
MOST = 200  # things named that are looked at, from either end
DIRECT = pattern(lambda language: language.denied)
CLAUSE = pattern(lambda language: language.denied_clause)
AFTER = pattern(lambda language: language.denied_after)
SIGNS = r"[\s\"'`*()\[\].:$]{0,6}"
JOINED = re.compile(rf"{SIGNS},?{SIGNS}{either(lambda language: language.joins)}{SIGNS}", re.IGNORECASE)
COMMA = re.compile(rf"{SIGNS}[,/]{SIGNS}")

Named = TypeVar("Named")
Where = Callable[[Named], tuple[int, int]]


def denied(text: str, start: int, end: int, *, clause: bool = False) -> bool:
    """Whether what stands there is denied: directly before it, or with `clause` anywhere in its clause, or after it."""
    before = text[max(0, start - REACH) : start]
    if DIRECT.search(before):
        return True
    return clause and (CLAUSE.search(before) is not None or denied_after(text, end))


def denied_after(text: str, end: int) -> bool:
    """Whether what ends there is denied behind it: "is wrong"."""
    return AFTER.match(text, end, end + REACH) is not None


def runs(text: str, named: Sequence[Named], where: Where[Named]) -> Iterator[tuple[list[Named], bool]]:
    """What a text names, in stretches with only commas and "or" between, and whether it is more than commas."""
    run: list[Named] = []
    listed = False
    for item in named:
        between = text[where(run[-1])[1] : where(item)[0]][:REACH] if run else ""
        joins = JOINED.fullmatch(between) is not None
        if run and not joins and not COMMA.fullmatch(between):
            yield run, listed
            run, listed = [], False
        run.append(item)
        listed = listed or joins
    if run:
        yield run, listed


def undenied(text: str, named: Sequence[Named], where: Where[Named], *, clause: bool = False) -> list[Named]:
    """What a text names and does not deny; of a list ("not A, B or C") all is denied or nothing."""
    if len(named) > 2 * MOST:
        named = [*named[:MOST], *named[-MOST:]]
    kept: list[Named] = []
    for run, listed in runs(text, named, where):
        no = [denied(text, *where(item), clause=clause) for item in run]
        if not (listed and (no[0] or no[-1])):
            kept += [item for item, is_denied in zip(run, no, strict=True) if not is_denied]
    return kept
