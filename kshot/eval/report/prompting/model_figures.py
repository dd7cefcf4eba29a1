"""Scores and gains of several models against their size.

Meets: every estimate has its interval; models of nearly equal size are set beside each other, and are told by numbers
with a key, so that twenty long names do not overlap. Concedes: those of unknown size are named and not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kshot.eval.report.frame import framed, key_above, room_for_key
from kshot.eval.report.model import Figure
from kshot.eval.report.prompting.contrasts import Gain
from kshot.eval.report.prompting.figures import factor, scales_of, within_100
from kshot.eval.report.prompting.measures import Measure
from kshot.eval.report.prompting.model_words import HONEST
from kshot.eval.report.prompting.scale import common
from kshot.eval.report.prompting.subjects import Joined
from kshot.eval.report.prompting.sweeps import aside
from kshot.eval.report.prompting.words import enumerated
from kshot.eval.report.style import GREY, line_style, look, panel_title, short, whiskers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3
GAP = 0.035  # of an axis, by which models of one size are set apart
NEAR = 0.075  # of an axis, within which numbers of models are written as one
KEY_WIDTH = {2: 40, 3: 26}  # characters of a model's name in a key of so many columns
CONSTANT = "best constant answer"


@dataclass(frozen=True, slots=True)
class PlottedScore:
    """A value with its interval at a model's place; hollow where nothing is shown."""

    label: str
    value: float
    low: float
    high: float
    filled: bool = True


Lines = Mapping[str, Mapping[str, Sequence[PlottedScore]]]
"""Points by task and strategy, the smallest model first."""


def sized(whole: Joined) -> dict[str, int]:
    """Models of known size with their parameters outside the embeddings, the smallest first."""
    known = ((label, whole.sizes[label]) for label in whole.labels)
    return {label: size.outside for label, size in known if size is not None}


def score_figure(whole: Joined) -> Figure | None:
    """Scores against size, with the best constant answer; None with fewer than two models of known size."""
    sizes = sized(whole)
    if len(sizes) < 2:
        return None
    measures = [m for (label, _, _), m in whole.found.items() if label in sizes]
    scale, scales = common(m.scale for m in measures), scales_of(measures)
    lines: dict[str, dict[str, list[PlottedScore]]] = {}
    for label in sizes:
        for (task, strategy), m in whole.of(label).items():
            by = factor(m.scale)
            point = PlottedScore(label, by * m.value, by * m.interval.low, by * m.interval.high)
            lines.setdefault(task, {}).setdefault(strategy, []).append(point)
    constants = {task: constant_of(measures, task) for task in scales}

    def marks(task: str, axes: Axes) -> Mapping[str, Any]:
        if within_100(scales[task]):
            axes.set_ylim(0, 100)
        value = constants[task]
        if value is None:
            return {}
        return {CONSTANT: axes.axhline(factor(scales[task]) * value, color="black", linewidth=1, linestyle=(0, (5, 3)))}

    caption = (
        f"{scale.title} against parameters outside the embeddings; the bars are 95% intervals. Dashed: what the best "
        f"constant answer would score, the same answer to every sample. {remarks(whole, sizes)}"
    )
    titles = {task: scales[task].axis for task in scales}
    return against_size("size", f"{scale.title} against size", caption, lines, sizes, titles, marks)


def gain_figure(whole: Joined, gains: Sequence[Gain]) -> Figure | None:
    """Paired differences from the baseline against size; None with fewer than two models of known size."""
    sizes = sized(whole)
    shown = [gain for gain in gains if gain.label in sizes]
    if len({gain.label for gain in shown}) < 2:
        return None
    scales = scales_of([gain.comparison for gain in shown])
    lines: dict[str, dict[str, list[PlottedScore]]] = {}
    for gain in sorted(shown, key=lambda gain: list(sizes).index(gain.label)):
        c, by = gain.comparison, factor(gain.comparison.scale)
        low, high = by * c.result.interval.low, by * c.result.interval.high
        point = PlottedScore(gain.label, by * c.result.difference, low, high, filled=c.real)
        lines.setdefault(c.task, {}).setdefault(c.strategy, []).append(point)

    def marks(task: str, axes: Axes) -> Mapping[str, Any]:
        axes.axhline(0, color=GREY, linewidth=1)
        return {}

    against = enumerated(list(dict.fromkeys(gain.comparison.baseline for gain in shown)))
    caption = (
        f"Paired differences from {against} on the same samples, with bootstrap intervals, against parameters outside "
        "the embeddings. Filled: shown after Holm's correction over all of them; hollow: not shown. "
        f"{remarks(whole, sizes)}"
    )
    titles = {task: f"gain ({scale.points})" for task, scale in scales.items()}
    return against_size("gain-by-size", f"Gain over {against} against size", caption, lines, sizes, titles, marks)


