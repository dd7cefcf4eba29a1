"""Is a derivative right? Central differences know.

Meets: f(x + h) - f(x - h) over 2 h against a derivative, value by value, with a relative error that is about 1e-9 where
it is right and near 1 where it is wrong (CS231n, "Gradient checks"); the worst value is named. Concedes: two
evaluations a value; a kink (relu at 0) between x - h and x + h looks like a mistake.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kshot.classic.data.inputs import Array, Values


@dataclass(frozen=True, slots=True)
class Check:
    """A derivative beside what central differences say of it."""

    derivative: Array
    differences: Array
    floor: float  # slopes below it are measured against it: rounding alone would make them differ
    tolerance: float

    @property
    def errors(self) -> Array:
        """|derivative - difference| over the larger of both."""
        size = np.maximum(np.abs(self.derivative), np.abs(self.differences))
        found: Array = np.abs(self.derivative - self.differences) / np.maximum(size, self.floor)
        return np.where(np.isnan(found), np.inf, found)

    @property
    def passed(self) -> bool:
        """Whether every value is within the tolerance."""
        return bool((self.errors <= self.tolerance).all())

    def __str__(self) -> str:
        errors = self.errors
        at = tuple(int(i) for i in np.unravel_index(int(errors.argmax()), errors.shape))
        return (
            f"{'right' if self.passed else 'wrong'}: largest relative error {errors[at]:.1e} at {at}, derivative "
            f"{self.derivative[at]:.6g}, central difference {self.differences[at]:.6g}"
        )


def central_differences(f: Callable[[], float], x: Values, *, h: float = 1e-5) -> Array:
    """(f(x + h e_i) - f(x - h e_i)) / 2 h for every value of x, which f reads and which is changed and put back."""
    slopes = np.empty(x.shape)
    for at in np.ndindex(x.shape):
        kept = x[at]
        x[at] = kept + h
        above = f()
        x[at] = kept - h
        below = f()
        x[at] = kept
        slopes[at] = (above - below) / (2 * h)
    return slopes


def check_gradient(
    f: Callable[[], float], x: Values, derivative: Values, *, h: float = 1e-5, tolerance: float = 1e-5
) -> Check:
    """Central differences of f, which reads the float64 array x, against its derivative there.

    Raises ValueError where the shapes differ or x is not float64.

    >>> x = np.array([1.0, 2.0])
    >>> check_gradient(lambda: float((x**3).sum()), x, 3 * x**2).passed
    True
    >>> check_gradient(lambda: float((x**3).sum()), x, 2 * x**2).passed
    False
    """
    if x.shape != derivative.shape:
        raise ValueError(f"the derivative has shape {derivative.shape}, x has {x.shape}; they must be the same.")
    if x.dtype != np.float64:
        raise ValueError(f"x is {x.dtype}; differences need float64.")
    differences = central_differences(f, x, h=h)
    rounding = np.finfo(np.float64).eps * abs(f()) / h
    floor = max(1e-3 * float(np.abs(differences).max(initial=0.0)), 4 * rounding / tolerance, np.finfo(np.float64).tiny)
    return Check(np.asarray(derivative, np.float64), differences, floor, tolerance)
