"""How far the score hangs on the form of a prompt and on other choices that should not matter, and how far by chance.

Meets: on the samples that all forms were asked, beside the range that chance alone gives forms that are alike, tested
with Holm's correction over the table. Concedes: forms that were not run are not known; a range grows with their number.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kshot.eval.report.frame import framed, key_above
from kshot.eval.report.model import Block, Cell, Figure, Section, Table, columns
from kshot.eval.report.numbers import as_relation, percent, probability, unsigned
from kshot.eval.report.prompting.figures import label_rows, percent_axis, row_height
from kshot.eval.report.prompting.forms import Variation
from kshot.eval.report.prompting.measures import LEVEL, Key, clusters_of
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.scale import Scale, common
from kshot.eval.report.style import BLUE, GREY, VERMILLION, panel_title
from kshot.eval.roc import Area
from kshot.eval.spread import COCHRAN, Chance, apart, exchanged
from kshot.eval.statistics import Interval, holm, mean_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Prompt sensitivity"
WIDE_ONLY = ("worst", "best", "mean and st. dev.", "AUC")


@dataclass(frozen=True, slots=True)
class Spread:
    """A variation in numbers."""

    of: Variation
    n: int  # samples of each value
    means: Sequence[float]  # a value
    intervals: Sequence[Interval]  # 95%, a value
    chance: Chance
    areas: Sequence[float] = ()  # under the ROC curve, of those values that have one
    adjusted: float = 1.0  # p after Holm over the report's spreads

    @property
    def range(self) -> float:
        """Highest minus lowest."""
        return max(self.means) - min(self.means)

    @property
    def real(self) -> bool:
        """Whether the values are shown to differ, after correction."""
        return self.adjusted < LEVEL


def spreads_of(found: Sequence[Variation], run: RunData, areas: Mapping[Key, Area]) -> list[Spread]:
    """Every variation with what chance would do to it, corrected over all of them."""
    spreads = [spread_of(one, run, areas) for one in found]
    adjusted = holm([one.chance.p for one in spreads])
    return [replace(one, adjusted=p) for one, p in zip(spreads, adjusted, strict=True)]


def spread_of(one: Variation, run: RunData, areas: Mapping[Key, Area]) -> Spread:
    """One variation, on the samples that all its values share; where they share none, each on its own."""
    measures = [measure for _, measure in one.points]
    under = [areas[m.task, m.strategy].value for m in measures if (m.task, m.strategy) in areas]
    shared = [key for key in measures[0].scores if all(key in other.scores for other in measures)]
    if not shared or len({measure.task for measure in measures}) > 1:
        means, intervals = [m.value for m in measures], [m.interval for m in measures]
        chance = apart([list(m.scores.values()) for m in measures])
        return Spread(one, min(m.n for m in measures), means, intervals, chance, under)
    clusters = clusters_of(run.samples, measures[0].task, shared)
    columns_ = [[m.scores[key] for key in shared] for m in measures]
    chance = exchanged(list(zip(*columns_, strict=True)), clusters)
    intervals = [mean_interval(column, clusters=clusters) for column in columns_]
    return Spread(one, len(shared), [statistics.fmean(column) for column in columns_], intervals, chance, under)


def sensitivity_section(spreads: Sequence[Spread], notes: Sequence[str] = ()) -> list[Section]:
    """The section; [] where nothing was varied."""
    if not spreads:
        return []
    blocks: list[Block] = [*notes, spread_figure(spreads), spread_table(spreads)]
    return [Section(TITLE, blocks)]


def scale_of_spreads(spreads: Sequence[Spread]) -> Scale:
    """The scale of all measures."""
    return common(measure.scale for one in spreads for _, measure in one.of.points)


def spread_sentence(spreads: Sequence[Spread]) -> str:
    """The largest spread over forms of a prompt that is shown, in a sentence; "" where none is."""
    real = [one for one in spreads if one.real and one.of.over not in ("exemplar seed", "seed")]
    if not real:
        return ""
    top = max(real, key=lambda one: one.range - one.chance.expected)
    (_, low), (_, high) = end_of(top, min(top.means)), end_of(top, max(top.means))
    name = scale_of_spreads([top]).name
    return (
        f"The prompt's form matters: {top.of.line} on {top.of.panel} has between {percent(min(top.means))} ({low}) and "
        f"{percent(max(top.means))} ({high}) {name} over {len(top.means)} values of {top.of.over}, a range of "
        f"{unsigned(top.range)} points where chance alone would give {unsigned(top.chance.expected)} "
        f"(p {as_relation(top.adjusted)})."
    )


def end_of(one: Spread, score: float) -> tuple[float, str]:
    """A score and the values that have it: one by its name, of equals how many ("2 of 3 alike")."""
    names = [name for (name, _), value in zip(one.of.points, one.means, strict=True) if abs(value - score) < 1e-12]
    return score, names[0] if len(names) == 1 else f"{len(names)} of {len(one.means)} alike"


def spread_table(spreads: Sequence[Spread]) -> Table:
    """The spreads in numbers."""
    ranked = any(one.areas for one in spreads)
    rows: list[list[str | Cell]] = []
    for one in spreads:
        (_, low), (_, high) = end_of(one, min(one.means)), end_of(one, max(one.means))
        areas = f"{min(one.areas):.3f}–{max(one.areas):.3f}" if one.areas else "–"
        deviation = f"{percent(statistics.fmean(one.means))}, {unsigned(statistics.stdev(one.means))}"
        rows.append([
            one.of.panel, one.of.line, one.of.over, str(len(one.means)), percent(min(one.means)), low,
            percent(statistics.median(one.means)), percent(max(one.means)), high, unsigned(one.range),
            unsigned(one.chance.expected), Cell(probability(one.adjusted), "plain" if one.real else "quiet"),
            deviation, *([areas] if ranked else []),
        ])  # fmt: skip
    heads = columns(
        *("task", "strategy", "varied", "values#", "lowest#", "worst", "median#", "highest#", "best", "range#"),
        *("by chance#", "p (Holm)#", "mean and st. dev.#", *(["AUC#"] if ranked else [])),
    )
    heads = [replace(head, wide_only=head.title in WIDE_ONLY) for head in heads]
    return Table(TITLE, heads, rows, caption_of(spreads, ranked))


def caption_of(spreads: Sequence[Spread], ranked: bool) -> str:
    """What the columns are, and which test p is from."""
    tests = {one.chance.test for one in spreads}
    fewest, most = (end(one.n for one in spreads) for end in (min, max))
    asked = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    q, other = "Cochran's Q", "a permutation test (fractions, clusters, few or different samples)"
    test = f"{q}, or {other}" if len(tests) > 1 else q if COCHRAN in tests else other
    holm = f", Holm over all {len(spreads)} rows" if len(spreads) > 1 else ""
    area = (
        " AUC: the lowest and the highest area under the ROC curve, which a lean to one label leaves as it is."
        if ranked
        else ""
    )
    return (
        f"{scale_of_spreads(spreads).title} of strategies that are equal but for what was varied, on the same {asked} "
        "samples; ranges and standard deviations in points. By chance: the mean range if the values were alike, each "
        f"sample's scores exchanged between them. p: {test}{holm}.{area}"
    )


def spread_figure(spreads: Sequence[Spread]) -> Figure:
    """A mark a value with its interval, and behind them how far chance alone would spread them; a panel a task."""
    panels = list(dict.fromkeys(one.of.panel for one in spreads))
    rows = list(dict.fromkeys(label(one) for one in spreads))
    own = any(one.of.own - {one.of.chosen} for one in spreads)
    chosen = any(one.of.chosen is not None for one in spreads)
    caption = (
        "Each mark is one value (a template, a wording, a seed) with its 95% interval, the first on top. Values that "
        "are alike lie within a range as wide as the grey band in 95 runs of 100: where marks reach beyond it on both "
        "sides, the score hangs on the choice."
    )
    most = max(len(one.means) for one in spreads)
    height = max(row_height(rows), 0.9 + len(rows) * (0.12 + 0.055 * most))

    @framed("sensitivity", TITLE, caption, count=len(panels), height=height, row_labels=True)
    def drawn(*all_axes: Axes) -> None:
        for panel, axes in zip(panels, all_axes, strict=True):
            label_rows(axes, rows)
            percent_axis(axes)
            axes.set(title=panel_title(panel, len(panels)))
            for one in (one for one in spreads if one.of.panel == panel):
                draw_spread(axes, rows.index(label(one)), one)
        all_axes[0].figure.supxlabel(f"{scale_of_spreads(spreads).axis}, 95% interval")
        key_above(all_axes[0], key_of(own, chosen), columns=4)

    return drawn


def draw_spread(axes: Axes, row: int, one: Spread) -> None:
    """One row: the band of chance about the middle, and the values below each other in it."""
    middle, reach = 50 * (max(one.means) + min(one.means)), 50 * one.chance.limit
    axes.fill_betweenx(
        [row - 0.4, row + 0.4], max(0, middle - reach), min(100, middle + reach), color=GREY, alpha=0.25, linewidth=0
    )
    count = len(one.means)
    for at, (mean, interval) in enumerate(zip(one.means, one.intervals, strict=True)):
        y = row if count == 1 else row - 0.32 + 0.64 * at / (count - 1)
        marker, colour, face = mark(one.of, at)
        axes.plot([100 * interval.low, 100 * interval.high], [y, y], color=colour, linewidth=0.9, alpha=0.7)
        axes.plot(100 * mean, y, marker, color=colour, markersize=4.5, markerfacecolor=face, clip_on=False, zorder=3)


def mark(of: Variation, at: int) -> tuple[str, str, str]:
    """A value's marker, colour and fill."""
    if at == of.chosen:
        return "D", VERMILLION, VERMILLION
    return ("s", GREY, GREY) if at in of.own else ("o", BLUE, "white")


def key_of(own: bool, chosen: bool) -> dict[str, Any]:
    """The key's marks by what they say."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    looks = {"a value": ("o", BLUE, "white")}
    if own:
        looks["kshot's own form"] = ("s", GREY, GREY)
    if chosen:
        looks["chosen on validation"] = ("D", VERMILLION, VERMILLION)
    marks: dict[str, Any] = {
        name: Line2D([], [], color=colour, marker=marker, markersize=4.5, markerfacecolor=face, linewidth=0.9)
        for name, (marker, colour, face) in looks.items()
    }
    return {**marks, "range by chance (95%)": Patch(color=GREY, alpha=0.25, linewidth=0)}


def label(one: Spread) -> str:
    """A row of the figure: the strategy, and what was varied."""
    return f"{one.of.line}, {one.of.over}"
