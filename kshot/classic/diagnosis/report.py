"""A diagnosis as the shared report: the verdict in one sentence, the questions, the ladder, the curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kshot.classic.data.digits import digits_table
from kshot.classic.data.inputs import Array
from kshot.classic.data.tables import read_table
from kshot.classic.diagnosis.examine import Diagnosis, examine
from kshot.classic.diagnosis.ladder import Fitted
from kshot.classic.diagnosis.questions import LARGE
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Block, Figure, Report, Section, Table, columns
from kshot.eval.report.numbers import brackets
from kshot.eval.report.style import BLUE, COLOURS, GREY, VERMILLION
from kshot.eval.report.ticks import plain_logarithms
from kshot.eval.statistics import Interval, t_interval, wilson
from kshot.types import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTS = {"train": (BLUE, "o"), "validation": (VERMILLION, "s"), "test": (COLOURS[2], "D")}


def diagnose(data: Path | None, *, target: str | None = None, seed: int = 0) -> Report:
    """The diagnosis of a file's rows, or of scikit-learn's digits, as a report. Raises UserError."""
    if data is None and target not in (None, "digit"):
        raise UserError(f"without a file the digits are diagnosed, whose target is 'digit', not {target!r}.")
    return report_of(examine(digits_table() if data is None else read_table(data, target), seed=seed))


def report_of(found: Diagnosis) -> Report:
    """The report of a diagnosis."""
    table = found.table
    kind = f"{len(table.classes)} classes" if table.classes else "a quantity"
    counts = ", ".join(f"{count} {part}" for part, count in found.rows.items())
    error = "share of rows that are wrong" if table.classes else "squared error over the target's variance"
    summary = [
        found.sentence,
        *found.advice,
        f"{table.name}: {len(table.columns)} columns, target {table.target!r} ({kind}); rows: {counts}. Losses are "
        f"shares of what guessing the same for every row loses; error: {error}, {found.guess_error:.3f} by guessing.",
    ]
    questions = Table(
        "The questions, in order",
        columns("question", "measured", "answer"),
        [(one.question, one.measured, one.answer) for one in found.answers],
    )
    sections = [
        Section("The decision tree", [questions]),
        Section(
            "The ladder of models", [ladder_table("Models from small to large", found.ladder), ladder_figure(found)]
        ),
    ]
    if found.tried:
        sections.append(Section("What was tried next", [ladder_table("Tried next", found.tried)]))
    blocks: list[Block] = [curve_figure("training", "Training", [one for one in found.ladder if one.losses])]
    if tried := [one for one in found.tried if one.losses]:
        blocks.append(curve_figure("tried", "What was tried next, in training", tried))
    sections.append(Section("Curves", blocks))
    return Report(f"Why training fails: {table.name}", summary, sections)


def error_interval(values: Array) -> Interval:
    """95%, of a share of wrong rows (Wilson) or of a mean squared error (Student's t); neither is below 0."""
    if set(np.unique(values).tolist()) <= {0.0, 1.0}:
        return wilson(float(values.sum()), len(values))
    span = t_interval(values)
    return Interval(max(0.0, span.low), span.high)


def ladder_table(title: str, models: Sequence[Fitted]) -> Table:
    """Training loss and errors of models."""
    rows = []
    for model in models:
        cells = []
        for part in PARTS:
            values = model.errors[part]
            interval = error_interval(values)
            cells.append(f"{values.mean():.3f} {brackets(interval, 3)}")
        rows.append((model.rung.name, f"{model.parameters:,}", f"{model.train_loss:.3f}", *cells))
    heads = columns("model", "parameters#", "training loss#", *(f"{part} error [95% interval]#" for part in PARTS))
    return Table(title, heads, rows, "The training loss is a share of guessing's.")


def ladder_figure(found: Diagnosis) -> Figure:
    """Training loss and errors over the models of the ladder."""
    caption = "From the smallest model to the largest, the one diagnosed; errors with 95% intervals over rows."

    @framed("ladder", "The ladder of models", caption, count=2, height=3.0)
    def drawn(left: Axes, right: Axes) -> None:
        places = np.arange(len(found.ladder))
        names = [model.rung.name for model in found.ladder]
        left.plot(places, [model.train_loss for model in found.ladder], color=BLUE, marker="o", markersize=4.5)
        left.axhline(LARGE, color=GREY, linestyle="--", linewidth=1.0)
        left.annotate("large above this", (0, LARGE), (0, 3), textcoords="offset points", fontsize=7.5)
        left.set(title="training loss", ylabel="share of guessing's")
        for shift, (part, (colour, marker)) in zip((-0.1, 0.0, 0.1), PARTS.items(), strict=True):
            means, spans = [], []
            for model in found.ladder:
                values = model.errors[part]
                interval = error_interval(values)
                means.append(values.mean())
                spans.append((values.mean() - interval.low, interval.high - values.mean()))
            right.errorbar(
                places + shift,
                means,
                yerr=np.clip(np.array(spans).T, 0, None),
                color=colour,
                marker=marker,
                markersize=4.5,
                linewidth=1.3,
                capsize=2.5,
                label=part,
            )
        right.axhline(found.guess_error, color=GREY, linestyle="--", linewidth=1.0)
        right.annotate("guessing", (0, found.guess_error), (0, -10), textcoords="offset points", fontsize=7.5)
        right.set(title="error", ylabel="wrong rows (share)" if found.table.classes else "error (share of variance)")
        right.legend(fontsize=7.5)
        for axes in (left, right):
            axes.set_xticks(places, names, rotation=20, ha="right")
            axes.set_ylim(bottom=0)
            axes.yaxis.set_tick_params(labelleft=True)
            axes.grid(axis="y")

    return drawn


def curve_figure(name: str, title: str, models: Sequence[Fitted]) -> Figure:
    """Loss an epoch, on train rows and on rows held out, a panel a network."""
    caption = "Loss of each epoch's batches while they are learned from, and of the rows held out after each epoch."

    @framed(name, title, caption, count=len(models), height=2.6, columns=min(4, len(models)))
    def drawn(*panels: Axes) -> None:
        for axes, model in zip(panels, models, strict=True):
            epochs = np.arange(1, len(model.losses) + 1)
            for part, losses in (("train", model.losses), ("validation", model.watched)):
                colour, marker = PARTS[part]
                axes.plot(
                    epochs,
                    losses,
                    color=colour,
                    marker=marker,
                    markevery=max(1, len(epochs) // 6),
                    markersize=3.5,
                    linewidth=1.2,
                    label=part,
                )
            axes.set(title=model.rung.name, xlabel="epoch", yscale="log")
            plain_logarithms(axes.yaxis)
            axes.grid()
        panels[0].set_ylabel("loss (share of guessing's)")
        panels[0].legend(fontsize=7.5)

    return drawn
