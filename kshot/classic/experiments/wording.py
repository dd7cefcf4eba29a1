"""Words of a finding that its own numbers decide."""

from __future__ import annotations

from kshot.eval.statistics import Interval
from kshot.types import UserError


def by_interval(span: Interval, above: str, below: str, unsure: str) -> str:
    """Which words a difference bears out: its whole interval is above 0, or below it, or 0 lies within.

    >>> [by_interval(Interval(*ends), "more", "less", "not surely more") for ends in ((1, 2), (-2, -1), (-1, 1))]
    ['more', 'less', 'not surely more']
    """
    return above if span.low > 0 else below if span.high < 0 else unsure


def listed(names: list[str]) -> str:
    """Names one after the other, or that there are none."""
    return ", ".join(names) or "none"


def within(name: str, value: float, low: float, high: float) -> None:
    """Raises UserError where an experiment's hyperparameter is not from low to high."""
    if not low <= value <= high:
        raise UserError(f"{name} is {value}; it must be at least {low:g} and at most {high:g}.")
