"""What follows from each verdict of the tree: a sentence, what was tried next, and advice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from kshot.classic.data.tables import DataTable
from kshot.classic.diagnosis.ladder import Fitted, Rung, TablePart
from kshot.classic.diagnosis.questions import Apart, Evidence, Verdict, share
from kshot.eval.report.numbers import brackets
from kshot.eval.statistics import t_interval


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A verdict spelled out."""

    sentence: str
    advice: list[str]
    tried: list[Fitted] = field(default_factory=list)  # what was trained to find out


def optimisation(evidence: Evidence, apart: Apart | None) -> Conclusion:
    """The largest model with batch norm is tried."""
    largest, best = evidence.largest, evidence.best
    base = largest.rung
    again = evidence.fit(Rung(f"{base.name}, batch norm", base.hidden, base.activation, batch_norm=True))
    gained = largest.train_loss - again.train_loss
    helps = "lowers" if gained > 0.01 else "hardly lowers" if gained > 0 else "does not lower"
    return Conclusion(
        f"Optimisation fails: the training loss of the {base.name} is {share(largest.train_loss)} of what guessing "
        f"loses, though the smaller {best.rung.name} reaches {share(best.train_loss)}.",
        [
            f"Batch norm {helps} it, to {share(again.train_loss)}.",
            "Other starts (He et al. for relu), another lr, Adam, residual connections; or the smaller model.",
        ],
        [again],
    )


def model_bias(evidence: Evidence, apart: Apart | None) -> Conclusion:
    """A larger model is tried."""
    largest = evidence.largest
    wider = tuple(max(64, 2 * units) for units in largest.rung.hidden) or (64,)
    size = f"{len(wider) + 1} x {wider[0]}"
    larger = evidence.fit(Rung(f"{size} network", (*wider, wider[-1])))
    gains = largest.train_loss - larger.train_loss > 0.2 * largest.train_loss
    return Conclusion(
        f"Model bias: no model of the ladder has a training loss below {share(evidence.best.train_loss)} of what "
        f"guessing loses, and a network of {size} reaches {share(larger.train_loss)}.",
        [
            "A larger model has a smaller training loss: go on in that direction."
            if gains
            else "A larger model hardly helps: the columns do not say enough about the target; look for more of them, "
            "or for wrong targets."
        ],
        [larger],
    )


def mismatch(evidence: Evidence, apart: Apart | None) -> Conclusion:
    """Nothing is tried: other rows are needed."""
    assert apart
    held, unseen = (evidence.largest.error(part) for part in ("validation", "test"))
    column, distance = farthest(evidence.table, evidence.parts)
    return Conclusion(
        f"Mismatch: the {evidence.thing} is {unseen:.3f} on test rows against {held:.3f} on rows held out of the "
        f"training set, and a classifier tells the two kinds of rows apart {100 * apart.accuracy:.1f}% of the time.",
        [
            f"The column that differs most is {column!r} (Kolmogorov-Smirnov distance {distance:.2f})."
            if apart.surely
            else "The rows look alike, so the target hangs on them in another way there.",
            "More training rows of the same kind do not help; get some like the test rows, or weigh by likeness.",
        ],
    )


def overfitting(evidence: Evidence, apart: Apart | None) -> Conclusion:
    """What keeps a network from learning its rows by heart is tried, and how much rows matter."""
    largest, base = evidence.largest, evidence.largest.rung
    remedies = [
        evidence.fit(Rung("early stopping", base.hidden, base.activation, patience=10)),
        evidence.fit(Rung("weight decay 0.01", base.hidden, base.activation, weight_decay=0.01)),
        evidence.fit(Rung("dropout 0.5", base.hidden, base.activation, dropout=0.5)),
    ]
    train = evidence.parts["train"]
    half = evidence.fit(
        Rung("half of the train rows", base.hidden, base.activation),
        {**evidence.parts, "train": TablePart(train.X[::2], train.y[::2])},
    )
    better = min([*evidence.ladder[:-1], *remedies], key=lambda model: model.error("validation"))
    held, fewer = largest.error("validation"), half.error("validation")
    worse = t_interval(half.errors["validation"] - largest.errors["validation"])  # on the same rows
    return Conclusion(
        f"Overfitting: the {base.name} has a training loss of {share(largest.train_loss)} of what guessing loses, but "
        f"its {evidence.thing} is {held:.3f} on rows held out against {largest.error('train'):.3f} on those it was "
        "trained on.",
        [
            f"Best of what was tried: {better.rung.name}, {better.error('validation'):.3f} on rows held out and "
            f"{better.error('test'):.3f} on test rows."
            if better.error("validation") < held
            else "Nothing of what was tried does better on rows held out.",
            f"More rows {'would' if worse.low > 0 else 'may not'} help: with half of them it is {fewer:.3f} instead of "
            f"{held:.3f} (difference {fewer - held:+.3f} {brackets(worse, 3, signed=True)}).",
            "Augmentation, where what leaves the target unchanged is known.",
        ],
        [*remedies, half],
    )


def nothing(evidence: Evidence, apart: Apart | None) -> Conclusion:
    """All is well."""
    largest = evidence.largest
    return Conclusion(
        f"Nothing fails: the {largest.rung.name} has a training loss of {share(largest.train_loss)} of what guessing "
        f"loses and, on test rows, {said(evidence.thing, largest.error('test'))}.",
        ["Rows that are still wrong are worth a look."],
    )


CONCLUSIONS: Mapping[Verdict, Callable[[Evidence, Apart | None], Conclusion]] = {
    "optimisation": optimisation,
    "model bias": model_bias,
    "overfitting": overfitting,
    "mismatch": mismatch,
    "none": nothing,
}


def said(thing: str, value: float) -> str:
    """An error with its article."""
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing} of {value:.3f}"


def farthest(table: DataTable, parts: dict[str, TablePart]) -> tuple[str, float]:
    """The column whose distribution differs most between train and test rows (Kolmogorov-Smirnov)."""
    seen, unseen = parts["train"].X, parts["test"].X
    distances = [float(stats.ks_2samp(seen[:, at], unseen[:, at]).statistic) for at in range(seen.shape[1])]
    at = int(np.argmax(distances))
    return table.columns[at], distances[at]
