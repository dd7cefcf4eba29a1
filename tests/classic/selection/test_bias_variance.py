"""Bias, variance and noise by definition, against mlxtend and theory; many refits against single ones."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlxtend.evaluate import bias_variance_decomp
from sklearn.datasets import load_diabetes, load_iris
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression as Theirs
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from kshot.classic.regression.linear import LinearRegression, PolynomialRegression, RidgeRegression
from kshot.classic.selection import refits
from kshot.classic.selection.bias_variance import LossParts, bias_variance, decompose, parts_of
from kshot.classic.selection.refits import bootstrap_predictions, one_by_one, sample_predictions

X, Y = load_diabetes(return_X_y=True)
SPLIT = (X[:300], Y[:300], X[300:], Y[300:])
NAMES = [field.name for field in fields(LossParts)]


def adds_up(parts: LossParts) -> None:
    np.testing.assert_allclose(parts.noise + parts.bias + parts.variance, parts.loss, rtol=1e-12, atol=1e-12)


@st.composite
def outcomes(draw, elements):
    refits_, drawn, points = (draw(st.integers(1, high)) for high in (9, 6, 4))
    rows = draw(
        st.lists(
            st.lists(elements, min_size=points, max_size=points), min_size=refits_ + drawn, max_size=refits_ + drawn
        )
    )
    return np.array(rows[:refits_]), np.array(rows[refits_:])


@given(outcomes(st.integers(0, 3)))
def test_parts_of_zero_one_loss_add_up_to_the_counted_loss(both) -> None:
    predictions, targets = both
    parts = decompose(predictions, targets, loss="0-1").points
    counted = (predictions[:, None] != targets[None]).mean(axis=(0, 1))
    np.testing.assert_allclose(parts.loss, counted, atol=1e-12)
    adds_up(parts)


@given(outcomes(st.floats(-100, 100)))
def test_parts_of_squared_loss_add_up_to_the_mean_loss(both) -> None:
    predictions, targets = both
    parts = decompose(predictions, targets).points
    counted = ((predictions[:, None] - targets[None]) ** 2).mean(axis=(0, 1))
    np.testing.assert_allclose(parts.loss, counted, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(parts.noise + parts.bias + parts.variance, counted, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(parts.noise, targets.var(axis=0), atol=1e-12)
    np.testing.assert_allclose(parts.variance, predictions.var(axis=0), rtol=1e-9, atol=1e-9)


@given(outcomes(st.booleans()))
def test_two_classes_follow_domingos_theorem_2(both) -> None:
    """P(f != y) = (2 P(f = y*) - 1) N + B + V where unbiased, - V where biased."""
    predictions, targets = both
    parts = decompose(predictions, targets, loss="0-1").points
    best, main = targets.mean(axis=0) > 0.5, predictions.mean(axis=0) > 0.5
    noise = (targets != best).mean(axis=0)
    np.testing.assert_allclose(parts.noise, (2 * (predictions == best).mean(axis=0) - 1) * noise, atol=1e-12)
    spread = (predictions != main).mean(axis=0)
    np.testing.assert_allclose(parts.variance, np.where(main == best, spread, -spread), atol=1e-12)
    assert parts.bias.tolist() == (main != best).tolist()


@pytest.mark.parametrize("loss", ["squared", "0-1"])
def test_parts_add_up_however_much_each_refit_counts(loss: str) -> None:
    rng = np.random.default_rng(0)
    predictions, targets = rng.integers(3, size=(20, 5)), rng.integers(3, size=(4, 5))
    shares = rng.dirichlet(np.ones(20), size=7)
    parts = parts_of(predictions, targets, loss, shares)
    unlike = predictions[:, None] - targets[None]
    counted = (unlike**2 if loss == "squared" else unlike != 0).mean(axis=1)
    np.testing.assert_allclose(parts.loss, shares @ counted)
    adds_up(parts)


def test_three_classes_by_hand() -> None:
    """Four refits say a, a, b, c of a point that is b: only one of the two changes away from a is for the better."""
    found = decompose(np.array(list("aabc"))[:, None], ["b"], loss="0-1")
    assert [float(getattr(found.points, name)[0]) for name in NAMES] == [0.75, 0, 1, 0, 0.25]


def test_squared_parts_are_mlxtends_on_the_same_resamples() -> None:
    theirs = bias_variance_decomp(Theirs(), *SPLIT, loss="mse", num_rounds=60, random_seed=7)
    for model in (LinearRegression(), Theirs()):
        ours = bias_variance(model, *SPLIT, refits=60, seed=7)
        found = [ours.mean(part) for part in ("loss", "bias", "variance")]
        np.testing.assert_allclose(found, theirs, rtol=1e-9)
        adds_up(ours.points)


def test_zero_one_parts_add_up_where_mlxtends_do_not() -> None:
    iris, kinds = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(150)
    split = (iris[order[:30], :2], kinds[order[:30]], iris[order[30:], :2], kinds[order[30:]])
    tree = DecisionTreeClassifier(random_state=0)
    loss, bias, variance = bias_variance_decomp(tree, *split, num_rounds=50, random_seed=1)
    ours = bias_variance(tree, *split, loss="0-1", refits=50, seed=1)
    assert ours.mean("loss") == pytest.approx(loss)
    assert ours.mean("bias") == pytest.approx(bias)
    assert ours.mean("unbiased_variance") < variance
    assert abs(loss - bias - variance) > 0.05
    adds_up(ours.points)


MODELS = [LinearRegression(), RidgeRegression(alpha=3.0), RidgeRegression(alpha=0.0), PolynomialRegression(degree=2)]
ROWS = {
    "diabetes": SPLIT,
    "small and large units": (X[:300] * np.logspace(-5, 5, 10), Y[:300], X[300:] * np.logspace(-5, 5, 10), Y[300:]),
    "few rows": (X[:5, :3], Y[:5], X[300:, :3], Y[300:]),  # many samples leave the weights open
    "a column twice": (X[:40][:, [0, 1, 1]], Y[:40], X[300:][:, [0, 1, 1]], Y[300:]),
    "a column that does not vary": (np.ones((30, 1)), Y[:30], np.ones((5, 1)), Y[:5]),
    "few values": (np.repeat([[0.0], [1.0]], 4, axis=0), Y[:8], np.array([[0.5]]), Y[:1]),
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_all_refits_at_once_are_single_refits(name: str, model, monkeypatch) -> None:
    train, y, test, _ = ROWS[name]
    monkeypatch.setattr(refits, "BLOCK", 10 * max(len(y), 66**2))  # several blocks
    together = bootstrap_predictions(model, train, y, test, refits=40, seed=2)
    random = np.random.RandomState(2)
    drawn = [random.choice(len(y), size=len(y)) for _ in range(40)]  # as mlxtend draws
    singly = one_by_one(model, ((train[rows], y[rows]) for rows in drawn), test)
    np.testing.assert_allclose(together, singly, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize("rows", [4, 60])
def test_all_samples_at_once_are_single_fits(model, rows: int) -> None:
    rng = np.random.default_rng(0)
    Xs, test = 5 + rng.normal(size=(30, rows, 3)), 5 + rng.normal(size=(7, 3))
    Xs[3, :, 1], Xs[4, :, 1] = 2.0, Xs[4, :, 0]  # weights that their sets leave open
    ys = rng.normal(size=(30, rows))
    singly = one_by_one(model, zip(Xs, ys, strict=True), test)
    np.testing.assert_allclose(sample_predictions(model, Xs, ys, test), singly, rtol=1e-6, atol=1e-6)


def test_most_refits_do_not_loop(monkeypatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("fitted by itself")

    monkeypatch.setattr(LinearRegression, "fit", refused)
    assert bootstrap_predictions(LinearRegression(), *SPLIT[:3], refits=500).shape == (500, 142)
    with pytest.raises(AssertionError, match="fitted by itself"):
        bootstrap_predictions(LinearRegression(solver="sgd"), *SPLIT[:3])


def test_bias_and_variance_are_those_of_theory() -> None:
    """Least squares on fixed rows: variance is s^2 x^T (A^T A)^-1 x, and a line has no bias on a line."""
    rng = np.random.default_rng(0)
    x, sets, spread = np.linspace(-1, 1, 12), 20_000, 0.5
    ys = 1 + 2 * x + spread * rng.normal(size=(sets, 12))
    points = np.array([[-1.0], [0.0], [0.7]])
    A, a = np.column_stack([np.ones(12), x]), np.column_stack([np.ones(3), points])
    expected = spread**2 * np.einsum("ij,jk,ik->i", a, np.linalg.inv(A.T @ A), a)
    targets = 1 + 2 * points[:, 0] + spread * rng.normal(size=(400, 3))
    predictions = sample_predictions(LinearRegression(), np.tile(x[:, None], (sets, 1, 1)), ys, points)
    found = decompose(predictions, targets)
    np.testing.assert_allclose(found.points.variance, expected, rtol=0.05)
    np.testing.assert_allclose(found.points.noise, spread**2, rtol=0.25)
    assert (found.points.bias < 0.005).all()  # of 400 targets the mean itself varies by 0.025
    mean = decompose(sample_predictions(DummyRegressor(), np.tile(x[:, None], (500, 1, 1)), ys[:500], points), targets)
    np.testing.assert_allclose(mean.points.bias, (2 * points[:, 0]) ** 2, atol=0.15)


def test_intervals_cover_what_other_refits_give() -> None:
    many = bias_variance(LinearRegression(), *SPLIT, refits=20_000, seed=999)
    held = {"bias": 0, "variance": 0, "loss": 0}
    for seed in range(60):
        intervals = bias_variance(LinearRegression(), *SPLIT, refits=200, seed=seed).intervals(draws=200, seed=seed)
        for part in held:
            held[part] += many.mean(part) in intervals[part]
    assert all(count >= 50 for count in held.values()), held
    assert held != {"bias": 60, "variance": 60, "loss": 60}


def test_intervals_of_zero_one_loss_hold_the_means() -> None:
    iris, kinds = load_iris(return_X_y=True)
    found = bias_variance(KNeighborsClassifier(1), iris[::2, :2], kinds[::2], iris[1::2, :2], kinds[1::2], loss="0-1")
    intervals = found.intervals(draws=300)
    for part in ("loss", "bias", "variance", "unbiased_variance", "biased_variance"):
        assert found.mean(part) in intervals[part]
    assert intervals["loss"].low < intervals["loss"].high
    assert found.intervals(draws=300) == intervals


def test_any_estimator_labels_and_frames() -> None:
    pandas = pytest.importorskip("pandas")
    iris = load_iris()
    frame, kinds = pandas.DataFrame(iris.data, columns=list("abcd")), iris.target_names[iris.target]
    found = bias_variance(
        KNeighborsClassifier(5), frame[::2], pandas.Series(kinds[::2]), frame[1::2], kinds[1::2], loss="0-1", refits=20
    )
    assert set(found.predictions.ravel()) == set(iris.target_names)
    assert found.mean("loss") < 0.1


def test_the_diagnosis_is_the_lectures() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(30, 1))
    y, test = np.sin(4 * x[:, 0]) + 0.3 * rng.normal(size=30), np.linspace(-0.9, 0.9, 40)[:, None]
    told = [
        bias_variance(PolynomialRegression(degree=d), x, y, test, np.sin(4 * test[:, 0])).diagnosis() for d in (1, 11)
    ]
    assert told[0].startswith("underfitting")
    assert told[1].startswith("overfitting")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: decompose([[1.0]], [1.0], loss="hinge"), "loss is 'hinge'; it must be one of 'squared', '0-1'"),
        (lambda: decompose([[1.0, 2.0]], [1.0]), r"predictions are \(1, 2\) and targets \(1, 1\)"),
        (lambda: decompose([["a"]], [1.0]), "predictions are no numbers, which squared loss needs"),
        (lambda: decompose([[1.0]], [np.nan]), "targets hold nan in row 0 at point 0"),
        (lambda: bias_variance(LinearRegression(), *SPLIT, refits=0), "refits is 0; it must be at least 1"),
        (lambda: bias_variance(LinearRegression(), X, Y[:5], X, Y), "X has 442 rows and y has 5"),
        (
            lambda: bias_variance(DummyRegressor(), X, Y[:5], X, Y),
            "there are 442 rows and 5 targets; they must be as many",
        ),
        (lambda: decompose([[1e120]], [1.0]), r"predictions hold numbers above 1e\+100, whose squares are none; scale"),
        (lambda: decompose([[1, 2]], ["1", "2"], loss="0-1"), "text and numbers, which are never equal"),
        (lambda: sample_predictions(LinearRegression(), X[None], Y[None][:0], X), "there are 1 sets of rows and 0"),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_refit_that_fails_is_named() -> None:
    with pytest.raises(ValueError, match="n_neighbors") as caught:
        bias_variance(KNeighborsClassifier(9), X[:5], Y[:5] > 100, X, Y > 100, loss="0-1")
    assert caught.value.__notes__ == ["in refit 0 of KNeighborsClassifier"]
