"""Accuracy of self-consistency against the number of chains, from the draws that were made anyway.

Concedes: a chain counts as right where its answer equals the target, or the voted answer where that scored. It is
a share of answers also where the task's own metric gives parts of a score, and is then called so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kshot.eval import repeats, statistics
from kshot.eval.metrics.registry import kind_of
from kshot.eval.report.frame import framed, key_above
from kshot.eval.report.model import Figure, Table, columns
from kshot.eval.report.numbers import percent
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.scale import ACCURACY, PLAIN, Scale, scale_of
from kshot.eval.report.style import look, panel_title
from kshot.eval.statistics import Interval
from kshot.types import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LADDER = (1, 2, 3, 5, 8, 10, 15, 20, 30, 40, 60, 80, 100)


@dataclass(frozen=True, slots=True)
class Curve:
    """Accuracy of the majority of n chains, for several n."""

    task: str
    strategy: str
    ns: Sequence[int]
    accuracy: Sequence[float]
    intervals: Sequence[Interval]
    scale: Scale = PLAIN  # the task's own


def curves_of(run: RunData) -> list[Curve]:
    """One curve for every task and strategy whose records keep the answers of at least two chains each."""
    grouped: dict[tuple[str, str], list[Record]] = {}
    for record in run.records:
        if len(record.prediction.answers) > 1:
            grouped.setdefault((record.task, record.strategy), []).append(record)
    curves = []
    for (task, strategy), records in grouped.items():
        answers = [record.prediction.answers for record in records]
        most = min(map(len, answers))
        ns = [n for n in LADDER if n < most] + [most]
        if len(ns) > 2 and most / ns[-2] < 1.3:
            del ns[-2]  # too near to the end to be told apart from it
        table = repeats.majority_expectations(answers, [target_of(run, record) for record in records], ns)
        intervals = [statistics.mean_interval(column.tolist()) for column in table.T]
        scale = scale_of(record.score for record in records)
        curves.append(Curve(task, strategy, ns, [float(value) for value in table.mean(axis=0)], intervals, scale))
    return curves


def target_of(run: RunData, record: Record) -> str:
    """The answer that a chain has to reach: as the vote wrote it, where the vote was right."""
    kind = kind_of(record.score.metric, run.kinds)
    if record.prediction.answer is not None and kind.outcome(record.score.value) == "right":
        return record.prediction.answer
    sample = run.samples.get((record.task, record.sample_id))
    return sample.target if sample else ""


def called(curves: Sequence[Curve]) -> str:
    """What the curves show: accuracy, or the share that equals the target where the tasks score otherwise."""
    return ACCURACY if all(curve.scale.metric == ACCURACY for curve in curves) else "share equal to the target"


def chains_figure(curves: Sequence[Curve]) -> Figure:
    """Accuracy of self-consistency against the number of chains."""
    name = called(curves)
    tasks = list(dict.fromkeys(curve.task for curve in curves))
    strategies = list(dict.fromkeys(curve.strategy for curve in curves))

    caption = (
        f"Expected {name} of the majority of n chains, from one set of draws by subsampling without replacement; "
        "the band is the 95% interval over samples."
    )

    title = f"{name[0].upper()}{name[1:]} against the number of chains"

    @framed("self-consistency", title, caption, count=len(tasks), height=3.0)
    def drawn(*panels: Axes) -> None:
        from matplotlib.ticker import FixedLocator, NullLocator

        lines = {}
        for task, axes in zip(tasks, panels, strict=True):
            here = [curve for curve in curves if curve.task == task]
            for curve in here:
                colour, marker = look(strategies.index(curve.strategy))
                low = [100 * interval.low for interval in curve.intervals]
                high = [100 * interval.high for interval in curve.intervals]
                axes.fill_between(curve.ns, low, high, color=colour, alpha=0.15, linewidth=0)
                [lines[curve.strategy]] = axes.plot(
                    curve.ns,
                    [100 * value for value in curve.accuracy],
                    marker=marker,
                    color=colour,
                    markersize=4,
                    clip_on=False,
                )
            axes.set(ylim=(0, 100), title=panel_title(task, len(tasks)), xscale="log")
            ticks = sorted({n for curve in here for n in curve.ns})
            axes.xaxis.set_major_locator(FixedLocator(ticks))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_xticklabels([str(tick) for tick in ticks])
            axes.grid(True)
        panels[0].figure.supylabel(f"{name} (%), 95% interval")
        panels[0].figure.supxlabel("chains n (log scale)")
        key_above(panels[0], {name: lines[name] for name in strategies}, width=60, columns=1)

    return drawn


def chains_table(curves: Sequence[Curve]) -> Table:
    """The curves in numbers."""
    ns = sorted({n for curve in curves for n in curve.ns})
    rows = []
    for curve in curves:
        values = dict(zip(curve.ns, curve.accuracy, strict=True))
        rows.append([curve.task, curve.strategy, *(percent(values.get(n)) for n in ns)])
    caption = "Expected over subsets of the chains; ties split evenly, no answer never votes."
    heads = columns("task", "strategy", *(f"n = {n}#" for n in ns))
    name = called(curves)
    return Table(f"{name[0].upper()}{name[1:]} of the majority of n", heads, rows, caption)
