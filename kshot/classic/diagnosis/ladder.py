"""A ladder of models on the same rows: the linear one, then larger and larger networks, each judged on every part.

Meets: train, validation and test rows, classes in their shares; classification and regression alike; every loss as a
share of what the best constant loses, so that one threshold serves both. Concedes: fully connected networks.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from kshot.classic.classification.logistic import SoftmaxRegression
from kshot.classic.data.inputs import Array, Values
from kshot.classic.data.tables import DataTable
from kshot.classic.descent.optimizers import Adam
from kshot.classic.networks.layers import softmax_cross_entropy, squared_error
from kshot.classic.networks.network import perceptron, train
from kshot.classic.regression.feature_scaling import Standardisation
from kshot.types import UserError

STEPS = 4000
"""Updates that a network gets, in 5 epochs at least and 300 at most."""
LEAST_ROWS = 40


@dataclass(frozen=True, slots=True)
class Rung:
    """A model of the ladder: a fully connected network, or the linear model where nothing is hidden."""

    name: str
    hidden: tuple[int, ...] = ()
    activation: str = "relu"
    batch_norm: bool = False
    dropout: float = 0.0
    weight_decay: float = 0.0
    patience: int | None = None
    lr: float = 2e-3


LADDER = (
    Rung("linear model"),
    Rung("1 x 16 network", (16,)),
    Rung("2 x 64 network", (64, 64)),
    Rung("3 x 128 network", (128, 128, 128)),
)
"""From small to large; the last one is diagnosed."""


@dataclass(frozen=True, slots=True)
class TablePart:
    """Some of the rows, as a network takes them: columns and a quantity to regress on standardised."""

    X: Array
    y: Any  # (rows,) class indices, or (rows, 1) the standardised quantity


@dataclass(frozen=True, slots=True)
class Fitted:
    """How a rung did. `errors` is 0 or 1 a row (classification) or the squared error (regression), by part."""

    rung: Rung
    parameters: int
    train_loss: float  # as a share of guessing's
    errors: dict[str, Array]
    losses: tuple[float, ...] = ()  # an epoch each, as shares of guessing's
    watched: tuple[float, ...] = ()  # the same of the rows held out

    def error(self, part: str) -> float:
        """The mean error on a part."""
        return float(self.errors[part].mean())


def divided(table: DataTable, seed: int) -> dict[str, TablePart]:
    """Train, validation and test rows: 60, 20 and 20 of 100; where a file names its test
    rows, 75 and 25 of the others.

    Raises UserError where the rows of a class, or all, are too few.
    """
    rng = np.random.default_rng(seed)
    n = len(table.X)
    if n < LEAST_ROWS:
        raise UserError(f"{table.name} has {n} rows; a diagnosis needs at least {LEAST_ROWS}.")
    place = np.empty(n, dtype=object)
    if table.test is not None:
        for word, some in (("test", table.test), ("train", ~table.test)):
            if some.sum() < LEAST_ROWS // 4:
                raise UserError(f"{table.name} has {some.sum()} {word} rows; give at least {LEAST_ROWS // 4}.")
    groups = np.zeros(n, dtype=int) if table.classes is None else np.asarray(table.y)
    for group in np.unique(groups):  # each class gets its share of every part
        free = np.flatnonzero(groups == group if table.test is None else (groups == group) & ~table.test)
        if len(free) < 5:
            label = "" if table.classes is None else f" with {table.target} {table.classes[group]!r}"
            raise UserError(f"{table.name} has {len(free)} train rows{label}; give at least 5, or drop them.")
        order = rng.permutation(free)
        whole = len(order)
        cuts = (0.6, 0.8) if table.test is None else (0.75, 1.0)
        first, second = (round(cut * whole) for cut in cuts)
        place[order[:first]], place[order[first:second]], place[order[second:]] = "train", "validation", "test"
    if table.test is not None:
        place[table.test] = "test"
    y = np.asarray(table.y)
    try:
        X = Standardisation().fit(table.X[place == "train"]).transform(table.X)
        if table.classes is None:
            if len(np.unique(y[place == "train"])) == 1:
                raise UserError(f"{table.name}: {table.target} does not vary over the train rows; give others.")
            y = Standardisation().fit(y[place == "train", None]).transform(y[:, None])
    except ValueError as error:
        raise UserError(f"{table.name}: {error}") from None
    return {part: TablePart(X[place == part], y[place == part]) for part in ("train", "validation", "test")}


def guessing(part: TablePart, classes: tuple[str, ...] | None) -> tuple[float, float]:
    """The loss and the error of the best constant: entropy and the other classes' share, or the variance."""
    if classes is None:
        return 1.0, 1.0  # the target is standardised
    shares = np.bincount(part.y, minlength=len(classes)) / len(part.y)
    some = shares[shares > 0]
    return -float((some * np.log(some)).sum()), 1 - float(shares.max())


