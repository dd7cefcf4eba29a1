"""Estimators in any unit: right numbers, or one sentence that names the estimator and what to do; never NaN."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso
from sklearn.linear_model import LinearRegression as TheirLinear
from sklearn.linear_model import LogisticRegression as TheirLogistic
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler

from kshot.classic.classification.cascade import CascadedLogisticRegression
from kshot.classic.classification.gaussian import GaussianClassifier, GaussianNaiveBayes
from kshot.classic.classification.kernel import Distances, KernelLogisticRegression, PolynomialMap
from kshot.classic.classification.logistic import LogisticRegression, SoftmaxRegression
from kshot.classic.classification.network import NetworkClassifier
from kshot.classic.data import inputs
from kshot.classic.data.inputs import powers_of_two
from kshot.classic.regression.feature_scaling import MinMax, Standardisation
from kshot.classic.regression.lasso import LassoRegression
from kshot.classic.regression.linear import LinearRegression, PolynomialRegression, RidgeRegression, ridge_path

RNG = np.random.default_rng(5)
X = RNG.normal([0.0, 1.0, -2.0], 1.0, size=(60, 3))
Y = X @ [1.0, -2.0, 0.5] + 0.3 * RNG.normal(size=60)
TWO, THREE = (np.median(Y) < Y) ^ (RNG.random(60) < 0.15), np.digitize(Y + RNG.normal(size=60), [0.0, 3.0])
Scales = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """An estimator for columns in these units, what is looked at, and what scikit-learn makes of columns near 1."""

    make: Callable[[Scales], BaseEstimator]
    output: Callable[[Any, np.ndarray], np.ndarray]
    labels: np.ndarray
    truth: np.ndarray | None = None
    mixed: bool = True  # whether the same is to be found where every column has a unit of its own


def proba(model: Any, rows: np.ndarray) -> np.ndarray:
    return model.predict_proba(rows)


def predicted(model: Any, rows: np.ndarray) -> np.ndarray:
    return model.predict(rows)


def transformed(model: Any, rows: np.ndarray) -> np.ndarray:
    return model.transform(rows)


FREE = TheirLogistic(C=np.inf, solver="newton-cholesky", tol=1e-12, max_iter=1000)
HELD = TheirLogistic(C=1.0, solver="newton-cholesky", tol=1e-12, max_iter=1000)
CUBIC = make_pipeline(MinMaxScaler((-1, 1)), PolynomialFeatures(3), TheirLinear())
CASES = {
    "line": Case(lambda s: LinearRegression(), predicted, Y, TheirLinear().fit(X, Y).predict(X)),
    "cubic": Case(lambda s: PolynomialRegression(degree=3), predicted, Y, CUBIC.fit(X, Y).predict(X)),
    "lasso": Case(
        lambda s: LassoRegression(alpha=0.1 * s[0], tol=1e-14), predicted, Y,
        Lasso(0.1, tol=1e-14, max_iter=100_000).fit(X, Y).predict(X), mixed=False,
    ),
    "logistic": Case(lambda s: LogisticRegression(l2=0, tol=1e-10), proba, TWO, FREE.fit(X, TWO).predict_proba(X)),
    "logistic, lbfgs": Case(
        lambda s: LogisticRegression(l2=0, solver="lbfgs"), proba, TWO, FREE.fit(X, TWO).predict_proba(X)
    ),
    "logistic, l2": Case(
        lambda s: LogisticRegression(l2=min(s[0], 1e150) ** 2, tol=1e-10), proba, TWO,
        HELD.fit(X, TWO).predict_proba(X), mixed=False,
    ),
    "softmax": Case(lambda s: SoftmaxRegression(l2=0, tol=1e-10), proba, THREE, FREE.fit(X, THREE).predict_proba(X)),
    "Gaussians": Case(
        lambda s: GaussianClassifier(), proba, THREE,
        LinearDiscriminantAnalysis(solver="lsqr").fit(X, THREE).predict_proba(X),
    ),
    "own Gaussians": Case(lambda s: GaussianClassifier(covariance="own"), proba, THREE),
    "naive Bayes": Case(
        lambda s: GaussianNaiveBayes(var_smoothing=0), proba, THREE,
        GaussianNB(var_smoothing=0).fit(X, THREE).predict_proba(X),
    ),
    "RBF kernel": Case(
        lambda s: KernelLogisticRegression(), proba, TWO, KernelLogisticRegression().fit(X, TWO).predict_proba(X),
        mixed=False,
    ),
    "linear kernel": Case(
        lambda s: KernelLogisticRegression(kernel="linear"), proba, TWO
    ),
    "polynomial kernel": Case(lambda s: KernelLogisticRegression(kernel="polynomial", degree=3), proba, TWO),
    "cascade": Case(lambda s: CascadedLogisticRegression(n_init=1, max_iter=20), proba, TWO),
    "network": Case(lambda s: NetworkClassifier(hidden=(4,), epochs=2), proba, THREE),
    "network, float32": Case(lambda s: NetworkClassifier(hidden=(4,), epochs=2, dtype="float32"), proba, THREE),
    "descent": Case(lambda s: LinearRegression(solver="gradient-descent", max_iter=20), predicted, Y),
    "stochastic descent": Case(lambda s: RidgeRegression(solver="sgd", max_iter=2), predicted, Y),
    "logistic descent": Case(lambda s: LogisticRegression(solver="gradient-descent", max_iter=20), proba, TWO),
    "products": Case(lambda s: PolynomialMap(degree=4), transformed, Y),
    "distances": Case(lambda s: Distances(), transformed, Y),
    "standardised": Case(lambda s: Standardisation(), transformed, Y, StandardScaler().fit_transform(X)),
    "min-max": Case(lambda s: MinMax(), transformed, Y, MinMaxScaler().fit_transform(X)),
}  # fmt: skip
MIXED = [
    10.0 ** np.random.default_rng(seed).integers(-reach, reach + 1, 3) for seed in range(3) for reach in (8, 95, 200)
]
UNITS = [np.full(3, 10.0**power) for power in (-200, -160, -101, -98, -50, -8, 8, 50, 98, 101, 160, 200)]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", CASES)
def test_any_unit_gives_the_right_numbers_or_one_sentence(name: str) -> None:
    case, right = CASES[name], 0
    for units in [np.ones(3), *UNITS, *MIXED]:
        model = case.make(units)
        try:
            found = case.output(model.fit(X * units, case.labels), X * units)
        except ValueError as error:
            assert str(error).startswith(f"{type(model).__name__}: "), error
            assert any(word in str(error) for word in ("divide", "multiply", "scale", "lower")), error
            continue
        assert np.isfinite(found).all(), units
        right += 1
        if case.truth is not None and (case.mixed or len(set(units)) == 1):
            np.testing.assert_allclose(found, case.truth, rtol=1e-5, atol=2e-5, err_msg=str(units))
    assert right >= (7 if case.truth is not None else 1)


@pytest.mark.parametrize("alpha", [1e-12, 1e-3, 1.0, 1e6])
def test_ridge_in_mixed_units_is_solved_as_sixty_digits_solve_it(alpha: float) -> None:
    for seed in range(12):
        units = 10.0 ** np.random.default_rng(seed).integers(-14, 15, 3)
        rows = X * units
        with mpmath.workdps(80):
            A, b = mpmath.matrix(rows.tolist()), mpmath.matrix(Y.tolist())
            for column in range(3):
                mean = mpmath.fsum(A[:, column]) / len(rows)
                for row in range(len(rows)):
                    A[row, column] -= mean
            middle = mpmath.fsum(b) / len(rows)
            w = mpmath.lu_solve(A.T * A + alpha * mpmath.eye(3), A.T * (b - mpmath.matrix([middle] * len(rows))))
            expected = np.array([float(value) for value in A * w]) + float(middle)
        np.testing.assert_allclose(
            RidgeRegression(alpha=alpha).fit(rows, Y).predict(rows), expected, rtol=1e-8, atol=1e-8
        )
        coefs, biases = ridge_path(rows, Y, [alpha, 0.0])
        np.testing.assert_allclose(rows @ coefs[0] + biases[0], expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    "model", [LinearRegression(), RidgeRegression(), LassoRegression(), PolynomialRegression()], ids=str
)
def test_targets_of_any_size_are_learned_or_refused(model: Any) -> None:
    name = type(model).__name__
    for power in (-90, -20, 20, 90):
        y = Y * 10.0**power
        model.set_params(**({"alpha": 1e-3 * 10.0**power} if name == "LassoRegression" else {}))
        assert model.fit(X, y).score(X, y) > 0.9
    for power, word in ((160, "large"), (-160, "small")):
        with pytest.raises(ValueError, match=f"{name}: y holds numbers up to .* too {word} to compute with; scale it"):
            model.fit(X, Y * 10.0**power)


def test_the_sentence_names_the_column_the_row_and_the_remedy() -> None:
    rows = X.copy()
    rows[7, 1] = -1e150
    with pytest.raises(
        ValueError,
        match=r"LogisticRegression: column 1 of X holds -1e\+150 in row 7, too large .* divide the column by",
    ):
        LogisticRegression().fit(rows, TWO)
    with pytest.raises(
        ValueError, match=r"GaussianClassifier: column 2 of X holds no number above .* in size, too small"
    ):
        GaussianClassifier().fit(X * [1, 1, 1e-160], TWO)
    model = GaussianClassifier(covariance="own").fit(X * 1e-80, TWO)
    with pytest.raises(ValueError, match="GaussianClassifier: row 0 of X is so far from the rows that were fitted"):
        model.predict_proba(X * 1e99)
    with pytest.raises(ValueError, match="PolynomialRegression: row 0 of X is so far from the rows"):
        PolynomialRegression(degree=5).fit(X, Y).predict(X * 1e80)


def test_a_cascade_whose_units_are_stuck_says_so() -> None:
    with pytest.warns(ConvergenceWarning, match="every hidden unit is 0 or 1 on every row"):
        CascadedLogisticRegression(n_init=1).fit(X * 1e20, TWO)


@pytest.mark.parametrize("offset", [1e2, 1e5, 1e8])
def test_columns_far_from_0_give_the_same(offset: float) -> None:
    """A year, a time stamp: scikit-learn's own solvers stop at once there, 0.6 off."""
    for name in ("line", "cubic", "logistic", "logistic, lbfgs", "softmax", "Gaussians", "naive Bayes", "RBF kernel"):
        case = CASES[name]
        model = case.make(np.ones(3)).fit(X + offset, case.labels)
        np.testing.assert_allclose(case.output(model, X + offset), case.truth, atol=2e-5, err_msg=name)
    held = LogisticRegression(tol=1e-10).fit(X + offset, TWO).predict_proba(X + offset)
    np.testing.assert_allclose(held, HELD.fit(X, TWO).predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("model", [GaussianNaiveBayes(), RidgeRegression()], ids=lambda model: type(model).__name__)
def test_what_numpy_would_turn_into_numbers_without_a_word_is_refused(model: Any) -> None:
    name, y = type(model).__name__, TWO.astype(int)
    masked = np.ma.masked_array(X, X > 1)
    dates = np.full(X.shape, np.datetime64("2020-01-01"))
    for rows, labels, message in (
        (masked, y, "X is a masked array, whose masked values would count; drop or fill them"),
        (X, np.ma.masked_array(y, y > 0), "y is a masked array"),
        (dates, y, "X holds dates or durations; make them numbers"),
        (dates - dates[0], y, "X holds dates or durations"),
    ):
        with pytest.raises(ValueError, match=f"^{name}: {message}"):
            model.fit(rows, labels)
    model.fit(np.ma.masked_array(X), y)  # nothing is masked
    with pytest.raises(ValueError, match=f"^{name}: X is a masked array"):
        model.predict(masked)
    if name == "GaussianNaiveBayes":
        assert set(model.fit(X, np.where(TWO, dates[:, 0], dates[:, 0] + 1)).predict(X)) == {
            dates[0, 0],
            dates[0, 0] + 1,
        }
        with pytest.raises(ValueError, match=r"^GaussianNaiveBayes: y holds bytes; decode them to text"):
            model.fit(X, np.where(TWO, b"a", b"b"))
    else:
        with pytest.raises(ValueError, match=r"^RidgeRegression: y holds dates or durations"):
            model.fit(X, dates[:, 0])


@pytest.mark.parametrize("rows", [442, 30_000])
def test_a_constant_column_is_constant_however_many_rows_it_has(rows: int) -> None:
    """The mean of many 0.1 is not 0.1, and what is left is no spread to divide by."""
    y = np.random.default_rng(0).normal(size=rows)
    some = np.column_stack([y + np.random.default_rng(1).normal(size=rows), np.full(rows, 0.1)])
    assert LinearRegression().fit(some, y).coef_[1] == 0
    assert LassoRegression(alpha=0.1).fit(some, y).coef_[1] == 0
    assert np.abs(Standardisation().fit_transform(some)[:, 1]).max() < 1e-12
    for model in (GaussianClassifier(), GaussianClassifier(covariance="own"), GaussianNaiveBayes(var_smoothing=0)):
        with pytest.raises(ValueError, match="column 1 does not vary"):
            model.fit(some, y > 0)


def test_the_examples_of_the_docstrings_run() -> None:
    assert doctest.testmod(inputs).failed == 0


def test_powers_of_two_divide_exactly() -> None:
    for units in (1e-300, 1e-5, 1.0, 1e300):
        sizes = powers_of_two(X * units)
        assert (np.frexp(sizes)[0] == 0.5).all()
        even = np.abs(X * units / sizes).max(axis=0)
        assert (even >= 1).all()
        assert (even < 2).all()
        assert (X * units / sizes * sizes == X * units).all()
