"""What an estimator asks of its input, and the sentence it raises where the input is something else.

Meets: scikit-learn's contract (`n_features_in_`, `feature_names_in_`, its own validation underneath); every error
names the estimator, and the column where there is one. Concedes: dense numbers only, of sizes whose squares a float64
holds with room to spare: whatever is larger or smaller is refused, not turned into infinity, 0 or NaN.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

Array = NDArray[np.float64]
Labels = NDArray[np.intp]
"""A class's index for each row."""
Values = NDArray[Any]
"""An array of float32 or float64; whatever comes in stays in its precision."""
REACH = 100
"""Estimators take numbers from 1e-100 to 1e+100 in size, and 0: they square them, and divide by the squares."""
MOST_TERMS = 100_000
"""Columns that a polynomial may make of those given."""


def features(estimator: BaseEstimator, X: Any, *, fitting: bool, reach: int = REACH) -> Array:
    """X as finite numbers, (rows, columns); while fitting its columns are learned, else held against those learned.

    Raises ValueError, naming the column that holds NaN, infinity or text, a number of 1e+`reach` or more, or, while
    fitting, none but 0 of 1e-`reach` or more.
    """
    name = type(estimator).__name__
    refuse_other_kinds(name, "X", X)
    try:
        checked: Array = validate_data(estimator, X, reset=fitting, dtype=np.float64, ensure_all_finite=False)
    except ValueError as error:
        raise ValueError(f"{name}: {text_column(X) or error}") from None
    if not max(checked.max(), -checked.min()) < 10.0**reach:
        row, column = np.argwhere(~(np.abs(checked) < 10.0**reach))[0]
        value, where = checked[row, column], column_names(estimator, [column])
        if not np.isfinite(value):
            kind = "NaN" if np.isnan(value) else "inf"
            raise ValueError(f"{name}: {where} of X holds {kind} in row {row}; drop such rows or impute them.")
        raise ValueError(
            f"{name}: {where} of X holds {value:.3g} in row {row}, too large to compute with; divide the column by a "
            f"power of ten, so that its numbers stay below 1e+{reach}."
        )
    if fitting and (np.abs(checked[:64]).max(axis=0) < 10.0**-reach).any():  # of most columns the first rows tell
        sizes = np.abs(checked).max(axis=0)
        small = np.flatnonzero((sizes > 0) & (sizes < 10.0**-reach))
        if len(small):
            raise ValueError(
                f"{name}: {column_names(estimator, small[:1])} of X holds no number above {sizes[small[0]]:.3g} in "
                f"size, too small to compute with; multiply the column by a power of ten, so that they are 1e-{reach} "
                "or more."
            )
    return checked


def labelled(estimator: BaseEstimator, X: Any, y: Any) -> tuple[Array, NDArray[Any], NDArray[np.intp]]:
    """X, the classes in order, and each row's class as an index. Raises ValueError, also where only one class is."""
    name = type(estimator).__name__
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")
    checked = features(estimator, X, fitting=True)
    try:
        refuse_other_kinds(name, "y", y, dates=True)
        labels = column_or_1d(y, warn=True)
        if labels.dtype.kind == "f" and not np.isfinite(labels).all():
            raise ValueError(f"y holds NaN or inf in row {np.flatnonzero(~np.isfinite(labels))[0]}; drop such rows.")
        texts = sum(isinstance(label, str) for label in labels) if labels.dtype == object else 0
        if 0 < texts < len(labels):
            raise ValueError("y mixes text with other labels; make them all text or all whole numbers.")
        if labels.dtype.kind == "S":
            raise ValueError("y holds bytes; decode them to text.")
        check_classification_targets(labels)
        classes, codes = np.unique(labels, return_inverse=True)
    except ValueError as error:
        raise ValueError(f"{name}: {str(error).removeprefix(f'{name}: ')}") from None
    if len(labels) != len(checked):
        raise ValueError(f"{name}: X has {len(checked)} rows and y has {len(labels)}; they must be as many.")
    if len(classes) < 2:
        raise ValueError(f"{name}: y holds one class only, {classes.tolist()[0]!r}; give rows of at least two classes.")
    return checked, classes, codes


