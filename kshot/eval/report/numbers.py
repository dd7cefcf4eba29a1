"""Numbers as a report writes them."""

from __future__ import annotations


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


def plus_minus(mean: float, half_width: float, places: int = 1) -> str:
    """A mean with half its interval: 1.234 and 0.56 as "1.2 ± 0.6"."""
    return f"{mean:.{places}f} ± {half_width:.{places}f}"
