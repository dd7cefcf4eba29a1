"""The figures of the prompting half: accuracy, paired differences, accuracy against cost, accuracy against n.

Meets: every estimate has its 95% interval drawn, every axis its unit; one panel a task, so that tasks are not
read as if they were comparable. Concedes: with dozens of strategies the panels grow tall rather than clever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kshot.eval.report.model import Figure
from kshot.eval.report.prompting.comparisons import Comparison
from kshot.eval.report.prompting.measures import Measure
from kshot.eval.report.style import BLUE, COLOURS, GREY, MARKERS, VERMILLION, short, small_multiples, styled
from kshot.eval.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing


def accuracy_figure(measures: Sequence[Measure]) -> Figure:
    """A dot and its Wilson interval for every strategy, one panel a task."""
    tasks, strategies = names(measures)
    found = {(measure.task, measure.strategy): measure for measure in measures}

    def draw() -> Drawing:
        with styled():
            drawing, panels = small_multiples(len(tasks), height=row_height(strategies), row_labels=True)
            for task, axes in zip(tasks, panels, strict=True):
                label_rows(axes, strategies)
                for row, strategy in enumerate(strategies):
                    measure = found.get((task, strategy))
                    if measure is None:
                        axes.text(50, row, "not run", ha="center", va="center", color=GREY, fontsize=7)
                        continue
                    low, high = 100 * measure.interval.low, 100 * measure.interval.high
                    axes.plot([low, high], [row, row], color=BLUE, linewidth=1.6, solid_capstyle="butt")
                    axes.plot(100 * measure.accuracy, row, "o", color=BLUE, markersize=5, clip_on=False, zorder=3)
                axes.set(xlim=(0, 100), xticks=[0, 25, 50, 75, 100], title=short(task, 24))
            drawing.supxlabel("accuracy (%), 95% interval", fontsize=9)
            return drawing

    caption = "Accuracy over all samples, no answer counted as wrong; the bars are 95% intervals."
    return Figure("accuracy", "Accuracy by task and strategy", caption, draw)


def forest_figure(comparisons: Sequence[Comparison], against: str) -> Figure:
    """Every paired difference with its interval, one panel a task."""
    tasks = list(dict.fromkeys(comparison.task for comparison in comparisons))
    strategies = list(dict.fromkeys(comparison.strategy for comparison in comparisons))
    found = {(comparison.task, comparison.strategy): comparison for comparison in comparisons}
    low_end = 100 * min(0.0, *(c.result.interval.low for c in comparisons), *(c.result.difference for c in comparisons))
    high_end = 100 * max(
        0.0, *(c.result.interval.high for c in comparisons), *(c.result.difference for c in comparisons)
    )
    margin = max(2.0, 0.08 * (high_end - low_end))

    def draw() -> Drawing:
        from matplotlib.lines import Line2D

        looks = {"better": (BLUE, "^"), "worse": (VERMILLION, "v"), "no difference shown": (GREY, "o")}
        with styled():
            drawing, panels = small_multiples(len(tasks), height=row_height(strategies), row_labels=True)
            for task, axes in zip(tasks, panels, strict=True):
                label_rows(axes, strategies)
                axes.axvline(0, color=GREY, linewidth=1)
                for row, strategy in enumerate(strategies):
                    comparison = found.get((task, strategy))
                    if comparison is None:
                        continue
                    colour, marker = looks[comparison.word]
                    interval = comparison.result.interval
                    ends = [100 * interval.low, 100 * interval.high]
                    axes.plot(ends, [row, row], color=colour, linewidth=1.6, solid_capstyle="butt")
                    axes.plot(
                        100 * comparison.result.difference, row, marker, color=colour, markersize=5.5,
                        markerfacecolor=colour if comparison.real else "white", clip_on=False, zorder=3,
                    )  # fmt: skip
                axes.set(xlim=(low_end - margin, high_end + margin), title=short(task, 24))
                axes.locator_params(axis="x", nbins=5)
            drawing.supxlabel(f"difference from {short(against, 60, 1)} (percentage points), 95% interval", fontsize=9)
            handles = [
                Line2D([], [], color=colour, marker=marker, markersize=5.5, label=word,
                       markerfacecolor="white" if colour == GREY else colour)
                for word, (colour, marker) in looks.items()
            ]  # fmt: skip
            drawing.legend(handles=handles, loc="outside upper center", ncols=3)
            return drawing

    caption = (
        "Paired differences on the same samples with bootstrap intervals; better and worse are after Holm's "
        "correction over the whole report, so an interval may leave zero out without it."
    )
    return Figure("differences", f"Differences from {against}", caption, draw)


def cost_figure(measures: Sequence[Measure]) -> Figure:
    """Accuracy against generated tokens, with the frontier of what nothing cheaper beats."""
    tasks, strategies = names(measures)

    def draw() -> Drawing:
        with styled():
            drawing, panels = small_multiples(len(tasks), height=3.0)
            lines = {}
            for task, axes in zip(tasks, panels, strict=True):
                here = [measure for measure in measures if measure.task == task]
                edge = frontier([(cost(measure), 100 * measure.accuracy) for measure in here])
                axes.step(*zip(*edge, strict=True), where="post", color=GREY, linewidth=1, linestyle="--", zorder=1)
                for measure in here:
                    index = strategies.index(measure.strategy)
                    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
                    y, interval = 100 * measure.accuracy, measure.interval
                    axes.vlines(cost(measure), 100 * interval.low, 100 * interval.high, color=colour, alpha=0.5)
                    [lines[measure.strategy]] = axes.plot(
                        cost(measure), y, marker, color=colour, markersize=6, zorder=3, clip_on=False
                    )
                axes.set(ylim=(0, 100), title=short(task, 24))
                logarithmic(axes, [cost(measure) for measure in here])
                axes.grid(True)
                axes.label_outer()
                axes.tick_params(labelbottom=True)
            drawing.supylabel("accuracy (%), 95% interval", fontsize=9)
            drawing.supxlabel("generated tokens a sample (log scale)", fontsize=9)
            shown = [(lines[name], short(name, 34)) for name in strategies if name in lines]
            drawing.legend(
                [line for line, _ in shown],
                [text for _, text in shown],
                loc="outside upper center",
                ncols=min(3, len(shown)),
            )
            return drawing

    caption = (
        "The dashed line is the frontier: no strategy with as few generated tokens was more accurate. "
        "A strategy that only scores options stands at the tokens that it scores."
    )
    return Figure("cost", "Accuracy against cost", caption, draw)


@dataclass(frozen=True, slots=True)
class Curve:
    """Accuracy of the majority of n chains, for several n."""

    task: str
    strategy: str
    ns: Sequence[int]
    accuracy: Sequence[float]
    intervals: Sequence[Interval]


def curve_figure(curves: Sequence[Curve]) -> Figure:
    """Accuracy of self-consistency against the number of chains."""
    tasks = list(dict.fromkeys(curve.task for curve in curves))
    strategies = list(dict.fromkeys(curve.strategy for curve in curves))

    def draw() -> Drawing:
        from matplotlib.ticker import FixedLocator, NullLocator

        with styled():
            drawing, panels = small_multiples(len(tasks), height=3.0)
            lines = {}
            for task, axes in zip(tasks, panels, strict=True):
                here = [curve for curve in curves if curve.task == task]
                for curve in here:
                    index = strategies.index(curve.strategy)
                    colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
                    low = [100 * interval.low for interval in curve.intervals]
                    high = [100 * interval.high for interval in curve.intervals]
                    axes.fill_between(curve.ns, low, high, color=colour, alpha=0.15, linewidth=0)
                    [lines[curve.strategy]] = axes.plot(
                        curve.ns, [100 * value for value in curve.accuracy], marker=marker, color=colour, markersize=4
                    )
                axes.set(ylim=(0, 100), title=short(task, 24), xscale="log")
                ticks = sorted({n for curve in here for n in curve.ns})
                axes.xaxis.set_major_locator(FixedLocator(ticks))
                axes.xaxis.set_minor_locator(NullLocator())
                axes.set_xticklabels([str(tick) for tick in ticks])
                axes.grid(True)
            drawing.supylabel("accuracy (%), 95% interval", fontsize=9)
            drawing.supxlabel("chains n (log scale)", fontsize=9)
            shown = [(lines[name], short(name, 60)) for name in strategies]
            drawing.legend([line for line, _ in shown], [text for _, text in shown], loc="outside upper center")
            return drawing

    caption = (
        "Expected accuracy of the majority of n chains, from one set of draws by subsampling without replacement; "
        "the band is the 95% interval over samples."
    )
    return Figure("self-consistency", "Accuracy against the number of chains", caption, draw)


def names(measures: Sequence[Measure]) -> tuple[list[str], list[str]]:
    """Tasks and strategies, in order of appearance."""
    tasks, strategies = (measure.task for measure in measures), (measure.strategy for measure in measures)
    return list(dict.fromkeys(tasks)), list(dict.fromkeys(strategies))


def row_height(strategies: Sequence[str]) -> float:
    """Inches for a panel with a row for each of these."""
    most = max(short(name).count("\n") + 1 for name in strategies)
    return 0.9 + len(strategies) * max(0.27, 0.14 * most)


def label_rows(axes: Axes, strategies: Sequence[str]) -> None:
    """One row a strategy, the first on top."""
    axes.set(ylim=(len(strategies) - 0.5, -0.5))
    axes.set_yticks(range(len(strategies)), [short(name) for name in strategies])
    axes.tick_params(axis="y", length=0)
    axes.grid(True, axis="x")


def logarithmic(axes: Axes, costs: Sequence[float]) -> None:
    """A log axis with a few round ticks that cover the costs."""
    from matplotlib.ticker import FixedLocator, NullLocator

    low, high = min(costs) / 1.3, max(costs) * 1.3
    ladder = [base * 10**power for power in range(8) for base in (1, 2, 5)]
    ticks = [tick for tick in ladder if low <= tick <= high]
    if len(ticks) > 4:
        ticks = [tick for tick in ticks if str(tick)[0] == "1"] if high / low > 200 else ticks[::2]
    axes.set(xscale="log", xlim=(low, high))
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{tick:,}" for tick in ticks])


def cost(measure: Measure) -> float:
    """Generated tokens a sample, at least one, for a logarithmic axis."""
    return max(1.0, measure.mean("completion_tokens"))


def frontier(costs_and_values: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that nothing cheaper or as cheap beats, by cost.

    >>> frontier([(1, 5), (2, 4), (3, 9)])
    [(1, 5), (3, 9)]
    """
    best: list[tuple[float, float]] = []
    for x, y in sorted(costs_and_values, key=lambda point: (point[0], -point[1])):
        if not best or y > best[-1][1]:
            best.append((x, y))
    return best
