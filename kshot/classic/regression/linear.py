"""Regression (Hung-yi Lee, "Regression: Case Study"): a line, a polynomial, and both kept small by L2.

Meets: y = b + sum_i w_i x_i with the b and w of least squared error, in closed form, by gradient descent or by
stochastic gradient descent; the closed form is scikit-learn's to 1e-6, whatever units the columns have, and a whole
path of lambdas costs one singular value decomposition. Concedes: one target, no weights of rows.

The lecture writes y-hat for the target; here y is the target and f the model's value. Its lambda is `alpha`, as in
scikit-learn.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from kshot.classic.data.inputs import Array, centred, choice, features, number, refuse_unbounded, targeted, unvarying
from kshot.classic.descent.solvers import Minimum, Objective, gradient_descent

SOLVERS = ("closed-form", "gradient-descent", "sgd")
BLOCK = 1024
"""Rows that are decomposed at a time."""
APART = 1e4
"""Columns whose lengths are further apart than this are scaled before they are decomposed."""


def squared_objective(rows: Array, y: Array, penalty: Array) -> Objective:
    """w -> the loss a row and its gradient: L = 1/N (sum_n (y_n - w x_n)^2 + sum_i penalty_i w_i^2).

    rows: (N, weights), a column of ones among them where there is a bias; penalty: (weights,), 0 for the bias.

    >>> objective = squared_objective(np.array([[2.0, 1.0]]), np.array([5.0]), np.zeros(2))
    >>> loss, gradient = objective(np.zeros(2))
    >>> loss, gradient.tolist()
    (25.0, [-20.0, -10.0])
    """

    def objective(w: Array) -> tuple[float, Array]:
        error = y - rows @ w
        loss = (error @ error + penalty @ (w * w)) / len(rows)
        gradient: Array = 2 * (penalty * w - rows.T @ error) / len(rows)  # sum_n 2 (y_n - w x_n) (-x_n) + 2 lambda w
        return float(loss), gradient

    return objective


def ridge_path(X: Any, y: Any, alphas: Sequence[float] | Array) -> tuple[Array, Array]:
    """The weights (alphas, columns) and biases (alphas,) of RidgeRegression for each alpha, from one decomposition.

    Raises ValueError for input that is no regression's, and for an alpha below 0.

    >>> coefs, biases = ridge_path([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], [0.0, 2.0])
    >>> coefs.round(6).tolist(), biases.round(6).tolist()
    ([[2.0], [1.0]], [1.0, 2.0])
    """
    X, y = targeted(RidgeRegression(), X, y)
    checked = np.asarray(alphas, dtype=np.float64)
    if checked.ndim != 1 or not np.isfinite(checked).all() or (checked < 0).any():
        raise ValueError(f"ridge_path: alphas are {alphas!r}; they must be a list of numbers of at least 0.")
    return least_squares(X, y, checked)


def least_squares(X: Array, y: Array, alphas: Array) -> tuple[Array, Array]:
    """w = (X^T X + alpha I)^-1 X^T y of centred columns, for every alpha; b = mean(y) - w mean(x).

    With X = U S V^T it is w = V (S / (S^2 + alpha)) U^T y (Hastie, Tibshirani and Friedman, section 3.4.1). X itself is
    first turned into a triangle, X = Q R, whose S and V are the same; that y stands as R's last column saves forming Q.
    Where alpha is 0 and a column is a combination of others, the shortest w is taken.

    A decomposition is exact to a share of the largest column, in which a column a billion times smaller would drown:
    where units are apart, and for alpha = 0, whose w should not hang on units, each is `solved` by itself.
    """
    (n, columns), y_mean = X.shape, y.mean()
    both = np.empty((n, columns + 1))
    x_mean = centred(X, both[:, :-1])[1]
    np.subtract(y, y_mean, out=both[:, -1])
    R = both if n <= columns else triangle(both)  # of few rows it would be no smaller
    turned, target = R[:, :-1], R[:, -1]  # Q^T X, Q^T y
    turned[:, unvarying(turned, n, x_mean)] = 0.0
    lengths = np.linalg.norm(turned, axis=0)
    lengths = lengths[lengths > 0]
    coefs: Array = np.zeros((len(alphas), columns))
    together = np.full(len(alphas), lengths.max(initial=0.0) <= APART * lengths.min(initial=np.inf))
    for at in np.flatnonzero(~together | (alphas == 0)):
        w = solved(turned, target, float(alphas[at]), max(X.shape))
        together[at] = w is None
        if w is not None:
            coefs[at] = w
    if together.any():
        u, s, vt = np.linalg.svd(turned, full_matrices=False)
        tiny = s <= max(X.shape) * np.finfo(float).eps * s.max(initial=0.0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            shares = 1 / (s + alphas[together, None] / s)  # S / (S^2 + alpha), (alphas, singular values)
        shares[np.ix_(alphas[together] == 0, tiny)] = 0.0
        coefs[together] = (shares * (u.T @ target)) @ vt
    biases: Array = y_mean - coefs @ x_mean
    return coefs, biases


def triangle(X: Array) -> Array:
    """R of X = Q R; a tall X by blocks of rows, whose triangles are one more X (Demmel et al. 2012, "TSQR").

    A block stays in the processor's cache and is no work for several threads, which would wait for one another.
    """
    blocks = len(X) // BLOCK
    if blocks > 2 and 16 * X.shape[1] <= BLOCK:
        parts = X[: blocks * BLOCK].reshape(blocks, BLOCK, -1)
        X = np.vstack([np.asarray(np.linalg.qr(parts, mode="r")).reshape(-1, X.shape[1]), X[blocks * BLOCK :]])
    return np.asarray(np.linalg.qr(X, mode="r"))


def solved(X: Array, y: Array, alpha: float, size: int) -> Array | None:
    """One w, with columns scaled to one length, those of the penalty's rows included; None where it is not unique."""
    stacked = np.vstack([X, np.sqrt(alpha) * np.eye(X.shape[1])]) if alpha else X
    lengths = np.linalg.norm(stacked, axis=0)
    varying = lengths > 0
    w: Array = np.zeros(X.shape[1])
    if not varying.any():
        return w
    even = stacked[:, varying] / lengths[varying]
    target = np.append(y, np.zeros(len(stacked) - len(y)))
    found, _, rank, _ = np.linalg.lstsq(even, target, rcond=size * np.finfo(float).eps)
    if rank < varying.sum():
        return None
    w[varying] = found / lengths[varying]
    return w