def targeted(estimator: BaseEstimator, X: Any, y: Any) -> tuple[Array, Array]:
    """X and a finite number to predict for each of its rows, (rows,). Raises ValueError."""
    name = type(estimator).__name__
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")
    checked = features(estimator, X, fitting=True)
    try:
        refuse_other_kinds(name, "y", y)
        targets = column_or_1d(y, warn=True)
        if targets.dtype.kind == "c":
            raise ValueError("Complex data not supported: y holds complex numbers.")
        if targets.dtype.kind not in "fiub":
            row = next((row for row, target in enumerate(targets) if not is_number(target)), None)
            if row is not None:
                raise ValueError(
                    f"y holds {targets.tolist()[row]!r} in row {row}, no number; a regression predicts numbers."
                )
        numbers: Array = targets.astype(np.float64)
        wrong = np.flatnonzero(~np.isfinite(numbers))
        if len(wrong):
            kind = "NaN" if np.isnan(numbers[wrong[0]]) else "inf"
            raise ValueError(f"y holds {kind} in row {wrong[0]}; drop such rows.")
        size = float(np.abs(numbers).max(initial=0.0))
        if size >= 10.0**REACH or 0 < size < 10.0**-REACH:
            raise ValueError(
                f"y holds numbers up to {size:.3g} in size, too {'large' if size > 1 else 'small'} to compute with; "
                f"scale it by a power of ten to between 1e-{REACH} and 1e+{REACH}."
            )
    except ValueError as error:
        raise ValueError(f"{name}: {str(error).removeprefix(f'{name}: ')}") from None
    if len(numbers) != len(checked):
        raise ValueError(f"{name}: X has {len(checked)} rows and y has {len(numbers)}; they must be as many.")
    return checked, numbers


def refuse_other_kinds(name: str, what: str, values: Any, *, dates: bool = False) -> None:
    """Raises ValueError for what NumPy would turn into numbers that it does not stand for: dates, and masked values."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(f"{name}: {what} is a masked array, whose masked values would count; drop or fill them.")
    if getattr(values, "dtype", np.dtype(float)).kind in "mM" and not dates:
        raise ValueError(f"{name}: {what} holds dates or durations; make them numbers, such as days since the first.")


def is_number(value: Any) -> bool:
    """Whether float() takes it."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def rows_of(X: Any, rows: NDArray[np.intp]) -> Any:
    """Some rows of an array, a frame or a list; of an array without the wrappers that take most of a small fit."""
    return X[rows] if isinstance(X, np.ndarray) else _safe_indexing(X, rows)


def centred(X: Array, out: Array | None = None) -> tuple[Array, Array]:
    """X less its columns' means, and the means; a column that is far from 0 for its spread is centred twice.

    A sum of many rows is off by up to their number times eps, which would be left of a constant column as its spread.
    Some rows tell how far a column spreads, so that most need no second pass.

    >>> away, mean = centred(np.full((5000, 1), 0.1))
    >>> float(np.abs(away).max()) < 1e-17, float(mean[0])
    (True, 0.1)
    """
    mean: Array = X.mean(axis=0)
    away: Array = np.subtract(X, mean, out=out)
    rounding = len(X) * np.finfo(np.float64).eps * np.abs(mean)
    if ((np.abs(away[:64]).max(axis=0) <= 1e6 * rounding) & (mean != 0)).any():
        rest = away.mean(axis=0)
        away -= rest
        mean = mean + rest
    return away, mean


def unvarying(moved: Array, rows: int, mean: Array) -> NDArray[np.bool_]:
    """Which columns, less their means (and turned or not), hold nothing but the rounding of their mean."""
    flat: NDArray[np.bool_] = np.linalg.norm(moved, axis=0) <= 16 * np.finfo(float).eps * np.sqrt(rows) * np.abs(mean)
    return flat


def powers_of_two(X: Array) -> Array:
    """For each column the power of two at or below its largest number's size, 1 for zeros: division by it is exact.

    >>> powers_of_two(np.array([[3.0, 0.0, 0.3], [-5.0, 0.0, 0.1]])).tolist()
    [4.0, 1.0, 0.25]
    """
    sizes = np.abs(X).max(axis=0)
    powers: Array = np.ldexp(1.0, np.frexp(sizes)[1] - 1)
    return np.where(sizes > 0, powers, 1.0)


