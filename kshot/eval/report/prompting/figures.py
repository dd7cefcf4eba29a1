"""The figures of the prompting half: scores, paired differences, scores against cost.

Meets: every estimate has its 95% interval drawn, every axis its unit; one panel a task, so that tasks are not
read as if they were comparable. Concedes: with dozens of strategies the panels grow tall rather than clever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kshot.eval.report.frame import framed, key_above, room_for_key
from kshot.eval.report.model import Figure
from kshot.eval.report.prompting.comparisons import Comparison
from kshot.eval.report.prompting.measures import Measure
from kshot.eval.report.prompting.scale import ACCURACY, Scale, common
from kshot.eval.report.style import BLUE, GREY, VERMILLION, look, panel_title, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def accuracy_figure(measures: Sequence[Measure]) -> Figure:
    """A dot and its interval for every strategy, one panel a task, with the best constant answer as a line."""
    tasks, strategies = names(measures)
    found = {(measure.task, measure.strategy): measure for measure in measures}
    scale = common(measure.scale for measure in measures)
    scales = scales_of(measures)

    none = "wrong" if scale.binary else "0" if all(one.kind.share for one in scales.values()) else "the least"
    counted = "" if all(one.kind.right is None for one in scales.values()) else f", no answer counted as {none}"
    caption = f"{scale.name[0].upper()}{scale.name[1:]} over all samples{counted}; the bars are 95% intervals."
    if any(measure.constant for measure in measures):
        caption += " Dashed: what the best constant answer would score, the same answer to every sample."

    @framed(
        "accuracy" if scale.metric == ACCURACY else "scores",
        f"{scale.title} by task and strategy",
        caption,
        count=len(tasks),
        height=row_height(strategies) + (0.3 if len({one.axis for one in scales.values()}) > 1 else 0),
        row_labels=True,
    )
    def drawn(*panels: Axes) -> None:
        for task, axes in zip(tasks, panels, strict=True):
            label_rows(axes, strategies)
            by = factor(scales[task])
            for row, strategy in enumerate(strategies):
                measure = found.get((task, strategy))
                if measure is None:
                    middle = axes.get_yaxis_transform()
                    axes.text(0.5, row, "not run", transform=middle, ha="center", va="center", color=GREY, fontsize=7)
                    continue
                low, high = by * measure.interval.low, by * measure.interval.high
                axes.plot([low, high], [row, row], color=BLUE, linewidth=1.6, solid_capstyle="butt")
                axes.plot(by * measure.value, row, "o", color=BLUE, markersize=5, clip_on=False, zorder=3)
                if measure.constant is not None:  # a piece a row: strategies may have been asked other samples
                    share = by * measure.constant.value
                    axes.plot([share] * 2, [row - 0.5, row + 0.5], color=VERMILLION, linewidth=1, linestyle="--")
            if within_100(scales[task]):
                percent_axis(axes)
            axes.set(title=panel_title(task, len(tasks)))
        label_axes(panels, [f"{scales[task].axis}, 95% interval" for task in tasks])

    return drawn


def scales_of(measures: Sequence[Measure | Comparison]) -> dict[str, Scale]:
    """Each task's scale."""
    tasks = dict.fromkeys(measure.task for measure in measures)
    return {task: common(measure.scale for measure in measures if measure.task == task) for task in tasks}


def factor(scale: Scale) -> float:
    """What values are drawn times."""
    return 100.0 if scale.kind.share else 1.0


def within_100(scale: Scale) -> bool:
    """Whether an axis of values goes from 0 to 100."""
    return scale.kind.share and (scale.kind.low, scale.kind.high) == (0.0, 1.0)


def label_axes(panels: Sequence[Axes], titles: Sequence[str]) -> None:
    """One title below all panels, or each its own where they differ."""
    if len(set(titles)) == 1:
        panels[0].figure.supxlabel(titles[0])
        return
    for axes, title in zip(panels, titles, strict=True):
        axes.set_xlabel(short(title, 34, 3), fontsize=7)


