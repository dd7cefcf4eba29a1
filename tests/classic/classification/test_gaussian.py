"""Gaussian classifiers against scikit-learn's and SciPy's, and what they say of input they cannot take."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from kshot.classic.classification.gaussian import GaussianClassifier, GaussianNaiveBayes, covariance, log_density
from kshot.classic.data.pokemon import STATS, load_pokemon

DATA = {
    "iris": load_iris(return_X_y=True),
    "wine": load_wine(return_X_y=True),
    # scaled, since scikit-learn's QDA takes columns of small units for singular
    "cancer": (StandardScaler().fit_transform(load_breast_cancer().data), load_breast_cancer().target),
}
FAR = {"iris far from 0": (1e6 + DATA["iris"][0], DATA["iris"][1])}
PRIORS = {2: [0.3, 0.7], 3: [0.2, 0.3, 0.5]}
SKIPPED = "ignore:Skipping check check_array_api_input:sklearn.exceptions.SkipTestWarning"  # array API is not claimed
CAST = "ignore:invalid value encountered in cast:RuntimeWarning"  # a check of scikit-learn's own casts NaN


@pytest.mark.filterwarnings(SKIPPED, CAST)
@parametrize_with_checks(
    [
        GaussianClassifier(),
        GaussianClassifier(covariance="own"),
        GaussianClassifier(covariance="own", shrinkage=0.1),
        GaussianNaiveBayes(),
        GaussianNaiveBayes(variance="shared"),
    ]
)
def test_contract(estimator, check) -> None:
    check(estimator)


def test_covariance_is_numpys() -> None:
    X = DATA["wine"][0]
    mean, sigma = covariance(X)
    np.testing.assert_allclose(mean, X.mean(axis=0))
    np.testing.assert_allclose(sigma, np.cov(X, rowvar=False, bias=True), rtol=1e-12)


def test_log_density_is_scipys() -> None:
    X = DATA["wine"][0]
    mean, sigma = covariance(X)
    expected = multivariate_normal(mean, sigma).logpdf(X)
    np.testing.assert_allclose(log_density(X, mean, np.linalg.cholesky(sigma)), expected, rtol=1e-9)


@pytest.mark.parametrize("name", DATA)
def test_shared_covariance_is_lda(name: str) -> None:
    X, y = DATA[name]
    ours, theirs = GaussianClassifier().fit(X, y), LinearDiscriminantAnalysis(solver="lsqr").fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
    np.testing.assert_allclose(ours.covariance_, theirs.covariance_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-6)


@pytest.mark.parametrize("name", DATA)
def test_other_priors_only_reweight_the_posterior(name: str) -> None:
    """scikit-learn weights the covariances by given priors, the lecture by the counts: so Bayes' rule is the truth."""
    X, y = DATA[name]
    priors = PRIORS[len(np.unique(y))]
    theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(X, y)
    expected = theirs.predict_proba(X) * priors / theirs.priors_
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(GaussianClassifier(priors=priors).fit(X, y).predict_proba(X), expected, atol=1e-6)


@pytest.mark.parametrize("shrinkage", [0.05, 0.5])
def test_shrinkage_is_scikit_learns(shrinkage: float) -> None:
    X, y = DATA["wine"]
    ours = GaussianClassifier(covariance="own", shrinkage=shrinkage).fit(X, y)
    from sklearn.covariance import shrunk_covariance

    for k in range(3):
        expected = shrunk_covariance(np.cov(X[y == k], rowvar=False, bias=True), shrinkage)
        np.testing.assert_allclose(ours.covariance_[k], expected, rtol=1e-9)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("own_priors", [False, True])
def test_own_covariance_is_qda(name: str, own_priors: bool) -> None:
    X, y = DATA[name]
    priors = PRIORS[len(np.unique(y))] if own_priors else None
    ours = GaussianClassifier(covariance="own", priors=priors).fit(X, y)
    theirs = QuadraticDiscriminantAnalysis(priors=priors, store_covariance=True, tol=1e-9).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
    for ours_one, theirs_one in zip(ours.covariance_, theirs.covariance_, strict=True):
        np.testing.assert_allclose(ours_one, theirs_one, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("own_priors", [False, True])
def test_naive_bayes_is_gaussian_nb(name: str, own_priors: bool) -> None:
    X, y = DATA[name]
    priors = PRIORS[len(np.unique(y))] if own_priors else None
    ours, theirs = GaussianNaiveBayes(priors=priors).fit(X, y), GaussianNB(priors=priors).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)
    np.testing.assert_allclose(ours.predict_log_proba(X), theirs.predict_log_proba(X), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.means_, theirs.theta_)
    np.testing.assert_allclose(ours.variances_, theirs.var_)


