"""What the values of a metric are: how they are written, which way is better, and what they are a value of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from kshot.types import RIGHT

LONGEST = 80  # characters of a unit in a stranger's run
SHARE = "%"
OF_100 = "of 100"  # written times a hundred without a sign, as BLEU is


@dataclass(frozen=True, slots=True)
class Kind:
    """What a metric's values are.

    `over` is what one value is of: an attempt (the metric of a run is then the mean), a sample with all its repeats
    (the mean over samples), or the whole corpus, whose value is no mean.
    """

    unit: str = SHARE  # "%" and "of 100": of a full score of 1; else what follows a number, as "bits per byte"
    better: Literal["higher", "lower"] = "higher"
    low: float = 0.0
    high: float = 1.0
    right: float | None = RIGHT  # the value from which an attempt is right; None: none is called so
    over: Literal["attempt", "sample", "corpus"] = "attempt"

    @property
    def plain(self) -> bool:
        """Whether a run's value is the mean of attempts' shares of a full score, as accuracy is."""
        return self.over == "attempt" and (self.low, self.high, self.better) == (0.0, 1.0, "higher")

    @property
    def share(self) -> bool:
        """Whether values are written times a hundred."""
        return self.unit in (SHARE, OF_100)

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self.better == "higher" else -1

    @property
    def worst(self) -> float:
        """What no answer is worth, where that has a bound."""
        return self.low if self.better == "higher" else self.high

    @property
    def nothing(self) -> float:
        """The value up to which an attempt is wrong: of a correlation 0, which is chance."""
        return max(0.0, self.low) if self.better == "higher" else self.high

    def value(self, value: float | None) -> str:
        """A value as a report writes it: "45.0%", "27.3", "1.234"."""
        if value is None or math.isnan(value):
            return "–"
        return f"{100 * value:.1f}{'%' if self.unit == SHARE else ''}" if self.share else plain_number(value)

    def range(self, low: float, high: float) -> str:
        """The ends of an interval, without a unit: "29.3–61.5"."""
        if self.share:
            return f"{100 * low:.1f}–{100 * high:.1f}".replace("--", "–−")
        return f"{plain_number(low)} to {plain_number(high)}"

    def difference(self, difference: float) -> str:
        """A difference with its sign: "+12.3", in points of 100 where values are."""
        text = f"{100 * abs(difference):.1f}" if self.share else plain_number(abs(difference))
        nothing = not any(digit in text for digit in "123456789∞")
        return f"{'±' if nothing else '+' if difference > 0 else '−'}{text}"

    def outcome(self, value: float) -> Literal["right", "partial", "wrong", "scored"]:
        """right, partial or wrong; "scored" where no single value is right."""
        if self.right is None:
            return "scored"
        good = value >= self.right if self.better == "higher" else value <= self.right
        return "right" if good else "wrong" if self.sign * value <= self.sign * self.nothing else "partial"


def plain_number(value: float) -> str:
    """Four significant digits: "1.234", "23.45", "1,234"."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    digits = 0 if value == 0 else math.floor(math.log10(abs(value)))
    return f"{value:,.{min(4, max(0, 3 - digits))}f}".replace("-", "−")


PLAIN = Kind()
"""Of a metric that says nothing else: a share, more being better."""


def kind_of_json(given: Any) -> Kind:
    """A kind as `dataclasses.asdict` wrote it; a plain one where it is damaged."""
    try:
        kind = Kind(**given)
        numbers = (kind.low, kind.high, *([] if kind.right is None else [kind.right]))
        if any(math.isnan(n) for n in numbers):  # which raises for what is no number, or beyond all
            return PLAIN
        known = kind.better in ("higher", "lower") and kind.over in ("attempt", "sample", "corpus")
        known = known and isinstance(kind.unit, str) and len(kind.unit) <= LONGEST
        if not known or not all(isinstance(n, int | float) for n in numbers):
            return PLAIN
    except (TypeError, OverflowError):
        return PLAIN
    return kind
