"""Beyond a straight boundary: transform the features, or let a kernel do it without their ever being written down.

The lecture's two ways out of logistic regression's limit: features made by hand (here the distances to chosen points),
and the kernel trick: w = sum_n alpha_n x_n, so that f(x) needs rows only through K(x_n, x) = phi(x_n) . phi(x) (Hung-yi
Lee, "Classification: Logistic Regression", limitation; "Support Vector Machine", kernel trick).

Meets: kernel logistic regression, equal to logistic regression on the written-out features where there are any.
Concedes: every training row is kept, and a step solves a system as large as there are rows.
"""

from __future__ import annotations

import warnings
from itertools import combinations_with_replacement
from math import factorial, prod
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from kshot.classic.classification.classifier import Classifier
from kshot.classic.classification.logistic import cross_entropy, sigmoid
from kshot.classic.data.inputs import Array, choice, features, labelled, number, refuse_too_many_terms, two_classes

KERNELS = ("linear", "polynomial", "rbf")
ROUNDED = 1e-5
"""The most that rounding may move a row's z: the sum of alpha_n K(x_n, x) of terms that nearly cancel."""


def linear_kernel(A: Array, B: Array) -> Array:
    """K(a, b) = a . b, (rows of A, rows of B)."""
    return A @ B.T


def polynomial_kernel(A: Array, B: Array, *, degree: int, coef0: float) -> Array:
    """K(a, b) = (a . b + c)^degree: the inner product of all monomials up to that degree (`PolynomialMap`)."""
    kernel: Array = (A @ B.T + coef0) ** degree
    return kernel


def rbf_kernel(A: Array, B: Array, *, gamma: float) -> Array:
    """K(a, b) = exp(-gamma |a - b|^2): an inner product in infinitely many dimensions."""
    centre = B.mean(axis=0)  # distances are the same from anywhere, and lose no digits from near by
    A, B = A - centre, B - centre
    squares = (A * A).sum(axis=1)[:, None] - 2 * A @ B.T + (B * B).sum(axis=1)
    kernel: Array = np.exp(-gamma * np.maximum(squares, 0.0))  # rounding may leave a distance of 0 just below it
    return kernel


REMEDY = "scale the columns of X"


