"""Kernels against the features they stand for, with scikit-learn's logistic regression on those; the cascade."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.datasets import load_breast_cancer, make_circles, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression as Theirs
from sklearn.metrics import pairwise
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from kshot.classic.classification import cascade
from kshot.classic.classification.cascade import CascadedLogisticRegression
from kshot.classic.classification.kernel import (
    Distances,
    KernelLogisticRegression,
    PolynomialMap,
    polynomial_kernel,
    rbf_kernel,
)
from kshot.classic.classification.logistic import LogisticRegression

SKIPPED = "ignore:Skipping check check_array_api_input:sklearn.exceptions.SkipTestWarning"  # array API is not claimed
CAST = "ignore:invalid value encountered in cast:RuntimeWarning"  # a check of scikit-learn's own casts NaN
FAR = "ignore:KernelLogisticRegression. a slope of:sklearn.exceptions.ConvergenceWarning"  # K of columns near 100
STUCK = "ignore:CascadedLogisticRegression. every hidden:sklearn.exceptions.ConvergenceWarning"  # the checks' columns
X, Y = make_moons(120, noise=0.25, random_state=0)
UNSEEN = make_moons(50, noise=0.25, random_state=1)[0]
XOR = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
XOR_CLASSES = np.array([0, 0, 1, 1])


@pytest.mark.filterwarnings(SKIPPED, CAST, FAR, STUCK)
@parametrize_with_checks(
    [
        KernelLogisticRegression(),
        KernelLogisticRegression(kernel="polynomial"),
        PolynomialMap(),
        Distances(),
        CascadedLogisticRegression(),
    ]
)
def test_contract(estimator, check) -> None:
    check(estimator)


def test_kernels_are_scikit_learns() -> None:
    np.testing.assert_allclose(
        polynomial_kernel(X, UNSEEN, degree=3, coef0=2), pairwise.polynomial_kernel(X, UNSEEN, 3, gamma=1, coef0=2)
    )
    np.testing.assert_allclose(rbf_kernel(X, UNSEEN, gamma=0.7), pairwise.rbf_kernel(X, UNSEEN, gamma=0.7))


@pytest.mark.parametrize("scale", [1e8, 1e40, 1e90])
@pytest.mark.parametrize("kernel", ["linear", "polynomial"])
def test_a_kernel_too_large_for_its_penalty_is_refused(kernel: str, scale: float) -> None:
    """What a row is given is then a sum of terms that cancel to nothing but rounding."""
    with pytest.raises(ValueError, match=r"^KernelLogisticRegression: .*; scale the columns of X, or (raise l2|lower)"):
        KernelLogisticRegression(kernel=kernel, degree=3).fit(X * scale, Y)
    held = KernelLogisticRegression(kernel="linear", l2=1e16).fit(X * 1e8, Y).predict_proba(X * 1e8)
    np.testing.assert_allclose(held, KernelLogisticRegression(kernel="linear").fit(X, Y).predict_proba(X), atol=1e-9)


def test_rbf_distances_lose_no_digits_far_from_0() -> None:
    near, far = rbf_kernel(X, UNSEEN, gamma=0.7), rbf_kernel(X + 1e7, UNSEEN + 1e7, gamma=0.7)
    np.testing.assert_allclose(far, near, atol=1e-7)  # scikit-learn's own is off by up to 1 there


@pytest.mark.parametrize(("degree", "coef0"), [(1, 1.0), (2, 1.0), (3, 0.5), (2, 0.0)])
def test_a_polynomial_kernel_is_the_inner_product_of_its_features(degree: int, coef0: float) -> None:
    """The kernel trick itself: phi(a) . phi(b) = (a . b + c)^degree."""
    rows = np.random.default_rng(0).normal(size=(20, 3))
    made = PolynomialMap(degree=degree, coef0=coef0).fit_transform(rows)
    np.testing.assert_allclose(made @ made.T, polynomial_kernel(rows, rows, degree=degree, coef0=coef0), rtol=1e-9)


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("l2", [0.1, 1.0])
def test_polynomial_kernel_is_logistic_regression_on_the_features(degree: int, l2: float) -> None:
    kernel = KernelLogisticRegression(kernel="polynomial", degree=degree, l2=l2, tol=1e-10).fit(X, Y)
    written = PolynomialMap(degree=degree).fit(X)
    expected = Theirs(C=1 / l2, solver="newton-cholesky", tol=1e-12).fit(written.transform(X), Y)
    np.testing.assert_allclose(
        kernel.predict_proba(UNSEEN), expected.predict_proba(written.transform(UNSEEN)), atol=1e-6
    )
    w = kernel.dual_coef_ @ written.transform(X)  # w = sum_n alpha_n phi(x_n)
    np.testing.assert_allclose(w, expected.coef_[0], atol=1e-6)


def test_linear_kernel_is_logistic_regression() -> None:
    kernel = KernelLogisticRegression(kernel="linear", l2=0.5, tol=1e-10).fit(X, Y)
    plain = LogisticRegression(l2=0.5, tol=1e-12).fit(X, Y)
    np.testing.assert_allclose(kernel.dual_coef_ @ X, plain.coef_[0], atol=1e-6)
    np.testing.assert_allclose(kernel.intercept_, plain.intercept_[0], atol=1e-6)


def test_rbf_kernel_is_logistic_regression_on_nystroem_features() -> None:
    """With all rows as landmarks scikit-learn's Nystroem features have exactly the kernel as their inner products."""
    kernel = KernelLogisticRegression(kernel="rbf", gamma=0.5, l2=0.3, tol=1e-10).fit(X, Y)
    exact = Nystroem(kernel="rbf", gamma=0.5, n_components=len(X), random_state=0).fit(X)
    expected = Theirs(C=1 / 0.3, solver="newton-cholesky", tol=1e-12).fit(exact.transform(X), Y)
    np.testing.assert_allclose(kernel.predict_proba(UNSEEN), expected.predict_proba(exact.transform(UNSEEN)), atol=1e-5)


