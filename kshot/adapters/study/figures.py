"""A study's figures: scores against what training cost, against training samples, and the curves of learning."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kshot.adapters.study.read import TrainingOutcome, groups_of, method_of
from kshot.eval.report.model import Figure
from kshot.eval.report.prompting.measures import Measure
from kshot.eval.report.prompting.scale import Scale, common
from kshot.eval.report.style import COLOURS, GREY, MARKERS, short, small_multiples, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


def scatter(
    name: str,
    axis: str,
    groups: Mapping[str, list[TrainingOutcome]],
    listed: Sequence[Measure],
    x: Callable[[TrainingOutcome], float],
) -> Figure:
    """Every training size's methods against a cost; prompting as lines across. A panel a training size."""
    sizes = sorted({group[0].trained_on for group in groups.values()})
    found = {m.strategy: m for m in listed}
    scale = common(m.scale for m in listed)
    methods = list(dict.fromkeys(method_of(label) for label in groups))
    costs = [statistics.median(x(one) for one in group) for group in groups.values()]
    ends = 0.6 * min(costs), 1.6 * max(costs)  # the same in every panel

    def draw() -> Drawing:
        from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

        with styled():
            drawing, panels = small_multiples(len(sizes), height=4.0, columns=3, width=8.4 if len(sizes) > 1 else 6.6)
            handles: dict[str, Any] = {}
            for size, axes in zip(sizes, panels, strict=True):
                for label, group in groups.items():
                    if group[0].trained_on != size:
                        continue
                    at = methods.index(method_of(label))
                    m = found[label]
                    where = statistics.median(x(one) for one in group)
                    low, high = 100 * m.interval.low, 100 * m.interval.high
                    colour, marker = COLOURS[at % len(COLOURS)], MARKERS[at % len(MARKERS)]
                    axes.plot([where, where], [low, high], color=colour, linewidth=1, zorder=2)
                    [point] = axes.plot(where, 100 * m.value, marker, color=colour, linestyle="none", markersize=6)
                    point.set(zorder=3, clip_on=False, markerfacecolor="none" if at >= len(COLOURS) else colour)
                    handles[methods[at]] = point
                lines = [m for m in listed if m.strategy not in groups]
                for place, m in enumerate(lines):
                    style = ("--", ":", "-.", (0, (1, 4)))[place % 4]
                    handles[m.strategy] = axes.axhline(100 * m.value, color=GREY, linewidth=1.1, linestyle=style)
                axes.set(xscale="log", ylim=(0, 100), title=f"{size:,} training samples")
                axes.set_xlim(*ends)
                if ends[1] < 100 * ends[0]:  # less than two decades have too few powers of ten to label
                    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 10k, 1M
                axes.xaxis.set_minor_formatter(NullFormatter())
                axes.grid(True, axis="y")
                axes.label_outer()
                axes.tick_params(labelbottom=True)
            drawing.supylabel(scale.upright, fontsize=9)
            drawing.supxlabel(axis, fontsize=9)
            named = sorted(handles, key=lambda key: methods.index(key) if key in methods else len(methods))
            texts = [short(key, 30) for key in named]
            drawing.legend([handles[key] for key in named], texts, loc="outside upper center", ncols=4, fontsize=8)
            return drawing

    what = name if name == "seconds" else f"trained {name}"
    caption = f"{scale.title} against {what}; points are means over seeds, lines prompting without training."
    return Figure(f"tuned-{name}", f"{scale.title} against {what}", caption, draw)


def samples_figure(outcomes: Sequence[TrainingOutcome], scale: Scale) -> Figure:
    """The score against training samples, a line a method, a dot a seed."""
    methods = list(dict.fromkeys(method_of(one.label) for one in outcomes))
    several = [name for name in methods if len({o.trained_on for o in outcomes if method_of(o.label) == name}) > 1]

    def draw() -> Drawing:
        with styled():
            drawing, (axes,) = small_multiples(1, width=6.6, height=3.8)
            for name in several:
                at = several.index(name)
                colour, marker = COLOURS[at % len(COLOURS)], MARKERS[at % len(MARKERS)]
                sizes = sorted({one.trained_on for one in outcomes if method_of(one.label) == name})
                means = []
                for size in sizes:
                    values = [100 * o.accuracy for o in outcomes if method_of(o.label) == name and o.trained_on == size]
                    means.append(statistics.fmean(values))
                    axes.plot([size] * len(values), values, marker, color=colour, markersize=3.5, alpha=0.5)
                axes.plot(sizes, means, color=colour, marker=marker, markersize=6, label=name)
            ticks = sorted({one.trained_on for one in outcomes})
            axes.set(xscale="log", ylim=(0, 100), xlabel="training samples (log scale)", ylabel=scale.axis)
            axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
            axes.minorticks_off()
            axes.grid(True, axis="y")
            axes.legend(loc="best", fontsize=8)
            return drawing

    caption = f"{scale.title} against training samples: lines are means over seeds, small marks single seeds."
    return Figure("tuned-samples", f"{scale.title} against training samples", caption, draw)


def curve_figure(outcomes: Sequence[TrainingOutcome], scale: Scale) -> Figure:
    """Learning curves: loss, and what was measured on the validation set."""
    shown = [group[0] for group in groups_of(outcomes).values()]
    titles = {"loss": "training loss", "validation_loss": "validation loss", "accuracy": f"validation {scale.axis}"}
    logged = {key for one in shown for line in one.trained.history for key in line}
    drawn = ["loss", *(key for key in titles if key != "loss" and key in logged)]

    def draw() -> Drawing:
        with styled():
            drawing, panels = small_multiples(len(shown), height=1.9, columns=4)
            handles: dict[str, Any] = {}
            for one, axes in zip(shown, panels, strict=True):
                for at, key in enumerate(drawn):
                    points = [(line["step"], line[key]) for line in one.trained.history if key in line]
                    if not points:
                        continue
                    side = axes if key != "accuracy" else axes.twinx()
                    scale = 100 if key == "accuracy" else 1
                    steps, values = [step for step, _ in points], [scale * value for _, value in points]
                    marker = None if key == "loss" else MARKERS[at]
                    look: dict[str, Any] = {"color": COLOURS[at], "linewidth": 1.1, "marker": marker, "markersize": 3}
                    [handles[titles[key]]] = side.plot(steps, values, **look)
                    if key == "accuracy":
                        side.set(ylim=(0, 105))
                        side.spines["top"].set_visible(False)
                        side.tick_params(labelsize=7)
                axes.set_title(short(one.label, 22), fontsize=8)
                axes.set_ylim(bottom=0)
                axes.tick_params(labelsize=7, labelbottom=True)
            drawing.supxlabel("step", fontsize=9)
            drawing.supylabel("loss", fontsize=9)
            drawing.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=3)
            return drawing

    caption = f"The first seed of every method and training size: loss a token (left), validation {scale.name} (right)."
    return Figure("tuned-curves", "Learning curves", caption, draw)
