"""Why does training fail? The lecture's decision tree as a tool (Hung-yi Lee, "General Guidance").

Is the training loss large? Then it is model bias, or optimisation: a smaller or linear model tells, since a larger
network could always copy it, and one whose training loss is larger than a smaller one's has not been optimised (He et
al. 2016, figure 1). Is the training loss small and the loss on unseen rows large? Then it is overfitting where rows
held out of the training set do badly too, and mismatch where only the test set does; whether a classifier tells test
rows from train rows (Lopez-Paz and Oquab 2017) says if the rows themselves differ, or how the target hangs on them.

Meets: every answer is measured, on classification and regression alike, and what to try next has been tried. Concedes:
fully connected networks of a fixed ladder; thresholds are shares of what guessing loses, and a matter of taste.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from kshot.classic.classification.network import NetworkClassifier
from kshot.classic.data.inputs import Array
from kshot.classic.data.tables import DataTable
from kshot.classic.diagnosis.ladder import LADDER, STEPS, Fitted, Rung, TablePart, divided, fitted, guessing
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


@dataclass(frozen=True, slots=True)
class Apart:
    """How often test rows were told from train rows, 0.5 by guessing."""

    accuracy: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the tree came to."""

    verdict: Verdict
    sentence: str
    table: DataTable
    ladder: list[Fitted]
    tried: list[Fitted]  # what was tried next
    advice: list[str]
    answers: list[Answer]
    guess_loss: float  # of the constant model on the training rows: entropy in nats, or the variance
    guess_error: float
    rows: dict[str, int]
    apart: Apart | None = None  # asked only once training has succeeded


