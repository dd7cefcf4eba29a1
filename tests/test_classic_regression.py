"""Regression against scikit-learn's and NumPy's, the lecture's figures, and what it says of input it cannot take."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, LinearRegression as Theirs, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from kshot.classic.data.creatures import load_creatures
from kshot.classic.lasso import LassoRegression, objective_and_gap
from kshot.classic.regression import (
    LinearRegression,
    PolynomialRegression,
    RidgeRegression,
    monomials,
    ridge_path,
    squared_objective,
)

DIABETES = load_diabetes(return_X_y=True)
RNG = np.random.default_rng(0)
DATA = {
    "diabetes": DIABETES,
    "few rows": (DIABETES[0][:8], DIABETES[1][:8]),
    "a column twice": (DIABETES[0][:, [0, 1, 2, 2]], DIABETES[1]),
    "a column that does not vary": (np.column_stack([DIABETES[0][:, :3], np.full(442, 0.1)]), DIABETES[1]),
    "far from 0": (1e4 + RNG.normal(size=(50, 4)), RNG.normal(size=50)),
    "one row": (np.array([[1.0, 2.0]]), np.array([3.0])),
}
ALPHAS = (1e-4, 0.1, 1.0, 10.0, 1e4)
SKIPPED = "ignore:Skipping check check_array_api_input:sklearn.exceptions.SkipTestWarning"  # array API is not claimed
CAST = "ignore:invalid value encountered in cast:RuntimeWarning"  # a check of scikit-learn's own casts NaN
UNFINISHED = "ignore::sklearn.exceptions.ConvergenceWarning"  # the checks' rows are not scaled for a descent


@pytest.mark.filterwarnings(SKIPPED, CAST, UNFINISHED)
@parametrize_with_checks(
    [
        LinearRegression(),
        LinearRegression(solver="gradient-descent"),
        LinearRegression(solver="sgd", max_iter=30),
        PolynomialRegression(),
        PolynomialRegression(solver="gradient-descent"),
        RidgeRegression(),
        RidgeRegression(solver="gradient-descent"),
        RidgeRegression(solver="sgd", max_iter=30),
        LassoRegression(alpha=0.1),
    ]
)
def test_contract(estimator, check) -> None:
    check(estimator)


def same(ours, theirs, X) -> None:
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", DATA)
def test_linear_is_scikit_learns(name: str) -> None:
    """Also which of many best weights is taken where a column is another's copy or rows are few: the shortest."""
    X, y = DATA[name]
    same(LinearRegression().fit(X, y), Theirs(tol=1e-12).fit(X, y), X)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_ridge_is_scikit_learns(name: str, alpha: float) -> None:
    X, y = DATA[name]
    same(RidgeRegression(alpha=alpha).fit(X, y), Ridge(alpha=alpha, solver="svd").fit(X, y), X)


@pytest.mark.parametrize("name", DATA)
def test_the_path_is_every_ridge(name: str) -> None:
    X, y = DATA[name]
    coefs, biases = ridge_path(X, y, [0.0, *ALPHAS])
    for alpha, coef, bias in zip(ALPHAS, coefs[1:], biases[1:], strict=True):
        theirs = Ridge(alpha=alpha, solver="svd").fit(X, y)
        np.testing.assert_allclose(coef, theirs.coef_, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(bias, theirs.intercept_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(coefs[0], LinearRegression().fit(X, y).coef_, rtol=1e-9)
