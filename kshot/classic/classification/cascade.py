"""Logistic regressions that feed another one: the first neural network (Hung-yi Lee, "Classification: Logistic
Regression", cascading logistic regression models).

Meets: the features of `kshot.classic.classification.kernel` need not be made by hand: the first layer's logistic
regressions learn them together with the last one's boundary, by the chain rule written out. Concedes: two layers and
two classes; deeper networks are the autograd's.
"""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from kshot.classic.classification.classifier import Classifier
from kshot.classic.classification.logistic import cross_entropy, sigmoid
from kshot.classic.data.inputs import Array, features, labelled, number, two_classes
from kshot.classic.descent.solvers import minimise

SATURATED = 1e-9
"""A unit this near to 0 or 1 hands back next to no slope."""


class CascadedLogisticRegression(Classifier):
    """P(C_1 | x) = sigma(w . x' + b) where each x'_i = sigma(w_i . x + b_i) is a logistic regression itself.

    Trained for the least sum_n cross-entropy + l2/2 (all squared weights, no bias), which has several minima: the best
    of `n_init` starts is kept, drawn with `random_state`. The other hyperparameters are LogisticRegression's.
    """

    def __init__(
        self,
        *,
        hidden: int = 2,
        l2: float = 1e-3,
        n_init: int = 5,
        solver: str = "lbfgs",
        lr: float = 1.0,
        max_iter: int = 2000,
        tol: float = 1e-4,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.hidden = hidden
        self.l2 = l2
        self.n_init = n_init
        self.solver = solver
        self.lr = lr
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """All layers together. Raises ValueError; warns where a start did not reach a minimum."""
        for parameter in ("hidden", "n_init"):
            number(self, parameter, low=1, whole=True)
        number(self, "l2", low=0)
        X, self.classes_, codes = labelled(self, X, y)
        two_classes(self, self.classes_)
        n, d, h = len(X), X.shape[1], self.hidden
        target = codes.astype(float)
        rows = np.column_stack([X, np.ones(n)])

        def objective(flat: Array) -> tuple[float, Array]:
            first, last = flat[: h * (d + 1)].reshape(h, d + 1), flat[h * (d + 1) :]
            made = sigmoid(rows @ first.T)  # x', (rows, hidden)
            losses, slope = cross_entropy(made @ last[:-1] + last[-1], target)  # slope: dC/dz = f - y
            down_last = np.append(made.T @ slope, slope.sum())
            # dC/dz_i = dC/dz * dz/dx'_i * dx'_i/dz_i = (f - y) * w_i * x'_i (1 - x'_i)
            behind = slope[:, None] * last[:-1] * made * (1 - made)  # (rows, hidden)
            down_first = behind.T @ rows
            kept_first, kept_last = np.copy(first), np.copy(last)
            kept_first[:, -1] = kept_last[-1] = 0.0  # biases are not penalised
            total = losses.sum() + 0.5 * self.l2 * ((kept_first**2).sum() + (kept_last**2).sum())
            gradient = np.concatenate([(down_first + self.l2 * kept_first).ravel(), down_last + self.l2 * kept_last])
            return float(total) / n, gradient / n

        random = check_random_state(self.random_state)
        starts = [random.normal(size=h * (d + 1) + h + 1) for _ in range(self.n_init)]
        found = min((minimise(self, objective, start) for start in starts), key=lambda minimum: minimum.losses[-1])
        first, last = found.weights[: h * (d + 1)].reshape(h, d + 1), found.weights[h * (d + 1) :]
        self.coefs_ = [first[:, :-1], last[None, :-1]]  # (hidden, columns), (1, hidden)
        self.intercepts_ = [first[:, -1], last[-1:]]
        made = self._made(X)
        if ((made < SATURATED) | (made > 1 - SATURATED)).all():
            warnings.warn(
                "CascadedLogisticRegression: every hidden unit is 0 or 1 on every row, where there is no slope to "
                "learn from, so that the first layer is as it was drawn; scale the columns of X to numbers near 1.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.losses_ = np.array(found.losses)
        self.n_iter_ = max(1, found.n_iter)
        return self

    def hidden_features(self, X: Any) -> Array:
        """x': what the first layer makes of each row, (rows, hidden), for the last to divide by a straight line."""
        check_is_fitted(self)
        return self._made(features(self, X, fitting=False))

    def _made(self, X: Array) -> Array:
        made: Array = sigmoid(X @ self.coefs_[0].T + self.intercepts_[0])
        return made

    def log_joint(self, X: Array) -> Array:
        """0 for class 0 and z = w . x' + b for class 1."""
        z = self._made(X) @ self.coefs_[1][0] + self.intercepts_[1][0]
        return np.column_stack([np.zeros_like(z), z])
