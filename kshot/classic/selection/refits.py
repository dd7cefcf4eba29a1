"""An estimator fitted anew to many training sets, and what each fit predicts on the same test points.

Meets: any scikit-learn estimator; linear, polynomial and ridge regression in closed form are fitted to all sets at
once, as one product of matrices and one batched solve, with the predictions of single fits to about 1e-9. Concedes: a
training set that does not determine the weights (a column that another one explains) is fitted by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from sklearn.base import BaseEstimator, clone

from kshot.classic.data.inputs import Array, features, rows_of, targeted
from kshot.classic.regression.linear import LeastSquares

BLOCK = 1 << 24
"""Numbers in the largest array of a batch: 128 MB."""
DETERMINED = 1e-6
"""A set determines the weights where it leaves each column this share of its length that the others do not explain."""


def bootstrap_predictions(
    estimator: BaseEstimator, X: Any, y: Any, X_test: Any, *, refits: int = 200, seed: int = 0
) -> NDArray[Any]:
    """What the estimator predicts at X_test after fitting each of `refits` bootstrap samples of X, (refits, points).

    A sample has as many rows as X, drawn with replacement (Efron 1979); the draws of a seed are mlxtend's. Raises
    ValueError, and whatever the estimator raises, with the refit named.
    """
    if refits < 1:
        raise ValueError(f"refits is {refits}; it must be at least 1")
    random, n = np.random.RandomState(seed), len(y)
    if not batched(estimator):
        if len(X) != n:
            raise ValueError(f"there are {len(X)} rows and {n} targets; they must be as many")
        samples = (random.randint(n, size=n) for _ in range(refits))
        return one_by_one(estimator, ((rows_of(X, rows), rows_of(y, rows)) for rows in samples), X_test)
    model = clone(estimator)
    X, y = targeted(model, X, y)
    X_test = features(model, X_test, fitting=False)
    solve, width = weighted_refits(model, X, y, X_test)
    found = np.empty((refits, len(X_test)))
    size = max(1, BLOCK // max(n, width**2))
    for start in range(0, refits, size):
        drawn = random.randint(n, size=(min(size, refits - start), n))
        counts = np.bincount((drawn + n * np.arange(len(drawn))[:, None]).ravel(), minlength=n * len(drawn))
        predicted, determined = solve(counts.reshape(len(drawn), n).astype(float))
        found[start : start + len(drawn)] = predicted
        for at in np.flatnonzero(~determined):
            found[start + at] = clone(estimator).fit(X[drawn[at]], y[drawn[at]]).predict(X_test)
    return found


def sample_predictions(estimator: BaseEstimator, Xs: Any, ys: Any, X_test: Any) -> NDArray[Any]:
    """What the estimator predicts at X_test after fitting each training set, (sets, points).

    Xs: (sets, rows, columns), ys: (sets, rows). Raises ValueError, and whatever the estimator raises.
    """
    if len(Xs) != len(ys) or len(Xs) == 0:
        raise ValueError(f"there are {len(Xs)} sets of rows and {len(ys)} of targets; they must be as many, at least 1")
    if not batched(estimator):
        return one_by_one(estimator, zip(Xs, ys, strict=True), X_test)
    model, Xs, shape = clone(estimator), np.asarray(Xs), np.shape(ys)
    flat, y = targeted(model, Xs.reshape(-1, Xs.shape[-1]), np.ravel(ys))
    X_test = features(model, X_test, fitting=False)
    predicted, determined = stacked_refits(model, flat.reshape(*shape, -1), y.reshape(shape), X_test)
    for at in np.flatnonzero(~determined):
        predicted[at] = clone(estimator).fit(Xs[at], ys[at]).predict(X_test)
    return predicted


def batched(estimator: BaseEstimator) -> bool:
    """Whether many fits of it are one computation."""
    return isinstance(estimator, LeastSquares) and estimator.solver == "closed-form"


def one_by_one(estimator: BaseEstimator, samples: Iterator[tuple[Any, Any]], X_test: Any) -> NDArray[Any]:
    """A fit after the other."""
    found = []
    for number, (X, y) in enumerate(samples):
        try:
            found.append(clone(estimator).fit(X, y).predict(X_test))
        except ValueError as error:
            error.add_note(f"in refit {number} of {type(estimator).__name__}")
            raise
    return np.array(found)


def designs(model: LeastSquares, X: Array, X_test: Array) -> tuple[Array, Array, Array]:
    """Of rows and of test points the columns that the weights stand for, a column of ones last; and the penalty's rows.

    Ridge is least squares with a row more a weight: sum_n (y_n - w x_n)^2 + alpha w_i^2 has the row sqrt(alpha) e_i
    with target 0 in it. b has none. Moving the columns to their means changes only b.
    """
    model.learn_design(X)
    made, made_test = model.design(X), model.design(X_test)
    mean = made.mean(axis=0)
    rows = np.column_stack([made - mean, np.ones(len(X))])
    tests = np.column_stack([made_test - mean, np.ones(len(X_test))])
    alpha = model.strength()
    penalty = np.sqrt(alpha) * np.eye(rows.shape[1])[: -1 if alpha else 0]
    return rows, tests, penalty


def weighted_refits(
    model: LeastSquares, X: Array, y: Array, X_test: Array
) -> tuple[Callable[[Array], tuple[Array, NDArray[np.bool_]]], int]:
    """A function from how often each row is drawn, (refits, rows), to predictions (refits, points) and whether each
    sample determines its weights; and the number of weights.

    With A = Q R for the rows and the penalty's, the normal equations of weights k are sum_n k_n q_n q_n^T c =
    sum_n k_n q_n y_n and c = R w. Their matrix is near I, so they lose no digits though they are squares, and all
    their left sides are one product of the counts with the rows' q_n q_n^T.
    """
    rows, tests, penalty = designs(model, X, X_test)
    (n, width), y_mean = rows.shape, y.mean()
    stacked = np.vstack([rows, penalty])
    lengths = np.linalg.norm(stacked, axis=0)
    if len(stacked) < width or not lengths.all():
        return lambda counts: (np.empty((len(counts), len(tests))), np.zeros(len(counts), dtype=bool)), width
    q, r = np.linalg.qr(stacked)
    whole = bool((np.abs(np.diag(r)) > DETERMINED**2 * lengths).all())
    q, always = q[:n], q[n:].T @ q[n:]  # the penalty's rows are in every sample
    i, j = np.triu_indices(width)
    products, towards = q[:, i] * q[:, j], q * (y - y_mean)[:, None]  # (rows, pairs), (rows, weights)
    seen = solve_triangular(r, tests.T, trans="T") if whole else np.empty((width, len(tests)))

    def solve(counts: Array) -> tuple[Array, NDArray[np.bool_]]:
        left = np.empty((len(counts), width, width))
        left[:, i, j] = left[:, j, i] = counts @ products + always[i, j]
        determined = whole & well_posed(left)
        left[~determined] = np.eye(width)
        solved = np.linalg.solve(left, (counts @ towards)[:, :, None])[:, :, 0]
        return solved @ seen + y_mean, determined

    return solve, width


def well_posed(matrices: Array) -> NDArray[np.bool_]:
    """Which of many symmetric matrices near I are far enough from singular."""
    try:
        pivots = np.asarray(np.linalg.cholesky(matrices).diagonal(axis1=1, axis2=2) ** 2)
    except np.linalg.LinAlgError:  # at least one of them is singular; their eigenvalues tell which
        pivots = np.asarray(np.linalg.eigvalsh(matrices))
    clear: NDArray[np.bool_] = pivots.min(axis=1) > DETERMINED
    return clear


def stacked_refits(model: LeastSquares, Xs: Array, ys: Array, X_test: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Predictions (sets, points) and whether each set determines its weights: a QR decomposition a set, all at once.

    The targets stand as the last column of what is decomposed, so that R ends in Q^T y and no Q is formed.
    """
    (sets, n), y_mean = ys.shape, ys.mean()
    rows, tests, penalty = designs(model, Xs.reshape(sets * n, -1), X_test)
    width = rows.shape[1]
    predicted, determined = np.empty((sets, len(tests))), np.zeros(sets, dtype=bool)
    if n + len(penalty) < width:
        return predicted, determined
    whole = np.zeros((sets, n + len(penalty), width + 1))
    whole[:, :n, :-1], whole[:, :n, -1], whole[:, n:, :-1] = rows.reshape(sets, n, width), ys - y_mean, penalty
    lengths = np.linalg.norm(whole[:, :, :-1], axis=1)
    triangles = np.asarray(np.linalg.qr(whole, mode="r"))[:, :width]
    left = triangles[:, :, :-1]
    determined = (np.abs(left.diagonal(axis1=1, axis2=2)) > DETERMINED**2 * lengths).all(axis=1)
    left[~determined] = np.eye(width)
    predicted = np.linalg.solve(left, triangles[:, :, -1:])[:, :, 0] @ tests.T + y_mean
    return predicted, determined
