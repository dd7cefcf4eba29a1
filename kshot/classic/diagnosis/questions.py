"""The questions of the lecture's decision tree, each answered by what was measured.

Each function is one question and returns its Answer, which names the cause that it establishes, if any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from kshot.classic.classification.network import NetworkClassifier
from kshot.classic.data.inputs import Array
from kshot.classic.data.tables import DataTable
from kshot.classic.diagnosis.ladder import Fitted, Rung, TablePart, fitted
from kshot.eval.report.numbers import brackets
from kshot.eval.statistics import Interval, wilson
from kshot.types import UserError

Verdict = Literal["optimisation", "model bias", "overfitting", "mismatch", "none"]

LARGE = 0.1
"""A loss, or a gap between errors, above this share of what guessing loses is large."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One question of the tree, what was measured, and what follows."""

    question: str
    measured: str
    answer: str
    cause: Verdict | None = None  # what training fails of, by this answer alone


@dataclass(frozen=True, slots=True)
class Apart:
    """How often test rows were told from train rows, 0.5 by guessing."""

    accuracy: float
    interval: Interval

    @property
    def surely(self) -> bool:
        """Whether they can be told apart better than by guessing."""
        return self.interval.low > 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the questions look at: the rows in parts, what guessing gets, and a ladder of models trained on them."""

    table: DataTable
    parts: dict[str, TablePart]
    guess_loss: float  # of the constant model on the training rows: entropy in nats, or the variance
    guess_error: float
    ladder: list[Fitted]  # the last is the one diagnosed
    seed: int
    steps: int

    @property
    def largest(self) -> Fitted:
        """The model that is diagnosed."""
        return self.ladder[-1]

    @property
    def best(self) -> Fitted:
        """The model of the least training loss."""
        return min(self.ladder, key=lambda model: model.train_loss)

    @property
    def thing(self) -> str:
        """What an error is called."""
        return "error rate" if self.table.classes else "squared error"

    def fit(self, rung: Rung, parts: dict[str, TablePart] | None = None) -> Fitted:
        """One more model, on the same rows or on other parts."""
        return fitted(rung, parts or self.parts, self.table.classes, self.guess_loss, seed=self.seed, steps=self.steps)


def training_loss(evidence: Evidence) -> Answer:
    """Whether training has succeeded at all."""
    largest = evidence.largest
    return Answer(
        "Is the training loss large?",
        f"{largest.rung.name}: {share(largest.train_loss)} of what guessing loses (large above {LARGE:g})",
        "yes" if is_large(largest) else "no",
    )


def is_large(model: Fitted) -> bool:
    """Whether the training loss is."""
    return model.train_loss > LARGE


def smaller_model(evidence: Evidence) -> Answer:
    """Whether what the largest model has not learned could be learned: a larger network can copy a smaller one."""
    largest, best = evidence.largest, evidence.best
    failed = largest.train_loss - best.train_loss > LARGE / 2
    return Answer(
        "Does a smaller model have a smaller training loss?",
        f"{best.rung.name}: {share(best.train_loss)}" if best is not largest else "the largest has the smallest",
        "yes: optimisation" if failed else "no: model bias",
        "optimisation" if failed else "model bias",
    )


def held_out(evidence: Evidence) -> Answer:
    """Whether what was learned holds on rows of the training set that were not learned from."""
    held, seen = (evidence.largest.errors[part] for part in ("validation", "train"))
    gap, low = above(held, seen)
    overfits = gap > LARGE * evidence.guess_error and low > 0
    return Answer(
        "Is the error large on rows held out of the training set?",
        f"{evidence.thing} {seen.mean():.3f} on train rows, {held.mean():.3f} on rows held out "
        f"(large from {LARGE * evidence.guess_error:.3f} more)",
        "yes: overfitting" if overfits else "no",
        "overfitting" if overfits else None,
    )


def on_test_rows(evidence: Evidence) -> Answer:
    """Whether it is the test set alone on which what was learned fails."""
    unseen, held = (evidence.largest.errors[part] for part in ("test", "validation"))
    drift, low = above(unseen, held)
    # rows split at random are of one distribution: a difference would be chance
    split_at_random = evidence.table.test is None
    mismatch = not split_at_random and drift > LARGE * evidence.guess_error and low > 0
    return Answer(
        "Is the error larger still on the test rows?",
        f"{evidence.thing} {unseen.mean():.3f} on test rows, {held.mean():.3f} on rows held out",
        "yes: mismatch" if mismatch else "no: split at random" if split_at_random else "no",
        "mismatch" if mismatch else None,
    )


def rows_differ(apart: Apart) -> Answer:
    """Whether the test rows themselves are of another kind; no failure by itself."""
    return Answer(
        "Does a classifier tell test rows from train rows?",
        f"right on {100 * apart.accuracy:.1f}% {brackets(apart.interval, scale=100)} of rows it has not seen, "
        "50% by guessing",
        "yes: the rows differ" if apart.surely else "no",
    )


def share(value: float) -> str:
    """A share of what guessing loses."""
    return f"{value:.3f}" if value >= 0.0005 else "less than 0.001"


def above(one: Array, other: Array) -> tuple[float, float]:
    """By how much the mean of `one` is above that of `other`, and the lower end of its 95% interval (Welch)."""
    difference = float(one.mean() - other.mean())
    variances = one.var(ddof=1) / len(one), other.var(ddof=1) / len(other)
    total = sum(variances)
    if total == 0:
        return difference, difference
    freedom = total**2 / (variances[0] ** 2 / (len(one) - 1) + variances[1] ** 2 / (len(other) - 1))
    return difference, difference - float(stats.t.ppf(0.975, freedom)) * float(np.sqrt(total))


def told_apart(one: Array, other: Array, seed: int) -> Apart:
    """How often a network tells rows of one set from rows of another that it has not seen, with a Wilson interval.

    As many of both, half to train on (Lopez-Paz and Oquab 2017, section 3): 50% where both come from one distribution.
    """
    rng = np.random.default_rng(seed)
    n = min(len(one), len(other), 1000)
    X = np.concatenate([one[rng.permutation(len(one))[:n]], other[rng.permutation(len(other))[:n]]])
    y = np.repeat([0, 1], n)
    order = rng.permutation(2 * n)
    fit, judge = order[:n], order[n:]
    model = NetworkClassifier(hidden=(32,), lr=5e-3, epochs=60, weight_decay=1e-3, random_state=seed)
    if len(np.unique(y[fit])) < 2:
        raise UserError(f"{n} rows are too few to tell two sets apart; give more.")
    right = model.fit(X[fit], y[fit]).predict(X[judge]) == y[judge]
    return Apart(float(right.mean()), wilson(int(right.sum()), len(right)))
