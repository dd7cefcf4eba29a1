"""Logistic and softmax regression against scikit-learn's, their derivatives against SciPy's differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression as Theirs
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from kshot.classic.classification.logistic import LOSSES, LogisticRegression, SoftmaxRegression, logistic_objective
from kshot.classic.descent.solvers import SOLVERS

SKIPPED = "ignore:Skipping check check_array_api_input:sklearn.exceptions.SkipTestWarning"  # array API is not claimed
CAST = "ignore:invalid value encountered in cast:RuntimeWarning"  # a check of scikit-learn's own casts NaN
CANCER = (StandardScaler().fit_transform(load_breast_cancer().data), load_breast_cancer().target)
IRIS, WINE = load_iris(return_X_y=True), load_wine(return_X_y=True)
DIGITS = (load_digits().data[:600] / 16, load_digits().target[:600])


@pytest.mark.filterwarnings(SKIPPED, CAST)
@parametrize_with_checks(
    [LogisticRegression(), LogisticRegression(loss="squared-error", solver="lbfgs", tol=1e-4), SoftmaxRegression()]
)
def test_contract(estimator, check) -> None:
    check(estimator)


def theirs(l2: float) -> Theirs:
    penalty = {"C": np.inf} if l2 == 0 else {"C": 1 / l2}
    return Theirs(**penalty, solver="newton-cholesky", tol=1e-12, max_iter=1000)


# a slope below 1e-9 leaves weights of small curvature, l2 / rows, this far off
WEIGHTS = {"newton": 1e-6, "lbfgs": 5e-5}


@pytest.mark.parametrize("solver", WEIGHTS)
@pytest.mark.parametrize("l2", [0.01, 1.0, 30.0])
def test_two_classes_are_scikit_learns(solver: str, l2: float) -> None:
    X, y = CANCER
    ours, expected = LogisticRegression(l2=l2, solver=solver, tol=1e-9).fit(X, y), theirs(l2).fit(X, y)
    np.testing.assert_allclose(ours.coef_, expected.coef_, atol=WEIGHTS[solver])
    np.testing.assert_allclose(ours.intercept_, expected.intercept_, atol=WEIGHTS[solver])
    np.testing.assert_allclose(ours.predict_proba(X), expected.predict_proba(X), atol=1e-6)


# L-BFGS ends where rounding lets it, on some processors just above 1e-9; what it found is held against below
@pytest.mark.filterwarnings("ignore:SoftmaxRegression. a slope:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", WEIGHTS)
@pytest.mark.parametrize("data", [IRIS, DIGITS], ids=["iris", "digits"])
@pytest.mark.parametrize("l2", [0.1, 1.0])
def test_many_classes_are_scikit_learns(solver: str, data, l2: float) -> None:
    X, y = data
    ours, expected = SoftmaxRegression(l2=l2, solver=solver, tol=1e-9).fit(X, y), theirs(l2).fit(X, y)
    np.testing.assert_allclose(ours.coef_, expected.coef_, atol=WEIGHTS[solver])
    intercept = expected.intercept_ - expected.intercept_.mean()  # one number added to all changes nothing
    np.testing.assert_allclose(ours.intercept_, intercept, atol=WEIGHTS[solver])
    np.testing.assert_allclose(ours.predict_proba(X), expected.predict_proba(X), atol=1e-6)


def test_without_l2_on_classes_that_overlap() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=300)
    X = rng.normal(size=(300, 4)) + 0.7 * y[:, None]
    for ours, labels in ((LogisticRegression(l2=0, tol=1e-10), y > 0), (SoftmaxRegression(l2=0, tol=1e-10), y)):
        expected = theirs(0).fit(X, labels)
        np.testing.assert_allclose(ours.fit(X, labels).predict_proba(X), expected.predict_proba(X), atol=1e-6)
    np.testing.assert_allclose(ours.coef_.sum(axis=0), 0, atol=1e-9)


def test_a_repeated_column_shares_its_weight() -> None:
    """Without l2 two equal columns leave the Hessian singular; the shortest answer is the one that splits evenly."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=200)
    X = rng.normal(size=(200, 1)) + y[:, None]
    once = LogisticRegression(l2=0, tol=1e-10).fit(X, y).coef_[0, 0]
    twice = LogisticRegression(l2=0, tol=1e-8).fit(np.hstack([X, X]), y).coef_[0]
    assert twice.sum() == pytest.approx(once, abs=1e-5)


