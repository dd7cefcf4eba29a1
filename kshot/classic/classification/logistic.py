"""Logistic regression and softmax regression (Hung-yi Lee, "Classification: Logistic Regression").

Meets: the loss and its derivative side by side, cross-entropy and squared error, by Newton's method, L-BFGS or
gradient descent; with cross-entropy the weights are scikit-learn's to 1e-6 (its C is 1 / l2). Concedes: squared error
of a sigmoid has no single minimum, so that the answer depends on the solver.

The lecture writes y-hat for the target; here y is the target and f the model's probability, z its logarithmic odds.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from scipy.special import expit, log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags

from kshot.classic.classification.classifier import Classifier
from kshot.classic.data.inputs import Array, centred, choice, labelled, number, two_classes, unvarying
from kshot.classic.descent.solvers import Minimum, Objective, minimise

sigmoid = expit
"""sigma(z) = 1 / (1 + exp(-z))."""


def cross_entropy(z: Array, y: Array) -> tuple[Array, Array]:
    """C = -[y ln f + (1 - y) ln (1 - f)] with f = sigma(z), and dC/dz = f - y: large while f is far from y.

    Written as ln(1 + e^z) - y z, which no z overflows.

    >>> loss, slope = cross_entropy(np.array([0.0, -20.0]), np.array([1.0, 1.0]))
    >>> loss.round(3).tolist(), slope.round(3).tolist()
    ([0.693, 20.0], [-0.5, -1.0])
    """
    return np.logaddexp(0.0, z) - y * z, sigmoid(z) - y


def squared_error(z: Array, y: Array) -> tuple[Array, Array]:
    """C = (f - y)^2 with f = sigma(z), and dC/dz = 2 (f - y) f (1 - f): nearly 0 at f = 0 and f = 1, right or wrong.

    >>> loss, slope = squared_error(np.array([0.0, -20.0]), np.array([1.0, 1.0]))
    >>> loss.round(3).tolist(), slope.round(3).tolist()
    ([0.25, 1.0], [-0.25, -0.0])
    """
    f = sigmoid(z)
    return (f - y) ** 2, 2 * (f - y) * f * (1 - f)


LOSSES: dict[str, Callable[[Array, Array], tuple[Array, Array]]] = {
    "cross-entropy": cross_entropy,
    "squared-error": squared_error,
}


def logistic_objective(rows: Array, target: Array, *, loss: str, penalty: Array) -> Objective:
    """w -> the loss a row and its gradient: 1/N (sum_n C(w x_n, y_n) + 1/2 sum_i penalty_i w_i^2).

    rows: (N, weights), a column of ones among them where there is a bias; target: 0 or 1; penalty: (weights,).
    """

    def objective(w: Array) -> tuple[float, Array]:
        losses, slopes = LOSSES[loss](rows @ w, target)
        total = losses.sum() + 0.5 * (penalty * w * w).sum()
        gradient = rows.T @ slopes + penalty * w  # of cross-entropy: sum_n (f(x_n) - y_n) x_n + lambda w
        return float(total) / len(rows), gradient / len(rows)

    return objective


class LogisticRegression(Classifier):
    """P(C_1 | x) = f(x) = sigma(w x + b), with the w and b of least sum_n C(f(x_n), y_n) + l2/2 |w|^2.

    loss: C, "cross-entropy" (the negative log-likelihood) or "squared-error". l2: lambda, 0 for none; b is not
    penalised. solver: "newton", "lbfgs" or "gradient-descent", the last with step `lr` on the loss a row. tol: the
    steepest slope left of the loss a row; the first two measure it with each column centred and scaled, so that neither
    the weights nor where they stop hang on units. `losses_` has that loss before the first step and after each.
    """

    def __init__(
        self,
        *,
        loss: str = "cross-entropy",
        l2: float = 1.0,
        solver: str = "newton",
        lr: float = 0.1,
        max_iter: int = 1000,
        tol: float = 1e-6,
    ) -> None:
        self.loss = loss
        self.l2 = l2
        self.solver = solver
        self.lr = lr
        self.max_iter = max_iter
        self.tol = tol

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """w and b. Raises ValueError; warns where the minimum was not reached, or there is none."""
        choice(self, "loss", LOSSES)
        number(self, "l2", low=0)
        X, self.classes_, codes = labelled(self, X, y)
        two_classes(self, self.classes_)
        target = codes.astype(float)
        mean, sizes = even(self, X)
        rows = np.column_stack([(X - mean) / sizes, np.ones(len(X))])  # a column of ones, so that b is the last weight
        penalty = np.append(self.l2 / sizes**2, 0.0)

        objective = logistic_objective(rows, target, loss=self.loss, penalty=penalty)

        def hessian(w: Array) -> Array:
            f = sigmoid(rows @ w)
            curvature: Array = (rows.T * (f * (1 - f))) @ rows + np.diag(penalty)  # sum_n f (1 - f) x_n x_n^T + ...
            return curvature / len(X)

        convex = self.loss == "cross-entropy"
        found = minimise(self, objective, np.zeros(rows.shape[1]), hessian=hessian if convex else None)
        self.coef_ = found.weights[None, :-1] / sizes  # (1, columns)
        self.intercept_ = found.weights[-1:] - self.coef_ @ mean
        learned(self, found)
        warn_if_separable(self, X, codes)
        return self

    def log_joint(self, X: Array) -> Array:
        """0 for class 0 and z = w x + b for class 1: their softmax is sigma(z)."""
        z = X @ self.coef_[0] + self.intercept_[0]
        return np.column_stack([np.zeros_like(z), z])


class SoftmaxRegression(Classifier):
    """P(C_k | x) = exp(z_k) / sum_j exp(z_j) with z_k = w_k x + b_k; the w, b of least sum_n C + l2/2 sum_k |w_k|^2.

    C = -sum_k y_k ln P(C_k | x), the cross-entropy, y one for the row's class and 0 for the others. Adding one vector
    to every w_k changes nothing, so with l2 = 0 the weights are those that sum to 0. The hyperparameters are
    LogisticRegression's; of two classes, l2 here weighs half as much as there on w_1 - w_0.
    """

    def __init__(
        self,
        *,
        l2: float = 1.0,
        solver: str = "newton",
        lr: float = 0.1,
        max_iter: int = 1000,
        tol: float = 1e-6,
    ) -> None:
        self.l2 = l2
        self.solver = solver
        self.lr = lr
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X: Any, y: Any) -> Self:
        """w_k and b_k. Raises ValueError; warns where the minimum was not reached, or there is none."""
        number(self, "l2", low=0)
        X, self.classes_, codes = labelled(self, X, y)
        k, (n, d) = len(self.classes_), X.shape
        target = np.eye(k)[codes]  # (rows, classes)
        mean, sizes = even(self, X)
        rows = np.column_stack([(X - mean) / sizes, np.ones(n)])
        penalty = np.append(self.l2 / sizes**2, 0.0)

        def objective(flat: Array) -> tuple[float, Array]:
            w = flat.reshape(k, d + 1)
            logs = log_softmax(rows @ w.T, axis=1)
            total = -(target * logs).sum() + 0.5 * (penalty * w * w).sum()
            gradient = (np.exp(logs) - target).T @ rows + penalty * w  # sum_n (f_k(x_n) - y_nk) x_n + ..., as before
            flattened: Array = gradient.ravel() / n
            return float(total) / n, flattened

        def hessian(flat: Array) -> Array:
            f = np.exp(log_softmax(rows @ flat.reshape(k, d + 1).T, axis=1))
            blocks: Array = np.empty((k, d + 1, k, d + 1))
            for i in range(k):
                for j in range(i, k):  # d^2 C / dz_i dz_j = f_i (delta_ij - f_j)
                    blocks[i, :, j] = blocks[j, :, i] = (rows.T * (f[:, i] * ((i == j) - f[:, j]))) @ rows
                blocks[i, :, i] += np.diag(penalty)
                # the loss is flat along one vector added to every class; any curvature there keeps H invertible,
                # and as no gradient has a part along it, no step will
                blocks[:, :, i] += n / k * np.eye(d + 1)
            curvature: Array = blocks.reshape(k * (d + 1), k * (d + 1)) / n
            return curvature

        found = minimise(self, objective, np.zeros(k * (d + 1)), hessian=hessian)
        weights = found.weights.reshape(k, d + 1)
        self.coef_ = weights[:, :-1] / sizes  # (classes, columns)
        self.intercept_ = weights[:, -1] - self.coef_ @ mean  # (classes,)
        learned(self, found)
        warn_if_separable(self, X, codes)
        return self

    def log_joint(self, X: Array) -> Array:
        """z_k = w_k x + b_k."""
        scores: Array = X @ self.coef_.T + self.intercept_
        return scores


def even(estimator: LogisticRegression | SoftmaxRegression, X: Array) -> tuple[Array, Array]:
    """What to take off each column, its mean, and what to divide it by, a power of two near its curvature's root.

    The loss is then about as curved along every weight and b is apart from them, which changes neither it nor its
    minimum, as b is not penalised; gradient descent goes down the loss as it is.
    """
    if estimator.solver == "gradient-descent":
        return np.zeros(X.shape[1]), np.ones(X.shape[1])
    away, mean = centred(X)
    away[:, unvarying(away, len(X), mean)] = 0.0
    curvature = (away * away).mean(axis=0) + estimator.l2 / len(X)
    return mean, np.exp2(np.round(np.log2(np.where(curvature > 0, curvature, 1.0)) / 2))


def learned(estimator: LogisticRegression | SoftmaxRegression, found: Minimum) -> None:
    """Keeps how the solver went: `n_iter_` and `losses_`."""
    estimator.n_iter_ = max(1, found.n_iter)
    estimator.losses_ = np.array(found.losses)


def warn_if_separable(estimator: LogisticRegression | SoftmaxRegression, X: Array, codes: Any) -> None:
    """Without l2, rows that a linear boundary divides have no likeliest weights: twice as large is likelier still."""
    if estimator.l2 == 0 and bool((estimator.log_joint(X).argmax(axis=1) == codes).all()):
        warnings.warn(
            f"{type(estimator).__name__}: the classes are divided without error, so with l2=0 the best weights are "
            "infinite and these only where the solver stopped; set l2 above 0.",
            ConvergenceWarning,
            stacklevel=3,
        )
