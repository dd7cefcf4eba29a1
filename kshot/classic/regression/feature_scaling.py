"""Feature scaling (Hung-yi Lee, "Gradient Descent", tip 3): columns of one size, so that one step fits all weights.

Meets: scikit-learn's transformer contract; MinMaxScaler's and StandardScaler's numbers. Concedes: dense rows, fitted at
once.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from kshot.classic.data.inputs import Array, centred, features, powers_of_two

CONSTANT = 10 * np.finfo(np.float64).eps
"""A column whose spread is this share of its size, or less, is constant but for rounding."""
FAR = 300
"""Numbers from 1e-300 to 1e+300 in size are taken: scaling is what makes them fit for the estimators."""


class Scaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """x <- (x - centre_) / spread_ for each column; a constant column becomes 0."""

    centre_: Array  # (columns,)
    spread_: Array

    def measure(self, X: Array) -> tuple[Array, Array]:
        """Centre and spread of each column."""
        raise NotImplementedError

    def fit(self, X: Any, y: Any = None) -> Self:
        """The columns' centres and spreads. Raises ValueError."""
        X = features(self, X, fitting=True, reach=FAR)
        sizes = powers_of_two(X)
        centre, spread = self.measure(X / sizes)  # squares of what is near 1 neither overflow nor vanish
        self.centre_, spread = centre * sizes, spread * sizes
        constant = spread <= CONSTANT * np.abs(X).max(axis=0)
        self.spread_ = np.where(constant, 1.0, spread)
        return self

    def transform(self, X: Any) -> Array:
        """The rows scaled. Raises NotFittedError, and ValueError where the columns are not those fitted."""
        check_is_fitted(self)
        scaled: Array = (features(self, X, fitting=False, reach=FAR) - self.centre_) / self.spread_
        return scaled

    def inverse_transform(self, X: Any) -> Array:
        """The rows as they were."""
        check_is_fitted(self)
        back: Array = features(self, X, fitting=False, reach=FAR) * self.spread_ + self.centre_
        return back


class MinMax(Scaler):
    """x <- (x - min) / (max - min): every column from 0 to 1."""

    def measure(self, X: Array) -> tuple[Array, Array]:
        low = X.min(axis=0)
        return low, X.max(axis=0) - low


class Standardisation(Scaler):
    """x <- (x - mean) / standard deviation, the latter over N rows: every column with mean 0 and variance 1."""

    def measure(self, X: Array) -> tuple[Array, Array]:
        away, mean = centred(X)
        return mean, np.sqrt((away**2).mean(axis=0))