def examine(table: DataTable, *, ladder: Sequence[Rung] = LADDER, seed: int = 0, steps: int = STEPS) -> Diagnosis:
    """Trains the ladder and asks the questions in order. Raises UserError where the rows are too few."""
    parts = divided(table, seed)
    rows = {name: len(part.X) for name, part in parts.items()}
    guess_loss, guess_error = guessing(parts["train"], table.classes)

    def fit(rung: Rung, given: dict[str, TablePart] = parts) -> Fitted:
        return fitted(rung, given, table.classes, guess_loss, seed=seed, steps=steps)

    models = [fit(rung) for rung in ladder]
    largest, best = models[-1], min(models, key=lambda model: model.train_loss)
    answers: list[Answer] = []
    tried: list[Fitted] = []
    name, thing = f"the {largest.rung.name}", "error rate" if table.classes else "squared error"

    def found(verdict: Verdict, sentence: str, advice: list[str], apart: Apart | None = None) -> Diagnosis:
        return Diagnosis(
            verdict, sentence, table, models, tried, advice, answers, guess_loss, guess_error, rows, apart
        )  # fmt: skip

    large = largest.train_loss > LARGE
    answers.append(
        Answer(
            "Is the training loss large?",
            f"{largest.rung.name}: {share(largest.train_loss)} of what guessing loses (large above {LARGE:g})",
            "yes" if large else "no",
        )
    )
    if large:
        worse = largest.train_loss - best.train_loss
        failed = worse > LARGE / 2
        answers.append(
            Answer(
                "Does a smaller model have a smaller training loss?",
                f"{best.rung.name}: {share(best.train_loss)}"
                if best is not largest
                else "the largest has the smallest",
                "yes: optimisation" if failed else "no: model bias",
            )
        )
        if failed:
            again = Rung(
                f"{largest.rung.name}, batch norm", largest.rung.hidden, largest.rung.activation, batch_norm=True
            )
            tried.append(fit(again))
            helps = "lowers" if tried[0].train_loss < largest.train_loss - 0.01 else "does not lower"
            return found(
                "optimisation",
                f"Optimisation fails: the training loss of {name} is {share(largest.train_loss)} of what guessing "
                f"loses, though the smaller {best.rung.name} reaches {share(best.train_loss)}.",
                [
                    f"Batch norm {helps} it, to {share(tried[0].train_loss)}.",
                    "Other starts (He et al. for relu), another lr, Adam, residual connections; or the smaller model.",
                ],
            )
        wider = tuple(max(64, 2 * units) for units in largest.rung.hidden) or (64,)
        tried.append(fit(Rung(f"{len(wider) + 1} x {wider[0]} network", (*wider, wider[-1]))))
        gain = largest.train_loss - tried[0].train_loss
        more = (
            "A larger model has a smaller training loss: go on in that direction."
            if gain > 0.2 * largest.train_loss
            else "A larger model hardly helps: the columns do not say enough about the target; look for more of them, "
            "or for wrong targets."
        )
        return found(
            "model bias",
            f"Model bias: no model of the ladder has a training loss below {share(best.train_loss)} of what guessing "
            f"loses, and a network of {len(wider) + 1} x {wider[0]} reaches {share(tried[0].train_loss)}.",
            [more],
        )

    held, seen, unseen = (largest.errors[part] for part in ("validation", "train", "test"))
    gap, low = above(held, seen)
    overfits = gap > LARGE * guess_error and low > 0
    answers.append(
        Answer(
            "Is the error large on rows held out of the training set?",
            f"{thing} {seen.mean():.3f} on train rows, {held.mean():.3f} on rows held out "
            f"(large from {LARGE * guess_error:.3f} more)",
            "yes: overfitting" if overfits else "no",
        )
    )
    drift, drift_low = above(unseen, held)
    # rows split at random are of one distribution: a difference would be chance
    mismatch = table.test is not None and drift > LARGE * guess_error and drift_low > 0
    apart = told_apart(np.concatenate([parts["train"].X, parts["validation"].X]), parts["test"].X, seed)
    answers.append(
        Answer(
            "Is the error larger still on the test rows?",
            f"{thing} {unseen.mean():.3f} on test rows, {held.mean():.3f} on rows held out",
            "yes: mismatch" if mismatch else "no" if table.test is not None else "no: split at random",
        )
    )
    differ = apart.interval.low > 0.5
    answers.append(
        Answer(
            "Does a classifier tell test rows from train rows?",
            f"right on {100 * apart.accuracy:.1f}% {brackets(apart.interval, scale=100)} of rows it has not seen, "
            "50% by guessing",
            "yes: the rows differ" if differ else "no",
        )
    )
    if mismatch:
        column, distance = farthest(table, parts)
        return found(
            "mismatch",
            f"Mismatch: the {thing} is {unseen.mean():.3f} on test rows against {held.mean():.3f} on rows held out of "
            f"the training set, and a classifier tells the two kinds of rows apart "
            f"{100 * apart.accuracy:.1f}% of the time.",
            [
                f"The column that differs most is {column!r} (Kolmogorov-Smirnov distance {distance:.2f})."
                if differ
                else "The rows look alike, so the target hangs on them in another way there.",
                "More training rows of the same kind do not help; get some like the test rows, or weigh by likeness.",
            ],
            apart,
        )
    if not overfits:
        return found(
            "none",
            f"Nothing fails: {name} has a training loss of {share(largest.train_loss)} of what guessing loses and, on "
            f"test rows, {said(thing, unseen.mean())}.",
            ["Rows that are still wrong are worth a look."],
            apart,
        )
    base = largest.rung
    half = {**parts, "train": TablePart(parts["train"].X[::2], parts["train"].y[::2])}
    tried.extend(
        [
            fit(Rung("early stopping", base.hidden, base.activation, patience=10)),
            fit(Rung("weight decay 0.01", base.hidden, base.activation, weight_decay=0.01)),
            fit(Rung("dropout 0.5", base.hidden, base.activation, dropout=0.5)),
            fit(Rung("half of the train rows", base.hidden, base.activation), half),
        ]
    )
    better = min([*models[:-1], *tried[:-1]], key=lambda model: model.error("validation"))
    fewer = tried[-1].error("validation") - largest.error("validation")
    return found(
        "overfitting",
        f"Overfitting: {name} has a training loss of {share(largest.train_loss)} of what guessing loses, but its "
        f"{thing} is {held.mean():.3f} on rows held out against {seen.mean():.3f} on those it was trained on.",
        [
            f"Best of what was tried: {better.rung.name}, {better.error('validation'):.3f} on rows held out and "
            f"{better.error('test'):.3f} on test rows."
            if better.error("validation") < largest.error("validation")
            else "Nothing of what was tried does better on rows held out.",
            f"More rows {'would' if fewer > 0.1 * largest.error('validation') else 'may not'} help: with half of them "
            f"it is {tried[-1].error('validation'):.3f} instead of {largest.error('validation'):.3f}.",
            "Augmentation, where what leaves the target unchanged is known.",
        ],
        apart,
    )  # fmt: skip


def said(thing: str, value: float) -> str:
    """An error with its article."""
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing} of {value:.3f}"


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


def farthest(table: DataTable, parts: dict[str, TablePart]) -> tuple[str, float]:
    """The column whose distribution differs most between train and test rows (Kolmogorov-Smirnov)."""
    seen, unseen = parts["train"].X, parts["test"].X
    distances = [float(stats.ks_2samp(seen[:, at], unseen[:, at]).statistic) for at in range(seen.shape[1])]
    at = int(np.argmax(distances))
    return table.columns[at], distances[at]
