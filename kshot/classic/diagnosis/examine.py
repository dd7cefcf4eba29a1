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
from functools import reduce

import numpy as np

from kshot.classic.data.tables import DataTable
from kshot.classic.diagnosis.ladder import LADDER, STEPS, Fitted, Rung, divided, fitted, guessing
from kshot.classic.diagnosis.questions import (
    Answer,
    Apart,
    Evidence,
    Verdict,
    held_out,
    is_large,
    on_test_rows,
    rows_differ,
    smaller_model,
    told_apart,
    training_loss,
)
from kshot.classic.diagnosis.verdicts import CONCLUSIONS


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
    guess_loss, guess_error = guessing(parts["train"], table.classes)
    models = [fitted(rung, parts, table.classes, guess_loss, seed=seed, steps=steps) for rung in ladder]
    evidence = Evidence(table, parts, guess_loss, guess_error, models, seed, steps)
    answers, apart = [training_loss(evidence)], None
    if is_large(evidence.largest):
        answers.append(smaller_model(evidence))
    else:
        apart = told_apart(np.concatenate([parts["train"].X, parts["validation"].X]), parts["test"].X, seed)
        answers += [held_out(evidence), on_test_rows(evidence), rows_differ(apart)]
    verdict = concluded(answers)
    found = CONCLUSIONS[verdict](evidence, apart)
    rows = {name: len(part.X) for name, part in parts.items()}
    return Diagnosis(
        verdict, found.sentence, table, models, found.tried, found.advice, answers, guess_loss, guess_error, rows, apart
    )


def concluded(answers: Sequence[Answer]) -> Verdict:
    """The last cause named: mismatch explains more than the overfitting that may come with it."""
    nothing: Verdict = "none"
    return reduce(lambda verdict, answer: answer.cause or verdict, answers, nothing)
