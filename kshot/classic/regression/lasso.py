"""Regression with L1 by coordinate descent: weights that do not earn their place become exactly 0.

Meets: the objective and the weights of scikit-learn's Lasso to 1e-6; how far from the minimum it stopped is known,
not guessed (the duality gap). Concedes: it holds the columns' products with each other, (columns, columns).
"""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from kshot.classic.data.inputs import Array, centred, features, number, refuse_unbounded, targeted, unvarying


def soft_threshold(value: float, by: float) -> float:
    """S(v, t) = sign(v) max(|v| - t, 0): the minimum over w of 1/2 (w - v)^2 + t |w|.

    >>> soft_threshold(3.0, 1.0), soft_threshold(-3.0, 1.0), soft_threshold(0.5, 1.0)
    (2.0, -2.0, 0.0)
    """
    return value - by if value > by else value + by if value < -by else 0.0


class LassoRegression(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn carries no types
    """f = b + sum_i w_i x_i with the w and b of least 1/(2N) sum_n (y_n - f(x_n))^2 + alpha sum_i |w_i|.

    The objective is scikit-learn's (Tibshirani 1996; b is not penalised). One weight at a time is set to its best
    value, the others held (Friedman, Hastie and Tibshirani 2010, section 2.1), until the duality gap is at most `tol`
    times the loss of w = 0, or `max_iter` rounds over all weights are done. `losses_` has the objective before the
    first round and after each.

    >>> model = LassoRegression(alpha=0.1).fit([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]], [1.0, 3.0, 5.0, 7.0])
    >>> model.coef_.round(3).tolist()
    [1.92, 0.0]
    """

    def __init__(self, *, alpha: float = 1.0, max_iter: int = 10_000, tol: float = 1e-10) -> None:
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X: Any, y: Any) -> Self:
        """w and b. Raises ValueError; warns where the gap is still above `tol`."""
        number(self, "alpha", low=0)
        number(self, "max_iter", low=1, whole=True)
        number(self, "tol", low=0)
        X, y = targeted(self, X, y)
        (x, x_mean), y_mean = centred(X), y.mean()
        target = y - y_mean
        x[:, unvarying(x, len(x), x_mean)] = 0.0
        products = x.T @ x / len(y)  # (columns, columns)
        pull = x.T @ target / len(y)  # 1/N sum_n x_n (y_n - w x_n), of w = 0 at first
        squares = np.diag(products).tolist()
        alpha, w = float(self.alpha), np.zeros(X.shape[1])
        worst = tol = float(self.tol) * (target @ target) / (2 * len(y))
        losses = [(target @ target) / (2 * len(y))]
        for _ in range(self.max_iter):
            for i, square in enumerate(squares):
                if square == 0:
                    continue
                best = soft_threshold(pull[i] + square * w[i], alpha) / square
                if best != w[i]:
                    pull -= (best - w[i]) * products[i]
                    w[i] = best
            loss, worst = objective_and_gap(x, target, w, alpha)
            losses.append(loss)
            if worst <= tol:
                break
        else:
            warnings.warn(
                f"LassoRegression: the duality gap is {worst:.1e} after {self.max_iter} rounds, above {tol:.1e}; scale "
                f"the columns of X, or raise max_iter above {self.max_iter} or tol.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.coef_, self.intercept_, self.dual_gap_ = w, float(y_mean - x_mean @ w), worst
        self.losses_, self.n_iter_ = np.array(losses), len(losses) - 1
        return self

    def predict(self, X: Any) -> Array:
        """f = b + w x of each row. Raises ValueError where one lies so far off that f is no number."""
        check_is_fitted(self)
        with np.errstate(over="ignore", invalid="ignore"):
            predicted: Array = features(self, X, fitting=False) @ self.coef_ + self.intercept_
        refuse_unbounded(self, predicted)
        return predicted


def objective_and_gap(X: Array, y: Array, w: Array, alpha: float) -> tuple[float, float]:
    """The objective at w, and the most that it can be above its minimum (Kim et al. 2007, section III).

    Every residual r, shrunk by s until no column pulls harder than alpha, |x_i (s r)| / N <= alpha, gives a bound from
    below: s r y / N - |s r|^2 / (2N).
    """
    n, residual = len(y), y - X @ w
    loss = residual @ residual / (2 * n) + alpha * np.abs(w).sum()
    pull = np.abs(X.T @ residual).max(initial=0.0) / n
    shrink = min(1.0, alpha / pull) if pull > 0 else 1.0
    below = shrink * (residual @ y) / n - shrink**2 * (residual @ residual) / (2 * n)
    return float(loss), max(0.0, float(loss - below))
