"""The figures of a search's report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kshot.eval.report.frame import framed, key_above, room_for_key
from kshot.eval.report.model import Figure
from kshot.eval.report.searching.outcomes import BEST_HUMAN
from kshot.eval.report.searching.tested import Tested, mean_of
from kshot.eval.report.searching.verdicts import SearchVerdict
from kshot.eval.report.style import BLUE, GREY, VERMILLION, line_style, look, panel_title, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def names_of(tested: Tested) -> list[str]:
    """The methods in order."""
    return list(dict.fromkeys(method.name for method in tested.methods))


def best_so_far(tested: Tested) -> Figure:
    """The best on validation against what was spent, and the winner's test score at its end."""
    tasks, names = tested.tasks, names_of(tested)
    caption = (
        "Lines: the validation score of the best candidate so far, a line a seed, over scorings spent. Marks at the "
        "right: what that winner scores on the test, which no search has seen. What lies between is luck."
    )

    @framed("best-so-far", "Best so far, and what it was worth", caption, count=len(tasks),
            height=2.9 + room_for_key(names, len(tasks)), columns=2)  # fmt: skip
    def drawn(*panels: Axes) -> None:
        lines: dict[str, Any] = {}
        for task, axes in zip(tasks, panels, strict=True):
            for method in (one for one in tested.methods if one.task == task):
                colour, marker = look(names.index(method.name))
                style = line_style(names.index(method.name))
                for outcome, scores in zip(method.outcomes, method.tests, strict=True):
                    path = outcome.trajectory
                    steps = axes.step(
                        [x for x, _ in path], [100 * y for _, y in path], where="post",
                        color=colour, linewidth=1.1, linestyle=style, alpha=0.8,
                    )  # fmt: skip
                    at = 1.05 * outcome.budget
                    axes.plot(at, 100 * mean_of(scores), marker, color=colour, markersize=5, clip_on=False)
                    lines.setdefault(method.name, steps[0])
            axes.set(title=panel_title(task, len(tasks)))
            axes.grid(axis="y")
        panels[0].figure.supxlabel("scorings spent; marks: the winner on the test")
        panels[0].figure.supylabel("score (%)")
        key_above(panels[0], lines)

    return drawn


def validation_and_test(tested: Tested) -> Figure:
    """Validation against test, a point a prompt that was tested."""
    tasks, names = tested.tasks, names_of(tested)
    caption = (
        "A point a prompt: the score that it was chosen by (or, filled less, that of a runner-up) and the score on the "
        "test. On the line both are the same; below it validation promised more than the prompt held."
    )

    @framed("validation-test", "Validation against test", caption, count=len(tasks),
            height=2.9 + room_for_key(names, len(tasks)), columns=3, apart=True)  # fmt: skip
    def drawn(*panels: Axes) -> None:
        points: dict[str, Any] = {}
        for task, axes in zip(tasks, panels, strict=True):
            seen = []
            for method in (one for one in tested.methods if one.task == task):
                colour, marker = look(names.index(method.name))
                for outcome in method.outcomes:
                    scores = {one.spec: one.score for one in outcome.tried}
                    for place, spec in enumerate(outcome.tested):
                        test = tested.scores.get((task, spec))
                        if not test:
                            continue
                        x, y = 100 * scores[spec], 100 * mean_of(test)
                        face = colour if place == 0 else "none"
                        found = axes.plot(x, y, marker, color=colour, markersize=5.5 if place == 0 else 4,
                                          markerfacecolor=face, alpha=0.85, linestyle="none")  # fmt: skip
                        seen += [x, y]
                        if place == 0:
                            points.setdefault(method.name, found[0])
            low, high = max(0.0, min(seen) - 4), min(100.0, max(seen) + 4)
            axes.plot([low, high], [low, high], color=GREY, linewidth=1)
            axes.set(xlim=(low, high), ylim=(low, high), title=panel_title(task, len(tasks)), aspect="equal")
        panels[0].figure.supxlabel("validation score (%)")
        panels[0].figure.supylabel("test score (%)")
        key_above(panels[0], points)

    return drawn


def forest(verdicts: Sequence[SearchVerdict], against: str = BEST_HUMAN) -> Figure:
    """Test differences from a baseline with their intervals."""
    tasks = list(dict.fromkeys(one.task for one in verdicts))
    names = list(dict.fromkeys(one.method for one in verdicts))
    caption = (
        f"Test scores less those of {against}, means over seeds with 95% intervals over samples; filled where Holm's "
        "correction leaves it decided. Small ticks: single seeds."
    )

    @framed("over-best-human", f"Differences from {against}", caption, count=len(tasks),
            height=0.9 + 0.32 * len(names), row_labels=True)  # fmt: skip
    def drawn(*panels: Axes) -> None:
        for task, axes in zip(tasks, panels, strict=True):
            axes.axvline(0, color=GREY, linewidth=1)
            for one in (each for each in verdicts if each.task == task):
                row = names.index(one.method)
                colour = (BLUE if one.difference > 0 else VERMILLION) if one.decided else GREY
                axes.plot([100 * one.interval.low, 100 * one.interval.high], [row, row], color=colour, linewidth=1.6)
                axes.plot([100 * each for each in one.per_seed], [row] * len(one.per_seed), "|", color=colour)
                axes.plot(
                    100 * one.difference, row, "o", color=colour, markersize=5.5,
                    markerfacecolor=colour if one.decided else "white", zorder=3,
                )  # fmt: skip
            axes.set(title=panel_title(task, len(tasks)), ylim=(len(names) - 0.5, -0.5))
            axes.set_yticks(range(len(names)), [short(name, 24, 1) for name in names])
        panels[0].figure.supxlabel(f"difference from {against} on the test (points)")

    return drawn
