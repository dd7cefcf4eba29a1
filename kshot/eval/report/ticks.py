"""Logarithmic axes that say 10, 100 and 1,000 instead of powers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axis import Axis


def plain_number(value: float) -> str:
    """A number without an exponent.

    >>> plain_number(1000.0), plain_number(0.001), plain_number(2.5)
    ('1,000', '0.001', '2.5')
    """
    return (
        f"{value:,.10g}" if abs(value) >= 1 else np.format_float_positional(value, precision=6, trim="-", unique=True)
    )


def plain_logarithms(axis: Axis) -> None:
    """Ticks of a logarithmic axis as plain numbers; where it spans less than two decades 2 and 5 are named too.

    Call it after the axis was made logarithmic.
    """
    from matplotlib.ticker import FuncFormatter

    def minor(value: float, _: int | None) -> str:
        low, high = sorted(axis.get_view_interval())
        leading = round(value / 10 ** math.floor(math.log10(value) + 1e-9))
        return plain_number(value) if high < 100 * low and leading in (2, 5) else ""

    axis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))
    axis.set_minor_formatter(FuncFormatter(minor))
