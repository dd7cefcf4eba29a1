"""Does a strategy's own probability come true: reliability curve, expected calibration error, Brier score.

A probability is what `choice-logprob` gives its choice (the softmax of what it compared), or the share of its chains
that voted for self-consistency's answer. Concedes: the second is a share of n, so it has n + 1 values at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kshot.eval.calibration import Bin, brier, expected_calibration_error, reliability
from kshot.eval.report.frame import framed, key_above
from kshot.eval.report.model import Figure, Table, columns
from kshot.eval.report.numbers import percent
from kshot.eval.report.prompting.measures import Measure
from kshot.eval.report.style import GREY, look, panel_title, whiskers
from kshot.types import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST = 20
"""Records with a probability below which a curve says nothing."""

MOST = 6
"""Strategies that a figure shows; the table has all."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A strategy's probabilities on a task, and what came."""

    task: str
    strategy: str
    source: str
    probabilities: Sequence[float]
    outcomes: Sequence[float]

    @property
    def bins(self) -> list[Bin]:
        return reliability(self.probabilities, self.outcomes)


def probability_of(record: Record) -> tuple[str, float] | None:
    """(where it is from, the probability that a record gives its own answer); None where it gives none."""
    answer, stated, votes = record.prediction.answer, record.prediction.probabilities, record.prediction.answers
    if answer is None:
        return None
    if answer in stated:
        return "softmax of log-likelihoods", float(stated[answer])
    return ("share of chains", votes.count(answer) / len(votes)) if len(votes) > 1 else None


def stated_by(listed: Sequence[Measure]) -> list[Stated]:
    """Every measure that has probabilities for enough of its records."""
    found = []
    for measure in listed:
        pairs = [(given, record) for record in measure.records if (given := probability_of(record)) is not None]
        if len(pairs) >= FEWEST and measure.scale.binary:  # a part of a score is neither a hit nor a miss
            probabilities = [min(1.0, max(0.0, value)) for (_, value), _ in pairs]
            outcomes = [float(record.score.value) for _, record in pairs]
            found.append(Stated(measure.task, measure.strategy, pairs[0][0][0], probabilities, outcomes))
    return found


def trust_blocks(listed: Sequence[Measure]) -> list[Figure | Table]:
    """Curve and table; [] where no strategy states probabilities."""
    found = stated_by(listed)
    return [reliability_figure(found), calibration_table(found)] if found else []


def reliability_figure(found: Sequence[Stated]) -> Figure:
    """How often answers of a probability are right, against that probability; a panel a task."""
    tasks = list(dict.fromkeys(one.task for one in found))
    strategies = list(dict.fromkeys(one.strategy for one in found))[:MOST]
    found = [one for one in found if one.strategy in strategies]

    caption = "Answers in ten bins of their probability; on the dashed line a probability means what it says."

    @framed("reliability", "Reliability of stated probabilities", caption, count=len(tasks), height=3.0)
    def drawn(*panels: Axes) -> None:
        lines: dict[str, Any] = {}
        for task, axes in zip(tasks, panels, strict=True):
            axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
            for one in (one for one in found if one.task == task):
                colour, marker = look(strategies.index(one.strategy))
                x, y = [bin_.probability for bin_ in one.bins], [bin_.frequency for bin_ in one.bins]
                ends = [(bin_.interval.low, bin_.interval.high) for bin_ in one.bins]
                lines[one.strategy] = axes.errorbar(
                    x, y, yerr=whiskers(y, ends), color=colour, marker=marker, markersize=5, linewidth=1.2,
                    elinewidth=1, clip_on=False,
                )  # fmt: skip
            axes.set(xlim=(0, 1), ylim=(0, 1), title=panel_title(task, len(tasks)))
            axes.set_xticks([0, 0.5, 1])
            axes.grid(True)
        panels[0].figure.supxlabel("probability that the strategy gives its answer")
        panels[0].figure.supylabel("share right, 95% interval")
        key_above(panels[0], {name: lines[name] for name in strategies if name in lines})

    return drawn


def calibration_table(found: Sequence[Stated]) -> Table:
    """Expected calibration error and Brier score."""
    rows = [[
        one.task, one.strategy, one.source, f"{len(one.outcomes):,}",
        percent(sum(one.probabilities) / len(one.probabilities)), percent(sum(one.outcomes) / len(one.outcomes)),
        f"{expected_calibration_error(one.probabilities, one.outcomes):.3f}",
        f"{brier(one.probabilities, one.outcomes):.3f}",
    ] for one in found]  # fmt: skip
    heads = columns(
        *("task", "strategy", "probability", "answers#", "mean probability#", "right#"),
        *("calibration error#", "Brier score#"),
    )
    caption = (
        "Calibration error: mean distance between probability and share right, ten bins (Naeini et al. 2015), biased "
        "upwards with few answers. Brier: mean squared distance from what came, 0 best; 0.25 for always saying 50%."
    )
    return Table("Calibration", heads, rows, caption)