@pytest.mark.parametrize("own", ["own", "shared"])
def test_naive_bayes_is_a_diagonal_covariance(own: str) -> None:
    """Columns that are uncorrelated within each class leave nothing to be naive about."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [60, 40])
    X = rng.normal(size=(100, 3)) * (1 + y[:, None])
    for k in (0, 1):  # uncorrelated in the sample itself, not only in expectation
        centred = X[y == k] - X[y == k].mean(axis=0)
        X[y == k] = np.linalg.qr(centred)[0] * (2 + k) + k
    full = GaussianClassifier(covariance=own).fit(X, y)
    naive = GaussianNaiveBayes(variance=own, var_smoothing=0.0).fit(X, y)
    np.testing.assert_allclose(full.predict_proba(X), naive.predict_proba(X), atol=1e-9)


def test_shared_covariance_is_a_sigmoid_of_a_line() -> None:
    """The lecture: with one covariance, P(C_1 | x) = sigma(w x + b)."""
    X, y = DATA["cancer"]
    model = GaussianClassifier().fit(X, y)
    z = X @ model.coef_[0] + model.intercept_[0]
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-z)), atol=1e-9)
    np.testing.assert_allclose(model.decision_function(X), z, atol=1e-6)


@pytest.mark.parametrize("kind", ["own", "shared"])
def test_columns_far_from_zero_lose_no_digits(kind: str) -> None:
    near = GaussianClassifier(covariance=kind).fit(*DATA["iris"]).predict_proba(DATA["iris"][0])
    X, y = FAR["iris far from 0"]
    np.testing.assert_allclose(GaussianClassifier(covariance=kind).fit(X, y).predict_proba(X), near, atol=1e-6)


@pytest.mark.parametrize("kind", ["own", "shared"])
def test_units_do_not_matter(kind: str) -> None:
    X, y = DATA["wine"]
    scaled = X * np.logspace(-9, 9, X.shape[1])
    ours = GaussianClassifier(covariance=kind).fit(scaled, y).predict_proba(scaled)
    np.testing.assert_allclose(ours, GaussianClassifier(covariance=kind).fit(X, y).predict_proba(X), atol=1e-6)


def test_works_in_a_pipeline_with_text_labels() -> None:
    X, y = DATA["wine"]
    labels = np.array(["red", "rose", "white"])[y]
    ours = cross_val_score(make_pipeline(StandardScaler(), GaussianClassifier(covariance="own")), X, labels, cv=5)
    theirs = cross_val_score(make_pipeline(StandardScaler(), QuadraticDiscriminantAnalysis()), X, labels, cv=5)
    assert ours.tolist() == theirs.tolist()


# ---------------------------------------------------------------- bad input

ROWS = np.random.default_rng(0).normal(size=(40, 3))
LABELS = np.repeat(["Normal", "Water"], 20)


def named(X: np.ndarray):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(X, columns=["hp", "attack", "defense"])


@pytest.mark.parametrize("kind", ["own", "shared"])
def test_a_singular_covariance_names_class_columns_and_remedy(kind: str) -> None:
    X = named(ROWS).assign(total=lambda frame: frame["hp"] + frame["attack"] + frame["defense"])
    whose = "of class 'Normal'" if kind == "own" else "shared by the classes"
    expected = (
        f"GaussianClassifier: the covariance {whose} is singular: column 'total' is a linear combination of columns "
        "'hp', 'attack', 'defense'; drop one of them, or set shrinkage above 0."
    )
    with pytest.raises(ValueError, match="singular") as caught:
        GaussianClassifier(covariance=kind).fit(X, LABELS)
    assert str(caught.value) == expected
    GaussianClassifier(covariance=kind, shrinkage=0.01).fit(X, LABELS)


def test_a_copied_column_names_only_the_two() -> None:
    X = np.column_stack([ROWS, ROWS[:, 1] * 1000])
    with pytest.raises(ValueError, match=r"column 3 is a linear combination of column 1; drop one of them"):
        GaussianClassifier().fit(X, LABELS)


def test_a_column_that_does_not_vary_within_a_class() -> None:
    X = ROWS.copy()
    X[20:, 2] = 7.1
    with pytest.raises(ValueError, match=r"of class 'Water' is singular: column 'defense' does not vary; drop it"):
        GaussianClassifier(covariance="own").fit(named(X), LABELS)
    GaussianClassifier(covariance="shared").fit(named(X), LABELS)
    with pytest.raises(ValueError, match=r"variance of class 'Water' is zero: column 'defense' does not vary"):
        GaussianNaiveBayes(var_smoothing=0.0).fit(named(np.where(X == 7.1, 7.0, X)), LABELS)


def test_too_few_rows() -> None:
    y = np.repeat(["Normal", "Water"], [37, 3])
    with pytest.raises(ValueError, match=r"of class 'Water' .* give at least 4 rows, or set covariance='shared' or"):
        GaussianClassifier(covariance="own").fit(ROWS, y)
    with pytest.raises(ValueError, match=r"shared by the classes .* give at least 5 rows, or set shrinkage"):
        GaussianClassifier().fit(ROWS[:4], LABELS[[0, 0, 20, 20]])


@pytest.mark.parametrize("model", [GaussianClassifier(), GaussianNaiveBayes()], ids=lambda model: type(model).__name__)
def test_bad_input_names_estimator_and_column(model) -> None:
    name = type(model).__name__
    broken = ROWS.copy()
    broken[5, 1] = np.nan
    with pytest.raises(ValueError, match=f"{name}: column 'attack' of X holds NaN in row 5"):
        model.fit(named(broken), LABELS)
    broken[5, 1] = -np.inf
    with pytest.raises(ValueError, match=f"{name}: column 1 of X holds inf in row 5"):
        model.fit(broken, LABELS)
    words = named(ROWS).astype(object)
    words.iloc[3, 2] = "Bulbasaur"
    with pytest.raises(ValueError, match=f"{name}: column 'defense' of X holds 'Bulbasaur' in row 3"):
        model.fit(words, LABELS)
    with pytest.raises(ValueError, match=f"{name}: X has 40 rows and y has 39"):
        model.fit(ROWS, LABELS[:39])
    with pytest.raises(ValueError, match=f"{name}: y holds one class only, 'Normal'"):
        model.fit(ROWS[:20], LABELS[:20])
    with pytest.raises(ValueError, match=f"{name}: y holds NaN or inf in row 3"):
        model.fit(ROWS, np.where(np.arange(40) == 3, np.nan, 1.0))
    with pytest.raises(ValueError, match=f"{name}: y mixes text with other labels"):
        model.fit(ROWS, np.array([1, "a"] * 20, dtype=object))
    fitted = model.fit(named(ROWS), LABELS)
    with pytest.raises(ValueError, match=f"{name}: column 'attack' of X holds NaN"):
        fitted.predict(named(np.where(ROWS[2, 1] == ROWS, np.nan, ROWS)))
    with pytest.raises(ValueError, match=f"{name}: The feature names should match"):
        fitted.predict(named(ROWS)[["hp", "attack"]])
    with pytest.raises(ValueError, match=f"{name}: X has 2 features, but {name} is expecting 3"):
        model.fit(ROWS, LABELS).predict(ROWS[:, :2])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (GaussianClassifier(covariance="full"), "covariance is 'full'; it must be one of 'own', 'shared'"),
        (GaussianClassifier(shrinkage=2), "shrinkage is 2; it must be at least 0 and at most 1"),
        (GaussianClassifier(priors=[1.0]), "priors holds 1 values for 2 classes"),
        (GaussianClassifier(priors=[0.5, 0.6]), "must be above 0 and sum to 1"),
        (GaussianNaiveBayes(var_smoothing=-1), "var_smoothing is -1"),
        (GaussianNaiveBayes(variance="none"), "variance is 'none'"),
    ],
)
def test_bad_hyperparameters(model, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.fit(ROWS, LABELS)


def test_the_table_of_pokemon() -> None:
    table = load_pokemon()
    assert (len(table.numbers), table.stats.shape) == (721, (721, 6))
    assert table.names[24] == "Pikachu"
    assert (table.numbers[24], table.types[24]) == (25, "Electric")
    assert dict(zip(STATS, table.stats[24], strict=True)) == {
        "hp": 35,
        "attack": 55,
        "defense": 40,
        "sp_attack": 50,
        "sp_defense": 50,
        "speed": 90,
    }
    assert set(table.only("Water", "Normal").types) == {"Water", "Normal"}
