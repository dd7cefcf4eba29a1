"""An answer held against a sample's target."""

from __future__ import annotations

from fractions import Fraction

from kshot.eval.answers.numerals import canonical_number
from kshot.eval.answers.targets import comparable
from kshot.types import Sample, Score


def exact(answer: str | None, sample: Sample) -> Score:
    """1 where the answer is the target, but for case and the stops around it; a target may list alternatives, "a|b"."""
    if answer is None:
        return Score(0.0, False)
    wanted = {comparable(part) for part in sample.target.split("|")}
    return Score(float(comparable(answer) in wanted), True)


def numeric(answer: str | None, sample: Sample) -> Score:
    """1 where two numbers agree to a relative 1e-6: 29, 29.0 and 29.00 are the same."""
    if answer is None:
        return Score(0.0, False)
    left, right = canonical_number(answer), canonical_number(sample.target)
    if left is None or right is None:
        return Score(0.0, True)
    gap = abs(Fraction(left) - Fraction(right))
    return Score(float(gap <= abs(Fraction(right)) / 1_000_000), True)