def test_alpha_is_what_is_still_misjudged() -> None:
    """At the minimum alpha_n = (y_n - f(x_n)) / l2, so that the alphas sum to 0."""
    for kernel in ("linear", "polynomial", "rbf"):
        model = KernelLogisticRegression(kernel=kernel, l2=0.5, tol=1e-10).fit(X, Y)
        np.testing.assert_allclose(model.dual_coef_, (Y - model.predict_proba(X)[:, 1]) / 0.5, atol=1e-7)


def test_too_few_steps_warn() -> None:
    with pytest.warns(ConvergenceWarning, match="KernelLogisticRegression: a slope of .* is left after 1 steps"):
        KernelLogisticRegression(max_iter=1).fit(X, Y)


def test_the_kernel_keeps_its_own_rows() -> None:
    rows = X.copy()
    model = KernelLogisticRegression().fit(rows, Y)
    before = model.predict_proba(UNSEEN)
    rows[:] = 0
    np.testing.assert_array_equal(model.predict_proba(UNSEEN), before)


def test_rings_need_more_than_a_line() -> None:
    rings, labels = make_circles(200, noise=0.05, factor=0.5, random_state=0)
    assert LogisticRegression().fit(rings, labels).score(rings, labels) < 0.7
    for kernel in ("polynomial", "rbf"):
        assert KernelLogisticRegression(kernel=kernel).fit(rings, labels).score(rings, labels) == 1


def test_the_lectures_distances() -> None:
    expected = [[0, np.sqrt(2)], [np.sqrt(2), 0], [1, 1], [1, 1]]
    np.testing.assert_allclose(Distances().fit_transform(XOR), expected)
    np.testing.assert_allclose(Distances(points=[[0, 0], [1, 1]]).fit_transform(XOR), expected)
    assert LogisticRegression().fit(XOR, XOR_CLASSES).score(XOR, XOR_CLASSES) < 1
    assert make_pipeline(Distances(), LogisticRegression(l2=0.01)).fit(XOR, XOR_CLASSES).score(XOR, XOR_CLASSES) == 1


# ---------------------------------------------------------------- the cascade


