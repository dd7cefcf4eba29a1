"""Validation done right (Hung-yi Lee, "Where does the error come from?"): what chooses a model must not judge it.

Train / validation / test: fit on the first, choose on the second, report the third, once. N-fold cross-validation:
every row is held out in turn. Nested cross-validation: the choice itself is repeated inside every outer fold, so that
the outer scores have seen none of it.

Meets: any scikit-learn estimator; scores are those of scikit-learn's cross_val_score and GridSearchCV; a row
that would both train and judge is refused. Concedes: one fit after the other, on one core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from kshot.classic.data.inputs import Array, rows_of

Rows = NDArray[np.intp]
Fold = tuple[Rows, Rows]
"""The rows to train on, and those held out."""
Scorer = Callable[[BaseEstimator, Any, Any], float]
"""(a fitted estimator, X, y) -> the larger the better."""


def own_score(model: BaseEstimator, X: Any, y: Any) -> float:
    """The estimator's own: accuracy of a classifier, R^2 of a regression."""
    return float(model.score(X, y))


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Row numbers, each row in one part."""

    train: Rows  # to fit
    validation: Rows  # to choose
    test: Rows  # to report, once


def split(rows: int, *, shares: Sequence[float] = (0.6, 0.2, 0.2), labels: Any = None, seed: int = 0) -> Split:
    """Train, validation and test rows at random; with `labels` each class is divided in these shares.

    Raises ValueError where the shares are not three that sum to 1, or leave a part without rows.

    >>> parts = split(10)
    >>> len(parts.train), len(parts.validation), len(parts.test)
    (6, 2, 2)
    """
    if len(shares) != 3 or not (min(shares) > 0 and abs(sum(shares) - 1) <= 1e-9):
        raise ValueError(f"shares are {tuple(shares)}; they must be three numbers above 0 that sum to 1")
    order = np.random.RandomState(seed).permutation(rows)
    # where a row stands in its class, from 0 to 1; without labels all rows are one class
    place = np.empty(rows)
    for _, members in classes(rows, labels):
        mine = order[np.isin(order, members)]
        place[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
    ends = np.cumsum(shares)
    part = np.searchsorted(ends[:2], place)
    found = [np.flatnonzero(part == number) for number in range(3)]
    if not all(map(len, found)):
        raise ValueError(f"{rows} rows are too few for shares {tuple(shares)}; one part would be empty")
    return Split(*found)


def n_folds(rows: int, folds: int = 5, *, labels: Any = None, seed: int | None = None) -> list[Fold]:
    """Each row is held out once; in blocks as they come (seed None), or at random; with `labels` classes are dealt out.

    Without labels and seed the folds are those of scikit-learn's KFold. Raises ValueError.

    >>> [held.tolist() for _, held in n_folds(5, 2)]
    [[0, 1, 2], [3, 4]]
    """
    if not isinstance(folds, int | np.integer) or not 2 <= folds <= rows:
        raise ValueError(
            f"folds is {folds}; it must be a whole number, at least 2 and at most the number of rows, {rows}"
        )
    order = np.arange(rows) if seed is None else np.random.RandomState(seed).permutation(rows)
    if labels is None:
        held = np.array_split(order, folds)
    else:
        dealt = np.concatenate([order[np.isin(order, members)] for _, members in classes(rows, labels)])
        held = [dealt[number::folds] for number in range(folds)]  # like cards, one class after the other
    return [(np.setdiff1d(np.arange(rows), out), np.sort(out)) for out in held]


def classes(rows: int, labels: Any) -> list[tuple[Any, Rows]]:
    """Each class and its rows.

    Raises ValueError where labels and rows are not as many, and where a label is missing or cannot be put in order.
    """
    if labels is None:
        return [(None, np.arange(rows))]
    labels = np.asarray(labels)
    if labels.ndim != 1 or len(labels) != rows:
        raise ValueError(f"there are {rows} rows, and labels of shape {labels.shape}; give one label a row")
    missing = [row for row, label in enumerate(labels.tolist()) if label is None or label != label]
    if missing:
        raise ValueError(
            f"the label of row {missing[0]} is {labels.tolist()[missing[0]]}; drop such rows, or name them"
        )
    try:
        known, codes = np.unique(labels, return_inverse=True)
    except TypeError:
        kinds = ", ".join(sorted({type(label).__name__ for label in labels.tolist()}))
        raise ValueError(f"labels are of several kinds ({kinds}); make them all text or all numbers") from None
    return [(label, np.flatnonzero(codes == code)) for code, label in enumerate(known)]


def cross_validate(
    estimator: BaseEstimator, X: Any, y: Any, folds: Sequence[Fold], *, score: Scorer = own_score
) -> Array:
    """The score of each fold's held-out rows, by a model that was fitted to its other rows, (folds,).

    Raises ValueError where a fold holds out rows that it trains on, or a score is no number; and whatever the estimator
    raises.
    """
    refuse_leaks(folds)
    return fold_scores(estimator, X, y, folds, score)


def fold_scores(estimator: BaseEstimator, X: Any, y: Any, folds: Sequence[Fold], score: Scorer) -> Array:
    """Each fold in turn: fit to the one part, score the other."""
    scores = []
    for train, held in folds:
        model = clone(estimator).fit(rows_of(X, train), rows_of(y, train))
        scores.append(score(model, rows_of(X, held), rows_of(y, held)))
        if not np.isfinite(scores[-1]):
            raise ValueError(
                f"{model} scores {scores[-1]} on fold {len(scores) - 1}, by which nothing can be chosen; give folds on "
                "which the score is a number"
            )
    return np.array(scores)


def refuse_leaks(folds: Sequence[Fold]) -> None:
    """Raises ValueError where a fold holds out rows that it trains on, or there is no fold."""
    if not len(folds):
        raise ValueError("there are no folds; make some with n_folds")
    for number, (train, held) in enumerate(folds):
        both = np.intersect1d(train, held)
        if len(both):
            raise ValueError(f"fold {number} trains on rows that it holds out: {both[:5].tolist()}")


def combinations(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every choice of one value a parameter, in scikit-learn's order. Raises ValueError.

    >>> combinations({"b": [1, 2], "a": [0]})
    [{'a': 0, 'b': 1}, {'a': 0, 'b': 2}]
    """
    for name, values in grid.items():
        if isinstance(values, str) or not len(values):
            raise ValueError(f"the grid's {name} is {values!r}; it must be a list of at least one value")
    names = sorted(grid)
    return [dict(zip(names, values, strict=True)) for values in product(*(grid[name] for name in names))]


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What was chosen among candidates, and the scores that chose it: too good to report, since it won by them."""

    candidates: list[dict[str, Any]]
    scores: Array  # (candidates, folds)
    best: int  # the candidate of the highest mean score, the first of equals
    model: BaseEstimator  # fitted with it to all rows

    @property
    def params(self) -> dict[str, Any]:
        """The chosen parameters."""
        return self.candidates[self.best]


def choose(
    estimator: BaseEstimator,
    grid: Mapping[str, Sequence[Any]],
    X: Any,
    y: Any,
    folds: Sequence[Fold],
    *,
    score: Scorer = own_score,
) -> Choice:
    """The parameters of the highest mean score over the folds, and a model fitted with them to all rows.

    Raises ValueError for a grid or folds that cannot be; and whatever the estimator raises.
    """
    refuse_leaks(folds)
    candidates = combinations(grid)
    models = [clone(estimator).set_params(**params) for params in candidates]
    scores = np.array([fold_scores(model, X, y, folds, score) for model in models])
    best = int(scores.mean(axis=1).argmax())
    return Choice(candidates, scores, best, models[best].fit(X, y))


@dataclass(frozen=True, slots=True, eq=False)
class Nested:
    """Scores of the whole procedure, choosing included, on rows that had no part in it."""

    scores: Array  # (outer folds,)
    choices: list[Choice]  # what each outer fold's own rows chose


def nested(
    estimator: BaseEstimator,
    grid: Mapping[str, Sequence[Any]],
    X: Any,
    y: Any,
    outer: Sequence[Fold],
    *,
    inner: int = 5,
    labels: Any = None,
    seed: int | None = None,
    score: Scorer = own_score,
) -> Nested:
    """Nested cross-validation (Varma and Simon 2006): choose by `inner` folds of each outer fold's training rows alone.

    `labels` and `seed` make the inner folds, as in `n_folds`. Raises ValueError; and whatever the estimator raises.
    """
    refuse_leaks(outer)
    scores, choices = [], []
    for train, held in outer:
        X_train, y_train = rows_of(X, train), rows_of(y, train)
        theirs = None if labels is None else np.asarray(labels)[train]
        choice = choose(
            estimator, grid, X_train, y_train, n_folds(len(train), inner, labels=theirs, seed=seed), score=score
        )
        choices.append(choice)
        scores.append(score(choice.model, rows_of(X, held), rows_of(y, held)))
    return Nested(np.array(scores), choices)
