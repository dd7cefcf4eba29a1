"""Regression against scikit-learn's and NumPy's, the lecture's figures, and what it says of input it cannot take."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, Ridge
from sklearn.linear_model import LinearRegression as Theirs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from kshot.classic.data.cp import load_cp
from kshot.classic.regression.lasso import LassoRegression, objective_and_gap
from kshot.classic.regression.linear import (
    LinearRegression,
    PolynomialRegression,
    RidgeRegression,
    monomials,
    ridge_path,
    squared_objective,
    triangle,
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
LECTURE = [31.9, 15.4, 15.3, 14.9, 12.8]
"""The lecture's "average error on training data" of degree 1 to 5."""
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


@pytest.mark.parametrize("rows", [1024, 3072, 5000])
def test_many_rows_are_decomposed_by_blocks(rows: int) -> None:
    rng = np.random.default_rng(rows)
    X = rng.normal(size=(rows, 6)) * [1e-7, 1, 1, 1e5, 1, 1e9] + 3
    y = X @ [1e7, 1, -1, 1e-5, 2, 1e-9] + rng.normal(size=rows)
    R = triangle(X)
    assert R.shape == (6, 6)
    np.testing.assert_allclose(np.abs(R), np.abs(np.linalg.qr(X, mode="r")), rtol=1e-9)
    scaler = StandardScaler().fit(X)  # scikit-learn's own takes columns for copies where units are so far apart
    expected = Theirs().fit(scaler.transform(X), y).predict(scaler.transform(X))
    np.testing.assert_allclose(LinearRegression().fit(X, y).predict(X), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.5, 2.0, 1e3])
@pytest.mark.parametrize("name", ["diabetes", "few rows", "a column that does not vary", "far from 0"])
def test_lasso_is_scikit_learns(name: str, alpha: float) -> None:
    X, y = DATA[name]
    ours = LassoRegression(alpha=alpha, tol=1e-14).fit(X, y)
    same(ours, Lasso(alpha=alpha, tol=1e-14, max_iter=100_000).fit(X, y), X)
    steepest = np.abs((X - X.mean(axis=0)).T @ (y - y.mean())).max() / len(y)
    assert (ours.coef_ == 0).all() == (alpha >= steepest)


def test_the_duality_gap_bounds_the_way_to_the_minimum() -> None:
    X, y = DIABETES[0], DIABETES[1] - DIABETES[1].mean()
    X = X - X.mean(axis=0)
    best, rest = objective_and_gap(X, y, LassoRegression(alpha=0.5, tol=1e-14).fit(X, y).coef_, 0.5)
    assert rest <= 1e-10
    for w in (np.zeros(10), np.full(10, 100.0), RNG.normal(size=10) * 300):
        loss, gap = objective_and_gap(X, y, w, 0.5)
        assert 0 < loss - best <= gap


@pytest.mark.parametrize("model", [LinearRegression, RidgeRegression], ids=lambda model: model.__name__)
def test_descent_ends_where_the_closed_form_is(model) -> None:
    X, y = StandardScaler().fit_transform(DIABETES[0]), DIABETES[1]
    closed = model().fit(X, y)
    descent = model(solver="gradient-descent", max_iter=100_000, tol=1e-10).fit(X, y)
    same(descent, closed, X)
    assert (np.diff(descent.losses_) <= 1e-12 * descent.losses_[0]).all()
    assert descent.losses_[-1] == pytest.approx(closed.losses_[-1], rel=1e-9)


def test_stochastic_descent_comes_near_and_nearer() -> None:
    X, y = StandardScaler().fit_transform(DIABETES[0][:, [2, 3]]), DIABETES[1]
    closed = LinearRegression().fit(X, y).losses_[-1]
    above = []
    for epochs in (5, 500):
        with pytest.warns(ConvergenceWarning, match="of the first slope is left after max_iter"):
            model = LinearRegression(solver="sgd", lr=0.005, max_iter=epochs).fit(X, y)
        above.append(model.losses_[-1] / closed - 1)
    assert 0 < above[1] < above[0] / 3 < 0.01
    line = np.arange(20.0)[:, None] / 20
    exact = LinearRegression(solver="sgd").fit(line, 3 * line[:, 0] + 1)  # no noise: every row agrees on the minimum
    np.testing.assert_allclose([exact.coef_[0], exact.intercept_], [3, 1], atol=1e-4)


