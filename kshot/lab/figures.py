"""The pictures of findings: what each one's arms scored, and the whole family at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure
from kshot.eval.report.style import BLUE, GREY, VERMILLION, short
from kshot.lab.claims.effects import accuracies
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


def family_figure(results: Sequence[Result]) -> Figure:
    """Every finding's effect with its interval, turned so that the claimed way is to the right."""

    @framed(
        "findings",
        "The findings tried again",
        "Each effect with its 95% interval, in the finding's own points, drawn so that the claimed way is to the right "
        "(claims of no effect as they are; their band is what counts as none). Marks are verdicts after Holm's "
        "correction over all findings here, so that an interval may leave 0 out without one.",
        height=0.7 + 0.3 * len(results),
    )
    def drawn(axes: Axes) -> None:
        from matplotlib.lines import Line2D

        axes.axvline(0, color=GREY, linewidth=1)
        for row, result in enumerate(results):
            turned = -1 if result.finding.direction == "below" else 1
            ends = sorted(turned * end for end in (result.estimate.interval.low, result.estimate.interval.high))
            margin = result.finding.margin
            axes.fill_betweenx([row - 0.32, row + 0.32], -margin, margin, color=GREY, alpha=0.15, linewidth=0)
            axes.plot(ends, [row, row], color=LOOKS[result.verdict][0], linewidth=1.6, solid_capstyle="butt")
            mark(axes, turned * result.estimate.value, row, result.verdict)
        axes.set_yticks(range(len(results)), [result.finding.name for result in results])
        axes.set_ylim(len(results) - 0.4, -0.6)
        axes.set_xlabel("effect in points, the claimed way to the right; grey: as good as no effect")
        axes.grid(axis="x")
        keys = [
            Line2D([], [], color=colour, marker=marker, linestyle="", markerfacecolor=colour if filled else "white")
            for colour, marker, filled in LOOKS.values()
        ]
        axes.figure.legend(keys, list(VERDICTS.values()), loc="outside upper center", ncols=4)

    return drawn


def finding_figure(result: Result) -> Figure:
    """What the arms scored on each task, a dot a seed; and the effect by task."""
    finding, tasks = result.finding, list(result.tables)
    arms = finding.effect.arms

    @framed(
        f"finding-{finding.name}",
        finding.claim,
        "The score of each arm, a light dot an exemplar seed, a bar their mean; last, the effect by task and over all "
        f"with 95% intervals, in {finding.unit}; the band is what counts as no effect.",
        count=len(tasks) + 1,
        columns=min(len(tasks) + 1, 4),
        height=3.0,
        apart=True,
    )
    def drawn(*panels: Axes) -> None:
        for task, axes in zip(tasks, panels, strict=False):
            for at, arm in enumerate(result.tables[task]):
                scores = [100 * score for score in accuracies(arm)]
                if len(scores) > 1:
                    axes.plot([at] * len(scores), scores, "o", color=BLUE, alpha=0.35, markersize=3)
                mean = sum(scores) / len(scores)
                axes.plot([at - 0.3, at + 0.3], [mean, mean], color=BLUE, linewidth=2)
            few = len(arms) <= 3
            names = [chr(ord("a") + at) for at in range(len(arms))] if few else [str(at) for at in range(len(arms))]
            axes.set_xticks(range(len(arms)), names, fontsize=7 if len(arms) > 12 else None)
            axes.set(title=short(task, 22), xlim=(-0.6, len(arms) - 0.4))
            axes.set_xlabel("arm")
            axes.grid(axis="y")
        panels[0].set_ylabel("score in percent")
        effect(panels[-1], result)

    return drawn


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
    axes.set_xlabel(short(result.finding.unit, 26, 3), fontsize=7)
    axes.grid(axis="x")