class KernelLogisticRegression(Classifier):
    """P(C_1 | x) = sigma(sum_n alpha_n K(x_n, x) + b), with the least sum_n cross-entropy + l2/2 alpha^T K alpha.

    That penalty is l2/2 |w|^2 of w = sum_n alpha_n phi(x_n). At the minimum alpha_n = (y_n - f(x_n)) / l2: a row
    counts for as much as it is still misjudged.
    kernel: "linear", "polynomial" (`degree`, `coef0`) or "rbf" (`gamma`; None is 1 / (columns * variance of X)).
    """

    def __init__(
        self,
        *,
        kernel: str = "rbf",
        l2: float = 1.0,
        degree: int = 2,
        coef0: float = 1.0,
        gamma: float | None = None,
        max_iter: int = 100,
        tol: float = 1e-8,
    ) -> None:
        self.kernel = kernel
        self.l2 = l2
        self.degree = degree
        self.coef0 = coef0
        self.gamma = gamma
        self.max_iter = max_iter
        self.tol = tol

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """alpha and b by Newton's method. Raises ValueError."""
        choice(self, "kernel", KERNELS)
        number(self, "l2", low=0, open_low=True)
        number(self, "degree", low=1, whole=True)
        number(self, "coef0", low=0)
        number(self, "max_iter", low=1, whole=True)
        number(self, "tol", low=0)
        if self.gamma is not None:
            number(self, "gamma", low=0, open_low=True)
        X, self.classes_, codes = labelled(self, X, y)
        two_classes(self, self.classes_)
        self.X_fit_ = X.copy()  # the caller may change theirs
        spread = float(X.var())
        self.gamma_ = self.gamma if self.gamma is not None else 1 / (X.shape[1] * spread) if spread > 0 else 1.0
        with np.errstate(over="ignore", invalid="ignore"):
            K, target = self.kernel_matrix(X, X), codes.astype(float)
        if not np.isfinite(K).all():
            raise ValueError(f"KernelLogisticRegression: the kernel left all bounds; {REMEDY}, or lower degree.")

        def loss(alpha: Array, b: float) -> float:
            return float(cross_entropy(K @ alpha + b, target)[0].sum() + 0.5 * self.l2 * alpha @ K @ alpha)

        alpha, b, n = np.zeros(len(X)), 0.0, len(X)
        value = loss(alpha, b)
        for step_number in range(self.max_iter + 1):
            f = sigmoid(K @ alpha + b)
            # the slope along alpha is K (f - y + l2 alpha): K is left out on both sides of Newton's equation
            slope = np.append(f - target + self.l2 * alpha, (f - target).sum())
            if np.abs(slope).max() <= self.tol * n or step_number == self.max_iter:
                break
            bent = (f * (1 - f))[:, None] * np.column_stack([K, np.ones(n)])
            system = np.vstack([bent, bent.sum(axis=0)])
            system[:n, :n] += self.l2 * np.eye(n)
            try:
                step, t = np.linalg.solve(system, slope), 1.0
            except np.linalg.LinAlgError:
                raise ValueError(f"KernelLogisticRegression: {self._too_large(K)}") from None
            while (new := loss(alpha - t * step[:n], b - t * step[n])) > value and t > 1e-8:
                t /= 2
            alpha, b, value = alpha - t * step[:n], b - t * float(step[n]), new
        self.n_iter_ = max(1, step_number)
        if not np.finfo(float).eps * float((np.abs(K) @ np.abs(alpha)).max()) <= ROUNDED:  # NaN is no digits either
            raise ValueError(f"KernelLogisticRegression: {self._too_large(K)}")
        if np.abs(slope).max() > self.tol * n:
            warnings.warn(
                f"KernelLogisticRegression: a slope of {np.abs(slope).max() / n:.1e} a row is left after {step_number} "
                f"steps, above tol={self.tol:g}; scale the columns of X, or raise l2, tol or max_iter.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.dual_coef_, self.intercept_ = alpha, b  # (rows,)
        return self

    def _too_large(self, K: Array) -> str:
        """Why the sums over rows cannot be trusted."""
        return (
            f"beside l2={self.l2:g} the kernel, up to {np.abs(K).max():.2g}, leaves no digits; {REMEDY}, or raise l2."
        )

    def kernel_matrix(self, A: Array, B: Array) -> Array:
        """K(a, b) of all rows, (rows of A, rows of B)."""
        if self.kernel == "linear":
            return linear_kernel(A, B)
        if self.kernel == "polynomial":
            return polynomial_kernel(A, B, degree=self.degree, coef0=self.coef0)
        return rbf_kernel(A, B, gamma=self.gamma_)

    def log_joint(self, X: Array) -> Array:
        """0 for class 0 and z = sum_n alpha_n K(x_n, x) + b for class 1."""
        z = self.kernel_matrix(X, self.X_fit_) @ self.dual_coef_ + self.intercept_
        return np.column_stack([np.zeros_like(z), z])


class PolynomialMap(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn carries no types
    """phi(x) of the polynomial kernel, written out: phi(a) . phi(b) = (a . b + coef0)^degree.

    By the multinomial theorem its features are the monomials up to `degree`, each times the root of its coefficient:
    of two columns and degree 2, (x1^2, r x1 x2, r c x1, x2^2, r c x2, c^2) with r the root of 2 and c of coef0.
    """

    def __init__(self, *, degree: int = 2, coef0: float = 1.0) -> None:
        self.degree = degree
        self.coef0 = coef0

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learns the columns only. Raises ValueError."""
        number(self, "degree", low=1, whole=True)
        number(self, "coef0", low=0)
        X = features(self, X, fitting=True)
        refuse_too_many_terms(self, X.shape[1], self.degree)
        return self

    def transform(self, X: Any) -> Array:
        """phi of each row. Raises ValueError."""
        check_is_fitted(self)
        X = features(self, X, fitting=False)
        extended = np.column_stack([X, np.full(len(X), np.sqrt(float(self.coef0)))])
        made = []
        for chosen in combinations_with_replacement(range(extended.shape[1]), self.degree):
            repeats = [chosen.count(column) for column in set(chosen)]
            coefficient = factorial(self.degree) / prod(factorial(repeat) for repeat in repeats)
            with np.errstate(over="ignore", invalid="ignore"):
                made.append(np.sqrt(coefficient) * extended[:, list(chosen)].prod(axis=1))
        phi = np.column_stack(made)
        if not np.isfinite(phi).all():
            raise ValueError(f"PolynomialMap: a product of columns left all bounds; {REMEDY}, or lower degree.")
        return phi

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags


class Distances(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn carries no types
    """The lecture's features made by hand: x becomes its distances to chosen points.

    points: (points, columns); None takes two, the lowest and the highest corner of the training rows, which for XOR
    are the lecture's (0, 0) and (1, 1).

    >>> Distances().fit_transform([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]).round(2).tolist()
    [[0.0, 1.41], [1.0, 1.0], [1.0, 1.0], [1.41, 0.0]]
    """

    def __init__(self, *, points: Any = None) -> None:
        self.points = points

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learns the corners where no points are given. Raises ValueError."""
        X = features(self, X, fitting=True)
        points = [X.min(axis=0), X.max(axis=0)] if self.points is None else self.points
        try:
            self.points_ = np.array(points, dtype=float)
        except (TypeError, ValueError):
            raise ValueError(f"Distances: points is {points!r}; give (points, {X.shape[1]}) numbers.") from None
        if not np.isfinite(self.points_).all():
            raise ValueError(f"Distances: points is {points!r}; its numbers must be finite.")
        if self.points_.ndim != 2 or self.points_.shape[1] != X.shape[1]:
            raise ValueError(
                f"Distances: points is of shape {self.points_.shape}; give (points, {X.shape[1]}) as X has."
            )
        return self

    def transform(self, X: Any) -> Array:
        """|x - point| of each row and point, (rows, points). Raises ValueError."""
        check_is_fitted(self)
        X = features(self, X, fitting=False)
        distances: Array = np.linalg.norm(X[:, None, :] - self.points_, axis=2)
        return distances