def test_the_objective_and_its_gradient() -> None:
    rows, y, penalty = RNG.normal(size=(7, 3)), RNG.normal(size=7), np.array([2.0, 2.0, 0.0])
    objective, w = squared_objective(rows, y, penalty), RNG.normal(size=3)
    assert objective(w)[0] == pytest.approx((((y - rows @ w) ** 2).sum() + 2 * (w[:2] ** 2).sum()) / 7)
    for i, step in enumerate(1e-6 * np.eye(3)):
        slope = (objective(w + step)[0] - objective(w - step)[0]) / 2e-6
        assert objective(w)[1][i] == pytest.approx(slope, rel=1e-6)


def test_b_is_not_penalised() -> None:
    X, y = DIABETES
    near, far = RidgeRegression(alpha=50).fit(X, y), RidgeRegression(alpha=50).fit(X, y + 1e4)
    np.testing.assert_allclose(far.coef_, near.coef_, rtol=1e-6)
    assert far.intercept_ - near.intercept_ == pytest.approx(1e4)
    heaviest = RidgeRegression(alpha=1e12).fit(X, y)
    np.testing.assert_allclose(heaviest.predict(X), y.mean(), rtol=1e-6)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_polynomials_are_scikit_learns(degree: int) -> None:
    X, y = DIABETES[0][:, :3] * [1.0, 1e3, 1e-3] + [0, 7.0, 1e-3], DIABETES[1]
    features = PolynomialFeatures(degree, include_bias=False)
    theirs = make_pipeline(MinMaxScaler((-1, 1)), features, Theirs(tol=1e-12)).fit(X, y)
    ours = PolynomialRegression(degree=degree).fit(X, y)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6)
    np.testing.assert_allclose(ours.coef_, theirs[-1].coef_, rtol=1e-6, atol=1e-4)
    powers = [tuple(np.bincount(term, minlength=3)) for term in monomials(3, degree)]
    assert powers == [tuple(row) for row in theirs[1].powers_]


@pytest.mark.parametrize("value", [0.1, 1e9 + 0.1])
def test_columns_that_do_not_vary_get_no_weight(value: float) -> None:
    """Less their mean they hold its rounding, which must not be taken for something to explain y by."""
    for rows in range(2, 40):
        X, y = np.full((rows, 2), value), np.arange(float(rows)) ** 2 / 7
        for model in (LinearRegression(), RidgeRegression(alpha=1e-30), LassoRegression(alpha=0.0)):
            assert model.fit(X, y).coef_.tolist() == [0, 0]
            assert model.intercept_ == pytest.approx(y.mean())


def test_high_degrees_stay_solvable() -> None:
    """Years, raised to powers as they are, would leave a line at best."""
    years = np.linspace(1990, 2030, 60)
    y = np.cos((years - 1990) / 4)
    error = [
        np.abs(PolynomialRegression(degree=d).fit(years[:, None], y).predict(years[:, None]) - y).max()
        for d in (5, 12, 20)
    ]
    assert error[0] > 0.1 > 1e-3 > error[1] > 1e-5
    assert error[2] < 1e-9


def test_the_lectures_line_and_ladder() -> None:
    """w = 2.669 and b = -188.4 are the lecture's; its "average error" is the root of the summed squares, over ten."""
    X, y = load_cp()
    line = LinearRegression().fit(X, y)
    assert (round(line.coef_[0], 3), round(line.intercept_, 1)) == (2.669, -188.4)
    ladder = [PolynomialRegression(degree=d).fit(X, y) for d in range(1, 6)]
    errors = [float(np.linalg.norm(model.predict(X) - y)) / 10 for model in ladder]
    assert [round(error, 1) for error in errors] == LECTURE
    for degree, model in enumerate(ladder, 1):
        expected = np.polynomial.Polynomial.fit(X[:, 0], y, degree)
        np.testing.assert_allclose(model.predict(X), expected(X[:, 0]), rtol=1e-6)