def fitted(
    rung: Rung,
    parts: dict[str, TablePart],
    classes: tuple[str, ...] | None,
    guess_loss: float,
    *,
    seed: int,
    steps: int,
) -> Fitted:
    """A rung trained on the train rows and judged on all parts."""
    seen, held = parts["train"], parts["validation"]
    loss: Any = squared_error if classes is None else softmax_cross_entropy
    outputs = 1 if classes is None else len(classes)
    losses: tuple[float, ...] = ()
    watched: tuple[float, ...] = ()
    if rung.hidden:
        rng = np.random.default_rng(seed)
        network = perceptron(
            seen.X.shape[1],
            rung.hidden,
            outputs,
            rng,
            activation=rung.activation,
            dropout=rung.dropout,
            batch_norm=rung.batch_norm,
        )
        size = min(64, max(8, len(seen.X) // 8))
        epochs = int(np.clip(steps // max(1, len(seen.X) // size), 5, 300))
        curve = train(
            network,
            seen.X,
            seen.y,
            loss=loss,
            optimizer=Adam(lr=rung.lr, weight_decay=rung.weight_decay),
            epochs=epochs,
            batch_size=size,
            rng=rng,
            watch=lambda: loss(network.forward(held.X), held.y)[0],
            patience=rung.patience,
        )
        losses = tuple(value / guess_loss for value in curve.losses)
        watched = tuple(value / guess_loss for value in curve.watched)
        outcomes = {name: network.forward(part.X) for name, part in parts.items()}
        parameters = network.parameters.size
    else:
        weights = linear(seen, classes)
        outcomes = {name: np.column_stack([part.X, np.ones(len(part.X))]) @ weights for name, part in parts.items()}
        parameters = weights.size
    errors = {name: row_errors(z, parts[name].y, classes) for name, z in outcomes.items()}
    train_loss = loss(outcomes["train"], seen.y)[0] / guess_loss
    return Fitted(rung, parameters, train_loss, errors, losses, watched)


def linear(part: TablePart, classes: tuple[str, ...] | None) -> Values:
    """The least squares line, or softmax regression with next to no penalty, (columns + 1, outputs), the bias last."""
    if classes is None:
        found: Values = np.linalg.lstsq(np.column_stack([part.X, np.ones(len(part.X))]), part.y, rcond=None)[0]
        return found
    with warnings.catch_warnings():  # next to the minimum is near enough here
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = SoftmaxRegression(l2=1e-2, solver="lbfgs", max_iter=300, tol=1e-4).fit(part.X, part.y)
    weights: Values = np.vstack([model.coef_.T, model.intercept_])
    return weights


def row_errors(z: Values, y: Any, classes: tuple[str, ...] | None) -> Array:
    """0 or 1 where the largest z is the class's or not; the squared error of a quantity; (rows,)."""
    wrong: Array = ((z - y) ** 2)[:, 0] if classes is None else (z.argmax(axis=1) != y).astype(float)
    return wrong