def refuse_unbounded(estimator: BaseEstimator, values: Array) -> None:
    """Raises ValueError where what was computed for a row, one value or several, is infinite or NaN."""
    rows = np.flatnonzero(~np.isfinite(values if values.ndim == 1 else values.max(axis=1)))
    if len(rows):
        raise ValueError(
            f"{type(estimator).__name__}: row {rows[0]} of X is so far from the rows that were fitted that what it is "
            "given is no number; scale the columns, or drop such rows."
        )


def two_classes(estimator: BaseEstimator, classes: Sequence[Any] | NDArray[Any]) -> None:
    """Raises ValueError where there are more than two classes."""
    if len(classes) > 2:
        raise ValueError(
            f"{type(estimator).__name__}: Only binary classification is supported. The type of the target is "
            f"multiclass ({len(classes)} classes); SoftmaxRegression takes any number."
        )


def choice(estimator: BaseEstimator, parameter: str, allowed: Collection[str]) -> None:
    """Raises ValueError where a hyperparameter is none of those allowed."""
    value = getattr(estimator, parameter)
    if not isinstance(value, str) or value not in allowed:
        known = ", ".join(repr(one) for one in allowed)
        raise ValueError(f"{type(estimator).__name__}: {parameter} is {value!r}; it must be one of {known}.")


def number(
    estimator: BaseEstimator,
    parameter: str,
    *,
    low: float,
    high: float = np.inf,
    open_low: bool = False,
    whole: bool = False,
) -> None:
    """Raises ValueError where a hyperparameter is not a finite (or a whole) number between low and high."""
    value = getattr(estimator, parameter)
    kinds: Any = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    fits = isinstance(value, kinds) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    if not fits or value < low or value > high or (open_low and value == low):
        kind = "a whole number, " if whole else ""
        least = f"above {low:g}" if open_low else f"at least {low:g}"
        most = "" if high == np.inf else f" and at most {high:g}"
        raise ValueError(f"{type(estimator).__name__}: {parameter} is {value!r}; it must be {kind}{least}{most}.")


def draws(estimator: BaseEstimator) -> np.random.RandomState:
    """The generator that its `random_state` stands for. Raises ValueError where it is none."""
    try:
        found: np.random.RandomState = check_random_state(estimator.random_state)
    except ValueError:
        raise ValueError(
            f"{type(estimator).__name__}: random_state is {estimator.random_state!r}; it must be None, a whole number "
            "from 0 to 2**32 - 1, or a RandomState."
        ) from None
    return found


def refuse_too_many_terms(estimator: BaseEstimator, columns: int, degree: int) -> None:
    """Raises ValueError where the products of columns up to a degree are more than any memory holds."""
    if degree > MOST_TERMS or comb(columns + degree, degree) > MOST_TERMS:
        raise ValueError(
            f"{type(estimator).__name__}: degree is {degree}, which of {columns} columns makes more than "
            f"{MOST_TERMS:,} products; lower it."
        )


def column_names(estimator: BaseEstimator, columns: Sequence[Any] | NDArray[Any]) -> str:
    """The columns in words: `column 'defense'`, or `columns 0, 3` (counted from 0) where X came without names."""
    names = getattr(estimator, "feature_names_in_", None)
    listed = ", ".join(str(column) if names is None else repr(str(names[column])) for column in columns)
    return f"column{'s' if len(columns) > 1 else ''} {listed}"


def text_column(X: Any) -> str | None:
    """What is wrong where a column of X holds text that is no number; None where that is not the trouble."""
    cells = np.asarray(X, dtype=object)
    if cells.ndim != 2:
        return None
    names = getattr(X, "columns", range(cells.shape[1]))
    for name, column in zip(names, cells.T, strict=True):
        for row, cell in enumerate(column):
            if isinstance(cell, str | bytes) and not is_number(cell):
                return f"column {name!r} of X holds {cell!r} in row {row}, no number; encode it or drop it."
    return None