class LeastSquares(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn carries no types
    """What the three models share: a design (the columns that the weights stand for), a solver, and f = b + w x."""

    coef_: Array
    intercept_: float
    solver: str
    lr: float | None
    max_iter: int
    tol: float
    random_state: int | np.random.RandomState | None

    def strength(self) -> float:
        """Lambda; 0 where nothing is penalised."""
        return 0.0

    def learn_design(self, X: Array) -> None:
        """What `design` needs to know of the rows that are fitted."""

    def design(self, X: Array) -> Array:
        """The columns that the weights stand for, (rows, weights)."""
        return X

    def fit(self, X: Any, y: Any) -> Self:
        """w and b. Raises ValueError; warns where a descent did not reach the minimum."""
        choice(self, "solver", SOLVERS)
        number(self, "max_iter", low=1, whole=True)
        number(self, "tol", low=0)
        if self.lr is not None:
            number(self, "lr", low=0, open_low=True)
        alpha = self.strength()
        X, y = targeted(self, X, y)
        self.learn_design(X)
        rows = self.design(X)
        if self.solver == "closed-form":
            coefs, biases = least_squares(rows, y, np.array([alpha]))
            self.coef_, self.intercept_, self.n_iter_ = coefs[0], float(biases[0]), 1
            error = y - rows @ self.coef_ - self.intercept_
            self.losses_ = np.array([(error @ error + alpha * self.coef_ @ self.coef_) / len(y)])
            return self
        rows = np.column_stack([rows, np.ones(len(rows))])  # a column of ones, so that b is the last weight
        found = self._descend(rows, y, np.append(np.full(rows.shape[1] - 1, alpha), 0.0))
        self.coef_, self.intercept_ = found.weights[:-1], float(found.weights[-1])
        self.n_iter_, self.losses_ = max(1, found.n_iter), np.array(found.losses)
        return self

    def predict(self, X: Any) -> Array:
        """f = b + w x of each row. Raises ValueError where one lies so far off that f is no number."""
        check_is_fitted(self)
        with np.errstate(over="ignore", invalid="ignore"):
            predicted: Array = self.design(features(self, X, fitting=False)) @ self.coef_ + self.intercept_
        refuse_unbounded(self, predicted)
        return predicted

    def _descend(self, rows: Array, y: Array, penalty: Array) -> Minimum:
        """From w = b = 0 down to a slope of `tol` times the first."""
        name = type(self).__name__
        objective = squared_objective(rows, y, penalty)
        start = np.zeros(rows.shape[1])
        first = float(np.abs(objective(start)[1]).max())
        n, tol = len(rows), float(self.tol) * first
        if self.solver == "gradient-descent":
            # one over the largest curvature: the longest step that overshoots in no direction
            steepest = np.linalg.eigvalsh(rows.T @ rows + np.diag(penalty))[-1]
            lr = n / (2 * steepest) if self.lr is None else float(self.lr)
            found = gradient_descent(objective, start, lr=lr, max_iter=self.max_iter, tol=tol)
        else:
            longest = (rows**2).sum(axis=1).max() + penalty.max() / n
            lr = 1 / (2 * longest) if self.lr is None else float(self.lr)
            random = check_random_state(self.random_state)
            found = stochastic_descent(rows, y, penalty, start, lr=lr, max_iter=self.max_iter, tol=tol, random=random)
        if not np.isfinite(found.losses[-1]):
            raise ValueError(f"{name}: the loss left all bounds; scale the columns of X, or set lr below {lr:g}.")
        if found.steepest > tol:
            warnings.warn(
                f"{name}: {found.steepest / first:.1e} of the first slope is left after max_iter={self.max_iter}, "
                f"above tol={self.tol:g}; scale the columns of X, or raise max_iter or tol.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return found


def stochastic_descent(
    rows: Array,
    y: Array,
    penalty: Array,
    start: Array,
    *,
    lr: float,
    max_iter: int,
    tol: float,
    random: np.random.RandomState,
) -> Minimum:
    """w <- w - lr_t * gradient of one row's loss, L^n = (y_n - w x_n)^2 + 1/N sum_i penalty_i w_i^2.

    An epoch sees every row once, in an order of its own; in epoch t the step is lr / sqrt(t + 1) (the lecture's 1/t
    decay). `losses` are those of all rows, after each epoch, `max_iter` counts epochs.
    """
    objective = squared_objective(rows, y, penalty)
    weights, n = start.copy(), len(rows)
    loss, gradient = objective(weights)
    losses = [loss]
    with np.errstate(over="ignore", invalid="ignore"):
        while len(losses) <= max_iter and np.isfinite(loss) and np.abs(gradient).max() > tol:
            step = lr / np.sqrt(len(losses))
            for row in random.permutation(n):
                x = rows[row]
                weights -= step * 2 * (penalty * weights / n - (y[row] - x @ weights) * x)
            loss, gradient = objective(weights)
            losses.append(loss)
    return Minimum(weights, tuple(losses), float(np.abs(gradient).max()))


class LinearRegression(LeastSquares):
    """f = b + sum_i w_i x_i with the w and b of least sum_n (y_n - f(x_n))^2.

    solver: "closed-form", "gradient-descent" or "sgd" (one row a step). lr: their step on the loss a row; None takes
    one over the largest curvature. tol: the share of the first slope at which they stop, after at most `max_iter`
    steps or epochs. `losses_` has the loss a row before the first step and after each.

    >>> model = LinearRegression().fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> round(float(model.coef_[0]), 6), round(model.intercept_, 6)
    (2.0, 1.0)
    """

    def __init__(
        self,
        *,
        solver: str = "closed-form",
        lr: float | None = None,
        max_iter: int = 1000,
        tol: float = 1e-6,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.solver = solver
        self.lr = lr
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state


class RidgeRegression(LeastSquares):
    """f = b + sum_i w_i x_i with the w and b of least sum_n (y_n - f(x_n))^2 + alpha sum_i w_i^2; b is not penalised.

    The lecture: smaller weights make a smoother function, and b only moves it up and down. The other hyperparameters
    are LinearRegression's.
    """

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        solver: str = "closed-form",
        lr: float | None = None,
        max_iter: int = 1000,
        tol: float = 1e-6,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.alpha = alpha
        self.solver = solver
        self.lr = lr
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def strength(self) -> float:
        number(self, "alpha", low=0)
        return float(self.alpha)


class PolynomialRegression(LeastSquares):
    """f = b + w_1 x + w_2 x^2 + ... up to `degree`; of several columns also their products.

    Columns are first scaled to [-1, 1] by the rows that are fitted, so that high powers neither vanish nor look alike;
    `coef_` belongs to the scaled columns, a weight for each of `terms_` (the columns multiplied). The functions are
    the same as without scaling, and so are the predictions. The other hyperparameters are LinearRegression's.

    >>> PolynomialRegression(degree=2).fit([[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 4.0, 9.0]).predict([[5]]).round(6)
    array([25.])
    """

    def __init__(
        self,
        *,
        degree: int = 2,
        solver: str = "closed-form",
        lr: float | None = None,
        max_iter: int = 1000,
        tol: float = 1e-6,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.degree = degree
        self.solver = solver
        self.lr = lr
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def learn_design(self, X: Array) -> None:
        number(self, "degree", low=1, whole=True)
        low, high = X.min(axis=0), X.max(axis=0)
        self.middle_ = low / 2 + high / 2
        self.half_ = np.where(high > low, high / 2 - low / 2, 1.0)
        self.terms_ = monomials(X.shape[1], self.degree)

    def design(self, X: Array) -> Array:
        scaled = (X - self.middle_) / self.half_
        made: dict[tuple[int, ...], Array] = {}
        for term in self.terms_:  # each is a shorter one times a column
            made[term] = made[term[:-1]] * scaled[:, term[-1]] if len(term) > 1 else scaled[:, term[0]]
        return np.column_stack(list(made.values()))


def monomials(columns: int, degree: int) -> list[tuple[int, ...]]:
    """The products of up to `degree` columns, in scikit-learn's order, each as the columns multiplied.

    >>> monomials(2, 2)
    [(0,), (1,), (0, 0), (0, 1), (1, 1)]
    """
    return [term for power in range(1, degree + 1) for term in combinations_with_replacement(range(columns), power)]