def test_gradient_descent_arrives_at_the_same_minimum() -> None:
    X, y = StandardScaler().fit_transform(IRIS[0]), IRIS[1]
    for make, labels in ((LogisticRegression, y == 1), (SoftmaxRegression, y)):
        exact = make(tol=1e-10).fit(X, labels)
        descended = make(solver="gradient-descent", lr=0.5, tol=1e-7, max_iter=20000).fit(X, labels)
        np.testing.assert_allclose(descended.coef_, exact.coef_, atol=1e-4)
        assert (np.diff(descended.losses_) <= 1e-12).all()
        assert descended.losses_[-1] == pytest.approx(exact.losses_[-1], abs=1e-9)
        assert exact.n_iter_ < 15 < descended.n_iter_


@pytest.mark.parametrize("loss", LOSSES)
def test_derivatives_are_those_of_finite_differences(loss: str) -> None:
    z, y = np.linspace(-6, 6, 25), np.tile([0.0, 1.0], 13)[:25]
    values, slopes = LOSSES[loss](z, y)
    step = 1e-6
    numeric = (LOSSES[loss](z + step, y)[0] - LOSSES[loss](z - step, y)[0]) / (2 * step)
    np.testing.assert_allclose(slopes, numeric, atol=1e-8)
    f = 1 / (1 + np.exp(-z))
    by_hand = {"cross-entropy": -(y * np.log(f) + (1 - y) * np.log(1 - f)), "squared-error": (f - y) ** 2}[loss]
    np.testing.assert_allclose(values, by_hand, rtol=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_objectives_gradient_is_scipys(loss: str) -> None:
    rng = np.random.default_rng(0)
    rows, target = rng.normal(size=(30, 4)), rng.integers(2, size=30).astype(float)
    objective = logistic_objective(rows, target, loss=loss, penalty=np.array([0.5, 0.5, 0.5, 0.0]))
    w = rng.normal(size=4)
    np.testing.assert_allclose(objective(w)[1], approx_fprime(w, lambda v: objective(v)[0], 1e-7), atol=1e-5)


def test_no_logarithm_overflows() -> None:
    losses, slopes = LOSSES["cross-entropy"](np.array([-1e4, 1e4]), np.array([1.0, 1.0]))
    assert losses.tolist() == [1e4, 0.0]
    assert slopes.tolist() == [-1.0, 0.0]
    model = LogisticRegression(l2=1e-6).fit([[-1.0], [1.0]], [0, 1])
    assert np.isfinite(model.predict_log_proba([[-1e6], [1e6]])).all()


def test_unscaled_columns_are_no_trouble_to_newton() -> None:
    """Newton's method does not mind units: the slope left is tiny though columns differ by a factor of 1e5."""
    X, y = load_breast_cancer(return_X_y=True)
    ours, expected = LogisticRegression(tol=1e-9).fit(X, y), theirs(1.0).fit(X, y)
    assert ours.n_iter_ < 30
    np.testing.assert_allclose(ours.predict_proba(X), expected.predict_proba(X), atol=1e-6)


def test_works_in_a_pipeline() -> None:
    X, y = WINE
    ours = cross_val_score(make_pipeline(StandardScaler(), SoftmaxRegression()), X, y, cv=5)
    expected = cross_val_score(make_pipeline(StandardScaler(), Theirs(max_iter=1000)), X, y, cv=5)
    assert ours.tolist() == expected.tolist()


# ---------------------------------------------------------------- bad input and warnings


def test_classes_that_do_not_overlap_warn_without_l2() -> None:
    X, y = [[-2.0], [-1.0], [1.0], [2.0]], [0, 0, 1, 1]
    for model in (LogisticRegression(l2=0), SoftmaxRegression(l2=0)):
        with pytest.warns(ConvergenceWarning, match=f"{type(model).__name__}: the classes are divided without error"):
            model.fit(X, y)


def test_too_few_steps_warn() -> None:
    for solver in ("gradient-descent", "lbfgs", "newton"):
        with pytest.warns(ConvergenceWarning, match="LogisticRegression: a slope of .* is left after 2 steps"):
            LogisticRegression(solver=solver, max_iter=2, tol=1e-12).fit(*CANCER)


def test_a_step_too_large_is_an_error() -> None:
    rows = np.array([[1e80], [-1e80], [1e80], [1e80]])
    with pytest.raises(ValueError, match=r"LogisticRegression: the loss left all bounds; scale the columns"):
        LogisticRegression(solver="gradient-descent", lr=1e200).fit(rows, [0, 1, 1, 0])


@pytest.mark.parametrize("model", [LogisticRegression(), SoftmaxRegression()], ids=lambda model: type(model).__name__)
def test_bad_input_names_the_estimator(model) -> None:
    name, (X, y) = type(model).__name__, CANCER
    broken = X.copy()
    broken[7, 4] = np.nan
    with pytest.raises(ValueError, match=f"{name}: column 4 of X holds NaN in row 7"):
        model.fit(broken, y)
    with pytest.raises(ValueError, match=f"{name}: y holds one class only, 1"):
        model.fit(X[y == 1], y[y == 1])
    with pytest.raises(ValueError, match=f"{name}: X has 569 rows and y has 568"):
        model.fit(X, y[1:])
    with pytest.raises(ValueError, match=f"{name}: column 1 of X holds 'tall' in row 0"):
        model.fit([[1.0, "tall"], [2.0, "low"]], [0, 1])
    with pytest.raises(ValueError, match=f"{name}: Unknown label type: continuous"):
        model.fit(X, X[:, 0])
    with pytest.raises(NotFittedError):
        type(model)().predict(X)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (LogisticRegression(l2=-1), "l2 is -1; it must be at least 0"),
        (LogisticRegression(loss="hinge"), "loss is 'hinge'; it must be one of 'cross-entropy', 'squared-error'"),
        (LogisticRegression(solver="sgd"), "solver is 'sgd'; it must be one of 'newton', 'lbfgs', 'gradient-descent'"),
        (LogisticRegression(loss="squared-error"), "not convex, which Newton's method needs; set solver='lbfgs'"),
        (LogisticRegression(lr=0), "lr is 0; it must be above 0"),
        (LogisticRegression(max_iter=0), "max_iter is 0"),
        (SoftmaxRegression(l2=float("nan")), "l2 is nan"),
        (SoftmaxRegression(tol="small"), "tol is 'small'"),
    ],
)
def test_bad_hyperparameters(model, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.fit(*CANCER)


def test_three_classes_are_too_many_for_two() -> None:
    with pytest.raises(ValueError, match=r"multiclass \(3 classes\); SoftmaxRegression takes any number"):
        LogisticRegression().fit(*IRIS)


def test_a_hessian_too_large_is_refused() -> None:
    X = np.random.default_rng(0).normal(size=(20, 2100))
    with pytest.raises(ValueError, match=r"too large for 4202 weights; set solver='lbfgs'"):
        SoftmaxRegression().fit(X, np.arange(20) % 2)


def test_every_solver_is_named() -> None:
    for solver in SOLVERS:
        model = LogisticRegression(solver=solver, lr=0.5, max_iter=5000, tol=1e-4).fit(*CANCER)
        assert model.score(*CANCER) > 0.95