def test_the_cascade_solves_xor() -> None:
    model = CascadedLogisticRegression(n_init=10).fit(XOR, XOR_CLASSES)
    assert model.predict(XOR).tolist() == XOR_CLASSES.tolist()
    made = model.hidden_features(XOR)
    assert LogisticRegression(l2=1e-6).fit(made, XOR_CLASSES).score(made, XOR_CLASSES) == 1


def test_the_cascades_gradient_is_scipys(monkeypatch: pytest.MonkeyPatch) -> None:
    def checked(estimator, objective, start):
        found = approx_fprime(start, lambda w: objective(w)[0], 1e-7)
        np.testing.assert_allclose(objective(start)[1], found, atol=1e-6)
        checks.append(start)
        return minimise(estimator, objective, start)

    checks: list[np.ndarray] = []
    minimise = cascade.minimise
    monkeypatch.setattr(cascade, "minimise", checked)
    CascadedLogisticRegression(hidden=3, l2=0.5, n_init=4).fit(X, Y)
    assert len(checks) == 4


def test_the_cascade_is_a_network_of_one_hidden_layer() -> None:
    """The same weights in scikit-learn's MLPClassifier give the same probabilities."""
    model = CascadedLogisticRegression(hidden=3).fit(X, Y)
    network = MLPClassifier(hidden_layer_sizes=(3,), activation="logistic", max_iter=1, random_state=0)
    network.partial_fit(X, Y, classes=[0, 1])
    network.coefs_ = [weights.T for weights in model.coefs_]
    network.intercepts_ = model.intercepts_
    np.testing.assert_allclose(model.predict_proba(UNSEEN), network.predict_proba(UNSEEN), atol=1e-12)


def test_the_cascade_by_gradient_descent() -> None:
    descended = CascadedLogisticRegression(
        hidden=4, solver="gradient-descent", lr=2.0, max_iter=5000, tol=2e-3, n_init=2
    )
    assert descended.fit(X, Y).score(X, Y) > LogisticRegression().fit(X, Y).score(X, Y)
    assert (np.diff(descended.losses_) < 1e-3).all()


def test_one_seed_one_model() -> None:
    first, again = (CascadedLogisticRegression(random_state=3).fit(X, Y).coefs_[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "model", [KernelLogisticRegression(), CascadedLogisticRegression()], ids=lambda model: type(model).__name__
)
def test_bad_input_names_the_estimator(model) -> None:
    name, broken = type(model).__name__, X.copy()
    broken[7, 1] = np.nan
    with pytest.raises(ValueError, match=f"{name}: column 1 of X holds NaN in row 7"):
        model.fit(broken, Y)
    with pytest.raises(ValueError, match=f"{name}: y holds one class only, 0"):
        model.fit(X, np.zeros(len(X), dtype=int))
    with pytest.raises(ValueError, match=f"{name}: X has 120 rows and y has 119"):
        model.fit(X, Y[1:])
    with pytest.raises(ValueError, match=f"{name}: .*3 classes"):
        model.fit(X, np.arange(len(X)) % 3)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            KernelLogisticRegression(kernel="cosine"),
            "kernel is 'cosine'; it must be one of 'linear', 'polynomial', 'rbf'",
        ),
        (KernelLogisticRegression(l2=0), "l2 is 0; it must be above 0"),
        (KernelLogisticRegression(gamma=-1.0), "gamma is -1.0; it must be above 0"),
        (KernelLogisticRegression(degree=0), "degree is 0"),
        (PolynomialMap(degree=0), "degree is 0"),
        (PolynomialMap(degree=1.5), "degree is 1.5; it must be a whole number, at least 1"),
        (Distances(points=[[1.0, 2.0, 3.0]]), r"points is of shape \(1, 3\); give \(points, 2\)"),
        (CascadedLogisticRegression(hidden=0), "hidden is 0"),
        (CascadedLogisticRegression(solver="newton"), "not convex"),
    ],
)
def test_bad_hyperparameters(model, message: str) -> None:
    with pytest.raises(ValueError, match=f"{type(model).__name__}: .*{message}"):
        model.fit(X, Y)


def test_a_cancer_by_kernel() -> None:
    rows, labels = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), KernelLogisticRegression()).fit(rows[::2], labels[::2])
    assert model.score(rows[1::2], labels[1::2]) > 0.93