def forest_figure(comparisons: Sequence[Comparison], against: str) -> Figure:
    """Every paired difference with its interval, one panel a task."""
    tasks = list(dict.fromkeys(comparison.task for comparison in comparisons))
    strategies = list(dict.fromkeys(comparison.strategy for comparison in comparisons))
    found = {(comparison.task, comparison.strategy): comparison for comparison in comparisons}
    scales = scales_of(comparisons)
    alike = len({one.points for one in scales.values()}) == 1

    caption = (
        "Paired differences on the same samples with bootstrap intervals; better and worse are after Holm's "
        "correction over the whole report, so an interval may leave zero out without it."
    )

    @framed(
        "differences",
        f"Differences from {against}",
        caption,
        count=len(tasks),
        height=row_height(strategies) + (0 if alike else 0.3),
        row_labels=True,
    )
    def drawn(*panels: Axes) -> None:
        from matplotlib.lines import Line2D

        looks = {"better": (BLUE, "^"), "worse": (VERMILLION, "v"), "no difference shown": (GREY, "o")}
        for task, axes in zip(tasks, panels, strict=True):
            label_rows(axes, strategies)
            axes.axvline(0, color=GREY, linewidth=1)
            by = factor(scales[task])
            limits = ends_of([c for c in comparisons if alike or c.task == task], by)
            for row, strategy in enumerate(strategies):
                comparison = found.get((task, strategy))
                if comparison is None:
                    continue
                colour, marker = looks[comparison.word]
                interval = comparison.result.interval
                ends = [by * interval.low, by * interval.high]
                axes.plot(ends, [row, row], color=colour, linewidth=1.6, solid_capstyle="butt")
                axes.plot(
                    by * comparison.result.difference, row, marker, color=colour, markersize=5.5,
                    markerfacecolor=colour if comparison.real else "white", clip_on=False, zorder=3,
                )  # fmt: skip
            axes.set(xlim=limits, title=panel_title(task, len(tasks)))
            axes.locator_params(axis="x", nbins=5)
        of = short(against, 60, 1)
        label_axes(panels, [f"difference from {of} ({scales[task].points}), 95% interval" for task in tasks])
        words = {
            word: Line2D([], [], color=colour, marker=marker, markersize=5.5,
                         markerfacecolor="white" if colour == GREY else colour)
            for word, (colour, marker) in looks.items()
        }  # fmt: skip
        key_above(panels[0], words)

    return drawn


def ends_of(comparisons: Sequence[Comparison], by: float) -> tuple[float, float]:
    """The limits of an axis that holds these differences and 0, with room at both ends."""
    seen = [
        by * end for c in comparisons for end in (c.result.interval.low, c.result.interval.high, c.result.difference)
    ]
    low, high = min(0.0, *seen), max(0.0, *seen)
    margin = max(2.0 if by > 1 else 0.01, 0.08 * (high - low))
    return low - margin, high + margin


def cost_figure(measures: Sequence[Measure]) -> Figure:
    """The score against generated tokens, with the frontier of what nothing cheaper beats."""
    tasks, strategies = names(measures)
    scale = common(measure.scale for measure in measures)
    scales = scales_of(measures)
    alike = len({one.axis for one in scales.values()}) == 1

    caption = (
        "The dashed line is the frontier: no strategy with as few generated tokens scored better. "
        "A strategy that only scores options stands at the tokens that it scores."
    )

    height = 3.0 + room_for_key(strategies, len(tasks))

    @framed("cost", f"{scale.title} against cost", caption, count=len(tasks), height=height)
    def drawn(*panels: Axes) -> None:
        lines = {}
        for task, axes in zip(tasks, panels, strict=True):
            here = [measure for measure in measures if measure.task == task]
            by, sign = factor(scales[task]), scales[task].kind.sign
            edge = frontier([(cost(measure), sign * by * measure.value) for measure in here])
            steps = [(x, sign * y) for x, y in edge]
            axes.step(*zip(*steps, strict=True), where="post", color=GREY, linewidth=1, linestyle="--", zorder=1)
            for measure in here:
                colour, marker = look(strategies.index(measure.strategy))
                y, interval = by * measure.value, measure.interval
                axes.vlines(cost(measure), by * interval.low, by * interval.high, color=colour, alpha=0.5)
                [lines[measure.strategy]] = axes.plot(
                    cost(measure), y, marker, color=colour, markersize=6, zorder=3, clip_on=False
                )
            axes.set(title=panel_title(task, len(tasks)))
            if within_100(scales[task]):
                axes.set(ylim=(0, 100))
            logarithmic(axes, [cost(measure) for measure in here])
            axes.grid(True)
            if alike:
                axes.label_outer()
            else:
                axes.set_ylabel(short(scales[task].axis, 24, 3), fontsize=7)
            axes.tick_params(labelbottom=True)
        if alike:
            panels[0].figure.supylabel(scale.upright)
        panels[0].figure.supxlabel("generated tokens a sample (log scale)")
        key_above(panels[0], {name: lines[name] for name in strategies if name in lines})

    return drawn


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


def percent_axis(axes: Axes) -> None:
    """0 to 100 along the bottom, the outer labels set inwards: a panel's 100 does not touch the next one's 0."""
    axes.set(xlim=(0, 100), xticks=[0, 25, 50, 75, 100])
    first, *_, last = axes.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")


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