def test_scaling_the_columns_saves_steps() -> None:
    X, y = load_cp()
    with pytest.warns(ConvergenceWarning, match="scale the columns of X"):
        raw = LinearRegression(solver="gradient-descent", max_iter=200).fit(X, y)
    scaled = LinearRegression(solver="gradient-descent", max_iter=200).fit(StandardScaler().fit_transform(X), y)
    assert raw.n_iter_ == 200
    assert scaled.n_iter_ < 5


# ---------------------------------------------------------------- bad input

MODELS = [LinearRegression(), PolynomialRegression(), RidgeRegression(), LassoRegression()]


def named(X: np.ndarray):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(X, columns=["hp", "attack", "defense"])


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_bad_input_names_estimator_and_column(model) -> None:
    name, X, y = type(model).__name__, RNG.normal(size=(12, 3)), RNG.normal(size=12)
    broken = X.copy()
    broken[5, 1] = np.nan
    with pytest.raises(ValueError, match=f"{name}: column 'attack' of X holds NaN in row 5"):
        model.fit(named(broken), y)
    words = named(X).astype(object)
    words.iloc[3, 2] = "Bulbasaur"
    with pytest.raises(ValueError, match=f"{name}: column 'defense' of X holds 'Bulbasaur' in row 3"):
        model.fit(words, y)
    with pytest.raises(ValueError, match=f"{name}: X has 12 rows and y has 11; they must be as many"):
        model.fit(X, y[:11])
    for value, word in ((np.nan, "NaN"), (-np.inf, "inf")):
        with pytest.raises(ValueError, match=f"{name}: y holds {word} in row 3; drop such rows"):
            model.fit(X, np.where(np.arange(12) == 3, value, y))
    with pytest.raises(ValueError, match=f"{name}: y holds 'high' in row 1, no number"):
        model.fit(X, ["1", "high"] * 6)
    with pytest.raises(ValueError, match=f"{name} requires y to be passed"):
        model.fit(X, None)
    with pytest.raises(ValueError, match=f"{name}: X has 2 features, but {name} is expecting 3"):
        model.fit(X, y).predict(X[:, :2])
    np.testing.assert_allclose(model.fit(X, y.astype(str)).predict(X), model.fit(X, y).predict(X))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            LinearRegression(solver="adam"),
            "solver is 'adam'; it must be one of 'closed-form', 'gradient-descent', 'sgd'",
        ),
        (LinearRegression(lr=0), "lr is 0; it must be above 0"),
        (LinearRegression(solver="gradient-descent", lr=1.0), "the loss left all bounds; .* set lr below 1"),
        (LinearRegression(solver="sgd", lr=1.0), "the loss left all bounds; .* set lr below 1"),
        (RidgeRegression(alpha=-1), "alpha is -1; it must be at least 0"),
        (LassoRegression(alpha=np.nan), "alpha is nan"),
        (PolynomialRegression(degree=0), "degree is 0; it must be a whole number, at least 1"),
        (PolynomialRegression(degree=2.0), "degree is 2.0; it must be a whole number"),
        (LassoRegression(max_iter=0), "max_iter is 0"),
    ],
)
def test_bad_hyperparameters(model, message: str) -> None:
    with pytest.raises(ValueError, match=f"{type(model).__name__}: {message}"):
        model.fit(100 * DIABETES[0], DIABETES[1])


@pytest.mark.parametrize("alphas", [[-1.0], [np.nan], 1.0, [[1.0]]])
def test_a_path_asks_for_a_list_of_lambdas(alphas) -> None:
    with pytest.raises(ValueError, match="ridge_path: alphas are"):
        ridge_path(*DIABETES, alphas)


def test_lasso_says_where_it_stopped_early() -> None:
    with pytest.warns(ConvergenceWarning, match=r"LassoRegression: the duality gap is .* after 1 rounds, above"):
        LassoRegression(alpha=0.01, max_iter=1).fit(*DIABETES)
