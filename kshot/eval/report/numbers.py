"""Numbers as a report writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kshot.eval.statistics import Interval, t_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def percent(share: float | None) -> str:
    """0.4567 as "45.7%", None as a dash."""
    return "–" if share is None else f"{100 * share:.1f}%"


def percent_range(low: float, high: float) -> str:
    """A range of shares, for a column or a sentence that says percent itself: 0.293 and 0.615 as "29.3–61.5"."""
    return f"{100 * low:.1f}–{100 * high:.1f}"


def points(difference: float) -> str:
    """A difference of shares with its sign: 0.123 as "+12.3", in percentage points."""
    rounded = round(100 * difference, 1)
    return f"{'+' if rounded > 0 else '−' if rounded < 0 else '±'}{abs(rounded):.1f}"


def unsigned(difference: float, places: int = 1) -> str:
    """A spread or a distance of shares, which has no sign: 0.123 as "12.3", in percentage points."""
    return f"{100 * difference:.{places}f}"


def number(value: float) -> str:
    """A count or a duration, short: 1,234 / 56 / 7.8 / 0.012."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if value >= 20 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def as_relation(p: float) -> str:
    """A p-value with its relation: "= 0.012", "< 0.001"."""
    text = probability(p)
    return text if text.startswith("<") else f"= {text}"


def probability(p: float) -> str:
    """A p-value as papers write it."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.995 else "1"


def plus_minus(mean: float, half_width: float, places: int = 1, *, signed: bool = False) -> str:
    """A mean with half its interval: 1.234 and 0.56 as "1.2 ± 0.6", or "+1.2 ± 0.6" of a difference."""
    return f"{mean:{'+' if signed else ''}.{places}f} ± {half_width:.{places}f}"


def mean_plus_minus(
    values: Sequence[float] | NDArray[np.float64], places: int = 1, *, scale: float = 1.0, signed: bool = False
) -> str:
    """The mean of numbers with half its 95% interval by Student's t, both times `scale`.

    >>> mean_plus_minus([0.1, 0.2, 0.3], scale=100), mean_plus_minus([0.5])
    ('20.0 ± 24.8', '0.5 ± inf')
    """
    import numpy as np

    half_width = scale * t_interval(values).half_width
    return plus_minus(scale * float(np.mean(values)), half_width, places, signed=signed)


def brackets(interval: Interval, places: int = 1, *, scale: float = 1.0, signed: bool = False) -> str:
    """An interval's two ends, both times `scale`.

    >>> brackets(Interval(0.5, 1), 0, scale=100), brackets(Interval(-0.5, 1), signed=True)
    ('[50, 100]', '[-0.5, +1.0]')
    """
    form = f"{'+' if signed else ''}.{places}f"
    return f"[{scale * interval.low:{form}}, {scale * interval.high:{form}}]"


def mean_in_brackets(
    values: Sequence[float] | NDArray[np.float64],
    places: int = 1,
    *,
    scale: float = 1.0,
    least: float = -math.inf,
    signed: bool = False,
) -> str:
    """The mean of numbers before its 95% interval by Student's t, all times `scale`; the interval ends at `least`.

    >>> mean_in_brackets([0.1, 0.2, 0.3], scale=100, least=0)
    '20.0 [0.0, 44.8]'
    """
    import numpy as np

    span = t_interval(values)
    mean = f"{scale * float(np.mean(values)):{'+' if signed else ''}.{places}f}"
    return f"{mean} {brackets(Interval(max(least, span.low), span.high), places, scale=scale, signed=signed)}"
