"""Splits, folds, choosing and nested choosing against scikit-learn's, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import Lasso, Ridge
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GridSearchCV, KFold, ParameterGrid, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kshot.classic.regression.linear import RidgeRegression
from kshot.classic.selection.validation import choose, combinations, cross_validate, n_folds, nested, split

X, Y = load_diabetes(return_X_y=True)
CANCER, MALIGNANT = load_breast_cancer(return_X_y=True)
ALPHAS = {"alpha": [0.01, 0.1, 1.0, 10.0]}


@given(st.integers(5, 200), st.integers(2, 5), st.none() | st.integers(0, 5), st.booleans())
def test_every_row_is_held_out_once(rows: int, folds: int, seed: int | None, dealt: bool) -> None:
    labels = np.arange(rows) % 3 if dealt else None
    made = n_folds(rows, folds, labels=labels, seed=seed)
    assert sorted(np.concatenate([held for _, held in made])) == list(range(rows))
    sizes = [len(held) for _, held in made]
    assert max(sizes) - min(sizes) <= 1
    for train, held in made:
        assert sorted([*train, *held]) == list(range(rows))
    if dealt:
        for kind in range(3):
            counts = [int((labels[held] == kind).sum()) for _, held in made]
            assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_folds_in_order_are_scikit_learns(folds: int) -> None:
    for ours, theirs in zip(n_folds(45, folds), KFold(folds).split(np.zeros(45)), strict=True):
        assert [part.tolist() for part in ours] == [part.tolist() for part in theirs]
    assert [held.tolist() for _, held in n_folds(45, folds, seed=1)] != [
        held.tolist() for _, held in n_folds(45, folds, seed=2)
    ]


@given(st.integers(20, 200), st.integers(0, 5))
def test_a_split_has_each_row_once_in_its_share(rows: int, seed: int) -> None:
    labels = np.array(["a", "b"])[(np.arange(rows) % 4 == 0).astype(int)]
    parts = split(rows, labels=labels, seed=seed)
    assert sorted([*parts.train, *parts.validation, *parts.test]) == list(range(rows))
    for kind in "ab":
        there = (labels == kind).sum()
        for part, share in ((parts.train, 0.6), (parts.validation, 0.2), (parts.test, 0.2)):
            assert abs((labels[part] == kind).sum() - share * there) <= 1


@pytest.mark.parametrize("model", [Ridge(), RidgeRegression(), make_pipeline(StandardScaler(), Lasso(0.1))], ids=str)
def test_scores_are_cross_val_scores(model) -> None:
    folds = n_folds(len(X), 7, seed=3)
    np.testing.assert_allclose(cross_validate(model, X, Y, folds), cross_val_score(model, X, Y, cv=folds), rtol=1e-12)
    ours = cross_validate(model, X, Y, folds, score=lambda fitted, X, y: -mean_absolute_error(y, fitted.predict(X)))
    theirs = cross_val_score(model, X, Y, cv=folds, scoring="neg_mean_absolute_error")
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_the_choice_is_grid_searchs() -> None:
    folds = n_folds(len(X), 4)
    grid = {"alpha": [0.001, 0.05, 0.5], "fit_intercept": [True, False]}
    ours, theirs = choose(Lasso(), grid, X, Y, folds), GridSearchCV(Lasso(), grid, cv=folds).fit(X, Y)
    assert ours.candidates == theirs.cv_results_["params"]
    np.testing.assert_allclose(ours.scores.mean(axis=1), theirs.cv_results_["mean_test_score"], rtol=1e-12)
    assert ours.params == theirs.best_params_
    np.testing.assert_allclose(ours.model.predict(X), theirs.predict(X), rtol=1e-12)


def test_nested_scores_are_scikit_learns() -> None:
    model = make_pipeline(StandardScaler(), KNeighborsClassifier())
    grid = {"kneighborsclassifier__n_neighbors": [1, 5, 25]}
    outer = n_folds(len(CANCER), 4, labels=MALIGNANT, seed=0)
    ours = nested(model, grid, CANCER, MALIGNANT, outer, inner=3)
    theirs = cross_val_score(GridSearchCV(model, grid, cv=KFold(3)), CANCER, MALIGNANT, cv=outer)
    np.testing.assert_allclose(ours.scores, theirs, rtol=1e-12)
    for (train, _), choice in zip(outer, ours.choices, strict=True):
        expected = GridSearchCV(model, grid, cv=KFold(3)).fit(CANCER[train], MALIGNANT[train])
        assert choice.params == expected.best_params_


def test_inner_folds_may_be_dealt_by_class() -> None:
    """Sorted labels: without dealing, an inner fold would train on one class only and be judged on the other."""
    order = np.argsort(MALIGNANT, kind="stable")
    outer = n_folds(len(order), 3, seed=0)
    args = (KNeighborsClassifier(), {"n_neighbors": [5]}, CANCER[order], MALIGNANT[order], outer)
    plain, dealt = nested(*args, inner=2), nested(*args, inner=2, labels=MALIGNANT[order])
    assert plain.choices[0].scores.mean() < 0.7 < dealt.choices[0].scores.mean()


def test_frames_are_taken() -> None:
    pandas = pytest.importorskip("pandas")
    frame, target = pandas.DataFrame(X), pandas.Series(Y, index=np.arange(len(Y))[::-1])
    folds = n_folds(len(X), 3)
    assert cross_validate(Ridge(), frame, target, folds).tolist() == cross_validate(Ridge(), X, Y, folds).tolist()


@given(st.dictionaries(st.sampled_from("abc"), st.lists(st.integers(0, 9), min_size=1, max_size=3)))
def test_combinations_are_parameter_grids(grid: dict[str, list[int]]) -> None:
    assert combinations(grid) == list(ParameterGrid(grid))


LEAK = [(np.arange(10), np.arange(9, 12))]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: n_folds(4, 5), "folds is 5; it must be a whole number, at least 2 and at most the number of rows, 4"),
        (lambda: n_folds(4, 1), "folds is 1"),
        (lambda: n_folds(4, 2.5), "folds is 2.5; it must be a whole number"),
        (lambda: n_folds(4, 2, labels=[1]), r"there are 4 rows, and labels of shape \(1,\); give one label a row"),
        (lambda: n_folds(4, 2, labels=np.zeros((4, 1))), r"labels of shape \(4, 1\)"),
        (
            lambda: n_folds(4, 2, labels=["a", None, "b", "a"]),
            "the label of row 1 is None; drop such rows, or name them",
        ),
        (lambda: n_folds(4, 2, labels=[0.0, 1.0, np.nan, np.nan]), "the label of row 2 is nan"),
        (lambda: split(10, labels=[None] * 5 + [1] * 5), "the label of row 0 is None"),
        (
            lambda: n_folds(4, 2, labels=np.array(["a", 1, "b", 2], dtype=object)),
            r"labels are of several kinds \(int, str\); make them all text or all numbers",
        ),
        (
            lambda: choose(Ridge(), ALPHAS, X, Y, n_folds(9, 3), score=lambda model, X, y: np.nan),
            r"Ridge\(alpha=0.01\) scores nan on fold 0",
        ),
        (lambda: split(10, shares=(np.nan, 0.5, 0.5)), "must be three numbers above 0"),
        (lambda: split(10, shares=(0.5, 0.5)), "must be three numbers above 0 that sum to 1"),
        (lambda: split(10, shares=(0.5, 0.6, -0.1)), "must be three numbers above 0"),
        (lambda: split(2), "2 rows are too few"),
        (lambda: cross_validate(Ridge(), X, Y, LEAK), r"fold 0 trains on rows that it holds out: \[9\]"),
        (lambda: nested(Ridge(), ALPHAS, X, Y, LEAK), r"fold 0 trains on rows that it holds out: \[9\]"),
        (lambda: choose(Ridge(), ALPHAS, X, Y, LEAK), r"fold 0 trains on rows that it holds out: \[9\]"),
        (lambda: cross_validate(Ridge(), X, Y, []), "there are no folds; make some with n_folds"),
        (lambda: choose(Ridge(), {"alpha": []}, X, Y, n_folds(9, 3)), r"the grid's alpha is \[\]"),
        (lambda: choose(Ridge(), {"solver": "svd"}, X, Y, n_folds(9, 3)), "the grid's solver is 'svd'"),
        (lambda: choose(Ridge(), {"alhpa": [1.0]}, X, Y, n_folds(9, 3)), "Invalid parameter 'alhpa'"),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
