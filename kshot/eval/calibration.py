"""Does a stated probability come true as often as it says? Reliability, expected calibration error, Brier score.

Meets: pure functions of probabilities in [0, 1] and outcomes 0 or 1; checked against scikit-learn.

Concedes: the expected calibration error depends on its bins and is biased upwards with few samples; the
Brier score needs no bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kshot.eval.statistics import Interval, wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Bin:
    """The samples whose probability lies in one range: what was said, and how often it came true."""

    low: float
    high: float
    n: int
    probability: float  # mean
    frequency: float
    interval: Interval  # of the frequency


def checked(probabilities: Sequence[float], outcomes: Sequence[float]) -> tuple[NDArray[np.float64], ...]:
    """Both as arrays. Raises ValueError where they cannot be calibrated."""
    import numpy as np

    said, came = np.asarray(probabilities, dtype=float), np.asarray(outcomes, dtype=float)
    if said.shape != came.shape or said.ndim != 1 or not len(said):
        raise ValueError(f"{len(said)} probabilities and {len(came)} outcomes")
    if not ((said >= 0) & (said <= 1)).all() or not np.isin(came, (0.0, 1.0)).all():
        raise ValueError("probabilities must lie in [0, 1], and outcomes must be 0 or 1")
    return said, came


def reliability(probabilities: Sequence[float], outcomes: Sequence[float], bins: int = 10) -> list[Bin]:
    """The reliability curve: the bins of equal width that hold samples, the last closed on both sides.

    (DeGroot and Fienberg 1983, The Statistician 32:12.)
    """
    import numpy as np

    said, came = checked(probabilities, outcomes)
    if bins < 1:
        raise ValueError(f"bins is {bins}; it must be 1 or more")
    place = np.minimum((said * bins).astype(int), bins - 1)
    found = []
    for at in np.unique(place):
        inside = place == at
        n, right = int(inside.sum()), float(came[inside].sum())
        bound = wilson(right, n)
        found.append(Bin(at / bins, (at + 1) / bins, n, float(said[inside].mean()), right / n, bound))
    return found


def expected_calibration_error(probabilities: Sequence[float], outcomes: Sequence[float], bins: int = 10) -> float:
    """Mean distance between probability and frequency over bins, weighted by samples (Naeini et al. 2015; Guo et al.
    2017, arXiv 1706.04599, equation 3).

    >>> expected_calibration_error([0.75, 0.75, 0.25, 0.25], [1, 1, 0, 0])
    0.25
    """
    found = reliability(probabilities, outcomes, bins)
    return sum(one.n * abs(one.probability - one.frequency) for one in found) / sum(one.n for one in found)


def brier(probabilities: Sequence[float], outcomes: Sequence[float]) -> float:
    """Mean squared distance of the probability from what came (Brier 1950, Monthly Weather Review 78:1).

    >>> brier([1.0, 0.5], [1, 0])
    0.125
    """
    said, came = checked(probabilities, outcomes)
    return float(((said - came) ** 2).mean())
