"""The pictures of findings: what each one's arms scored, and the whole family at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure
from kshot.eval.report.style import BLUE, GREY, VERMILLION, short
from kshot.lab.claims.finding import Finding
from kshot.lab.claims.verdict import VERDICTS, Verdict
from kshot.lab.judge import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS: dict[Verdict, tuple[str, str, bool]] = {  # colour, marker, whether it is filled
    "reproduced": (BLUE, "o", True),
    "opposite": (VERMILLION, "X", True),
    "absent": ("#009E73", "s", True),
    "undecided": (GREY, "o", False),
}


def mark(axes: Axes, x: float, y: float, said: Verdict) -> None:
    """A verdict's mark."""
    colour, marker, filled = LOOKS[said]
    axes.plot(x, y, marker, color=colour, markersize=6, markerfacecolor=colour if filled else "white", zorder=3)


def family_figure(families: Mapping[str, Sequence[Result]]) -> Figure:
    """Every finding's effect with its interval, a panel a model, turned so that the claimed way is to the right."""
    every = {each.finding.name: each.finding for results in families.values() for each in results}
    names = [one.name for one in sorted(every.values(), key=lambda one: (one.source, one.name))]

    @framed(
        "findings" if not any(one.of_two_models for one in every.values()) else "findings-between-models",
        "The findings tried again",
        "Each effect with its 95% interval, in the finding's own points, drawn so that the claimed way is to the right "
        "(claims of no effect as they are; their band is what counts as none). Marks are verdicts after Holm's "
        "correction over all findings of a panel, so that an interval may leave 0 out without one.",
        count=len(families),
        columns=len(families),
        height=0.9 + 0.3 * len(names),
    )
    def drawn(*panels: Axes) -> None:
        from matplotlib.lines import Line2D

        for (title, results), axes in zip(families.items(), panels, strict=True):
            axes.axvline(0, color=GREY, linewidth=1)
            for result in results:
                row_of(axes, names.index(result.finding.name), result)
            axes.grid(axis="x")
            if len(families) > 1:
                axes.set_title(short(title, 30))
        panels[0].set_yticks(range(len(names)), [f"{name}  ({by(every[name])})" for name in names])
        panels[0].set_ylim(len(names) - 0.4, -0.6)
        drawing = panels[0].figure
        drawing.supxlabel("effect in points, the claimed way to the right; grey: as good as no effect", fontsize=8)
        keys = [
            Line2D([], [], color=colour, marker=marker, linestyle="", markerfacecolor=colour if filled else "white")
            for colour, marker, filled in LOOKS.values()
        ]
        drawing.legend(keys, list(VERDICTS.values()), loc="outside upper center", ncols=4)

    return drawn


def by(finding: Finding) -> str:
    """ "Zhao 2021"."""
    return finding.source.partition(",")[0].replace(" et al.", "")


def row_of(axes: Axes, row: int, result: Result) -> None:
    """A finding's band, interval and mark."""
    turned = -1 if result.finding.direction == "below" else 1
    ends = sorted(turned * end for end in (result.estimate.interval.low, result.estimate.interval.high))
    margin = result.finding.margin
    axes.fill_betweenx([row - 0.32, row + 0.32], -margin, margin, color=GREY, alpha=0.15, linewidth=0)
    axes.plot(ends, [row, row], color=LOOKS[result.verdict][0], linewidth=1.6, solid_capstyle="butt")
    mark(axes, turned * result.estimate.value, row, result.verdict)


def labels(count: int) -> list[str]:
    """What arms are called in a picture: a, b ..., or numbers where they are many."""
    return [chr(ord("a") + at) if count <= 4 else str(at) for at in range(count)]


def finding_figure(results: Sequence[tuple[str, Result]]) -> Figure:
    """What the arms scored on each task, a dot a seed, and the effect by task; a row a model."""
    first = results[0][1]
    finding, across = first.finding, min(len(first.tables) + 1, 5)
    rows = -(-(len(first.tables) + 1) // across)

    @framed(
        f"finding-{finding.name}",
        finding.claim,
        f"The {finding.effect.scale} of each arm, a light dot an exemplar seed, a bar their mean; last, the effect by "
        f"task and over all with 95% intervals, in {finding.unit}; the band is what counts as no effect."
        + (" A row a model." if len(results) > 1 else ""),
        count=across * rows * len(results),
        columns=across,
        height=3.0,
        apart=True,
    )
    def drawn(*panels: Axes) -> None:
        for at, (model, result) in enumerate(results):
            row = panels[at * across * rows : (at + 1) * across * rows]
            arms_of(
                row,
                result,
                f"{finding.effect.scale} in percent" if len(results) == 1 else short(f"{model}, percent", 26, 2),
            )
            for unused in row[len(result.tables) + 1 :]:
                unused.set_visible(False)

    return drawn


def arms_of(panels: Sequence[Axes], result: Result, scale: str) -> None:
    """A model's panels: one a task, and the effect."""
    names = labels(len(result.arms))
    for (task, arms), axes in zip(result.tables.items(), panels, strict=False):
        for at, arm in enumerate(arms):
            scores = [100 * score for score in result.finding.effect.drawn(arm)]
            if len(scores) > 1:
                axes.plot([at] * len(scores), scores, "o", color=BLUE, alpha=0.35, markersize=3)
            mean = sum(scores) / len(scores)
            axes.plot([at - 0.3, at + 0.3], [mean, mean], color=BLUE, linewidth=2)
        apart = -(-len(arms) // 12)  # so that names of many arms do not meet
        axes.set_xticks(range(0, len(arms), apart), names[::apart])
        axes.set(title=short(task, 20), xlim=(-0.6, len(arms) - 0.4))
        axes.set_xlabel("arm")
        axes.grid(axis="y")
    panels[0].set_ylabel(scale)
    effect(panels[len(result.tables)], result)


def effect(axes: Axes, result: Result) -> None:
    """The effect by task, and over all of them."""
    rows = [*result.estimate.by_task, ("all", result.estimate.value, result.estimate.interval)]
    axes.axvline(0, color=GREY, linewidth=1)
    axes.axvspan(-result.finding.margin, result.finding.margin, color=GREY, alpha=0.15, linewidth=0)
    for at, (_, value, interval) in enumerate(rows):
        last = at == len(rows) - 1
        axes.plot([interval.low, interval.high], [at, at], color=BLUE if last else GREY, linewidth=1.6)
        if last:
            mark(axes, value, at, result.verdict)
        else:
            axes.plot(value, at, "o", color=GREY, markersize=4)
    axes.set_yticks(range(len(rows)), [short(task, 18, 2) for task, _, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set(title=VERDICTS[result.verdict])
    axes.set_xlabel(fill(result.finding.unit, 30 if len(rows) < 5 else 18), fontsize=7)
    axes.grid(axis="x")