def constant_of(measures: Sequence[Measure], task: str) -> float | None:
    """What the best constant answer scores on a task."""
    return next((m.constant.value for m in measures if m.task == task and m.constant is not None), None)


def remarks(whole: Joined, sizes: Mapping[str, int]) -> str:
    """What a reader of a figure against size must know."""
    unknown = [label for label in whole.labels if label not in sizes]
    said = f" Not drawn, as their size is not known: {enumerated(unknown)}." if unknown else ""
    close = " Models of nearly equal size are set beside each other." if crowded(list(sizes.values())) else ""
    return f"{HONEST}{close}{said}"


def crowded(sizes: Sequence[int]) -> bool:
    """Whether places differ from sizes."""
    logs = [math.log10(max(size, 1)) for size in sizes]
    return any(abs(a - b) > 1e-9 for a, b in zip(logs, places(logs, limits(logs)), strict=True))


def against_size(
    name: str,
    title: str,
    caption: str,
    lines: Lines,
    sizes: Mapping[str, int],
    titles: Mapping[str, str],
    marks: Callable[[str, Axes], Mapping[str, Any]],
) -> Figure:
    """A panel a task, a line a strategy, the models by numbers with a key below."""
    tasks = list(lines)
    strategies = list(dict.fromkeys(strategy for found in lines.values() for strategy in found))
    alike = len(set(titles.values())) == 1
    logs = [math.log10(max(size, 1)) for size in sizes.values()]
    span = limits([*logs, *places(logs, limits(logs))])
    at = dict(zip(sizes, places(logs, span), strict=True))
    across = min(2 if len(tasks) == 4 else COLUMNS, len(tasks))
    rows, wide = -(-len(tasks) // across), max(2, across)
    height = 2.9 + room_for_key(strategies, len(tasks)) + (0.35 + 0.17 * -(-len(sizes) // wide)) / rows

    @framed(
        name, title, caption, count=len(tasks), height=height, columns=across, apart=not alike,
        width=8.4 if len(tasks) > 1 else 6.4,
    )  # fmt: skip
    def drawn(*panels: Axes) -> None:
        handles: dict[str, Any] = {}
        for task, axes in zip(tasks, panels, strict=True):
            axes.set_ylim(heights([found for name, found in lines.items() if alike or name == task]))
            extra = marks(task, axes)
            for place, (strategy, points) in enumerate(lines[task].items()):
                order = strategies.index(strategy)
                handles[strategy] = draw_line(axes, points, at, order, place, len(lines[task]))
            handles.update({key: line for key, line in extra.items() if key not in handles})
            axes.set(xlim=span)
            axes.set_title(panel_title(task, across), pad=15)
            label_sizes(axes, span)
            number_models(axes, list(at.values()), span)
            axes.grid(True, axis="y")
            if not alike:
                axes.set_ylabel(short(titles[task], 30, 3), fontsize=7)
        figure = panels[0].figure
        if alike:
            figure.supylabel(f"{next(iter(titles.values()))}, 95% interval")
        for axes in panels[-across:]:  # no title of the whole figure, which the key below would cover
            axes.set_xlabel("parameters outside the embeddings (log scale)", fontsize=7.5)
        ordered = [key for key in [*strategies, CONSTANT] if key in handles]
        key_above(panels[0], {key: handles[key] for key in ordered})
        key_of_models(panels[0], sizes, wide)

    return drawn


def heights(lines: Sequence[Mapping[str, Sequence[PlottedScore]]]) -> tuple[float, float]:
    """The ends of an upright axis that holds all these points and 0, which lines set aside do not tell it."""
    every = [end for found in lines for points in found.values() for p in points for end in (p.low, p.high, p.value)]
    low, high = min(0.0, *every), max(0.0, *every)
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room


def draw_line(
    axes: Axes, points: Sequence[PlottedScore], at: Mapping[str, float], order: int, place: int, count: int
) -> Any:
    """A strategy's points with their intervals, joined by a thin line."""
    colour, marker = look(order)
    x, y = [at[point.label] for point in points], [point.value for point in points]
    moved = aside(axes, place, count)
    bars = whiskers(y, [(point.low, point.high) for point in points])
    axes.errorbar(x, y, yerr=bars, fmt="none", ecolor=colour, elinewidth=1, clip_on=False, transform=moved)
    axes.plot(x, y, color=colour, linewidth=0.9, alpha=0.55, linestyle=line_style(order), transform=moved)
    for point, across in zip(points, x, strict=True):
        face = colour if point.filled else "none"
        axes.plot(
            across, point.value, marker, color=colour, markerfacecolor=face, markersize=4.8, clip_on=False, zorder=3,
            transform=moved,
        )  # fmt: skip
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, marker=marker, markersize=4.8, linewidth=0.9, linestyle=line_style(order))


def limits(logs: Sequence[float]) -> tuple[float, float]:
    """The ends of the axis, in powers of ten: room beside the outermost, and at least a factor of four."""
    low, high = min(logs), max(logs)
    room = max(0.08 * (high - low), (0.7 - (high - low)) / 2, 0.1)
    return low - room, high + room


def places(logs: Sequence[float], span: tuple[float, float]) -> list[float]:
    """Where models stand: at their size, those nearer than `GAP` of the axis beside each other, around their mean.

    >>> places([0.0, 0.0, 1.0], (-0.1, 1.1))
    [-0.021, 0.021, 1.0]
    """
    gap = GAP * (span[1] - span[0])
    groups: list[list[float]] = []
    for value in logs:
        groups.append([value])
        while len(groups) > 1 and ends_at(groups[-1], gap)[0] - ends_at(groups[-2], gap)[1] < gap - 1e-12:
            groups[-2:] = [groups[-2] + groups[-1]]
    found = []
    for group in groups:
        if len(group) == 1:
            found += group
            continue
        first = ends_at(group, gap)[0]
        found += [round(first + place * gap, 9) for place in range(len(group))]
    return found


def ends_at(group: Sequence[float], gap: float) -> tuple[float, float]:
    """The first and the last place of models that stand beside each other."""
    middle, half = sum(group) / len(group), (len(group) - 1) * gap / 2
    return middle - half, middle + half


def label_sizes(axes: Axes, span: tuple[float, float]) -> None:
    """A few round sizes along the bottom."""
    ladder = [(power + math.log10(base), base * 10**power) for power in range(14) for base in (1, 2, 5)]
    ticks = [(place, value) for place, value in ladder if span[0] <= place <= span[1]]
    if len(ticks) > 5:
        whole = [tick for tick in ticks if str(tick[1])[0] == "1"]
        ticks = whole[:: -(-len(whole) // 5)] if len(whole) > 1 else ticks[::2]
    axes.set_xticks([place for place, _ in ticks], [in_units(value) for _, value in ticks])
    axes.tick_params(axis="x", labelbottom=True, labelsize=7.5)


def in_units(size: float) -> str:
    """A number of parameters, short.

    >>> in_units(106_203_456), in_units(1_500_000_000), in_units(61_760), in_units(50)
    ('106M', '1.5B', '61.8k', '50')
    """
    for unit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size >= unit:
            return f"{size / unit:.3g}{letter}"
    return f"{size:.3g}"


def number_models(axes: Axes, at: Sequence[float], span: tuple[float, float]) -> None:
    """Each model's number above the panel; of neighbours the first and the last."""
    near = NEAR * (span[1] - span[0])
    groups: list[list[int]] = []
    for number, place in enumerate(at, 1):
        if groups and place - at[groups[-1][-1] - 1] < near:
            groups[-1].append(number)
        else:
            groups.append([number])
    for group in groups:
        middle = sum(at[number - 1] for number in group) / len(group)
        text = str(group[0]) if len(group) == 1 else f"{group[0]}{',' if len(group) == 2 else '–'}{group[-1]}"
        axes.text(
            middle, 1.015, text, transform=axes.get_xaxis_transform(), ha="center", va="bottom", fontsize=7, color=GREY
        )
    for place in at:
        axes.axvline(place, color=GREY, linewidth=0.4, alpha=0.35, zorder=0)


def key_of_models(axes: Axes, sizes: Mapping[str, int], wide: int) -> None:
    """Which model each number is, below all panels."""
    from matplotlib.lines import Line2D

    named = [
        f"{number}  {short(label, KEY_WIDTH[wide], 1)} ({in_units(size)})"
        for number, (label, size) in enumerate(sizes.items(), 1)
    ]
    blanks = [Line2D([], [], linestyle="") for _ in named]
    axes.figure.legend(
        blanks, named, loc="outside lower center", ncols=min(wide, len(named)), handlelength=0, handletextpad=0,
        fontsize=7.5,
    )  # fmt: skip
