"""Groups of tasks: each strategy's macro average over a group's tasks, and its paired difference from the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kshot.eval.macro import macro
from kshot.eval.report.model import Cell, Table, columns
from kshot.eval.report.numbers import percent, percent_range, points
from kshot.eval.report.prompting.comparisons import Comparison
from kshot.eval.report.prompting.measures import Key, Measure
from kshot.eval.report.prompting.scale import ACCURACY
from kshot.eval.report.prompting.words import TIE
from kshot.eval.statistics import Interval

FEW = 4  # tasks of a group that are still told one by one
NONE = Interval(0.0, 0.0)
CAPTION = (
    "Macro mean: over tasks, each counting alike however many samples it has; micro mean: over all samples. Intervals "
    "of macro means, and of mean paired differences from the baseline, put the tasks' own together as independent "
    "errors (Zou and Donner 2008). ! where tasks of the group are not there yet, or not with the baseline: what is "
    "shown is then over the others; and where other strategies were asked more samples of the same tasks."
)


def groups_of(info: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """The groups that a run was asked for, each with its tasks; {} where its settings name none, or are damaged."""
    found = info.get("groups")
    listed = found.items() if isinstance(found, Mapping) else ()
    return {str(name): tuple(map(str, tasks)) for name, tasks in listed if isinstance(tasks, list | tuple)}


def in_group(task: str, groups: Mapping[str, Sequence[str]], means: Sequence[Average]) -> bool:
    """Whether a task is part of a group of several, whose sentence stands for it."""
    told = {one.group for one in means}
    return any(task in tasks and len(tasks) > FEW and name in told for name, tasks in groups.items())


@dataclass(frozen=True, slots=True)
class Average:
    """A strategy on a group: its means over tasks and over samples, and how far it is from the baseline."""

    group: str
    strategy: str
    tasks: int  # that there are, of so many
    of: int
    samples: int
    metrics: tuple[str, ...]
    mean: float
    interval: Interval
    micro: float | None  # None of values that are no mean over samples
    paired: int = 0  # tasks on which it is compared
    difference: float = 0.0  # the mean of paired differences
    span: Interval = NONE
    least: float = 0.0  # that the mean can be: of correlations less than 0

    @property
    def shown(self) -> str:
        """The mean with its interval."""
        return f"{percent(self.mean)} ({self.range}%)"

    @property
    def range(self) -> str:
        """The interval, within what such a mean can be."""
        return percent_range(max(self.least, self.interval.low), min(1.0, self.interval.high))

    @property
    def gap(self) -> str:
        """The difference with its interval."""
        return f"{points(self.difference)} points (95% interval {points(self.span.low)} to {points(self.span.high)})"


def averages(
    found: Mapping[Key, Measure], family: Sequence[Comparison], groups: Mapping[str, Sequence[str]]
) -> list[Average]:
    """Every group with every strategy that was asked any of its tasks; none whose scores have no mean in common."""
    listed = []
    for name, tasks in groups.items():
        for strategy in dict.fromkeys(strategy for task, strategy in found if task in tasks):
            here = [found[task, strategy] for task in tasks if (task, strategy) in found]
            if not all(measure.scale.kind.better == "higher" and measure.scale.kind.high == 1.0 for measure in here):
                continue  # no mean is meant of perplexities and shares
            pairs = [c for c in family if c.strategy == strategy and c.task in tasks]
            samples = sum(measure.n for measure in here)
            plain = all(measure.scale.kind.plain for measure in here)
            micro = sum(sum(measure.scores.values()) for measure in here) / samples if plain else None
            mean, interval = macro([(measure.value, measure.interval) for measure in here])
            metrics = tuple(dict.fromkeys(measure.scale.metric for measure in here))
            least = sum(measure.scale.kind.low for measure in here) / len(here)
            one = Average(name, strategy, len(here), len(tasks), samples, metrics, mean, interval, micro, least=least)
            if pairs:
                difference, span = macro([(pair.result.difference, pair.result.interval) for pair in pairs])
                one = replace(one, paired=len(pairs), difference=difference, span=span)
            listed.append(one)
    return listed


def group_sentences(listed: Sequence[Average], against: str) -> list[str]:
    """A sentence a group: which strategy has the highest macro mean, and how far it is from the baseline."""
    said = []
    for name in dict.fromkeys(one.group for one in listed):
        here = [one for one in listed if one.group == name]
        most = max(one.tasks for one in here)
        whole_ones = [one for one in here if one.tasks == most]  # a mean of fewer tasks is another
        best = max(whole_ones, key=lambda one: one.mean)
        alike = sum(abs(one.mean - best.mean) < TIE for one in whole_ones)
        gap = f", {best.gap} from {against}" if best.paired == best.tasks else ""
        whole = f"{best.of} tasks" if best.tasks == best.of else f"{best.tasks} of its {best.of} tasks so far"
        if alike > 1:
            said.append(
                f"{name}, {whole}: {alike} of {len(here)} strategies share the highest macro mean, {best.shown}."
            )
        else:
            said.append(f"{name}, {whole}: {best.strategy} has the highest macro mean, {best.shown}{gap}.")
    return said


def groups_table(listed: Sequence[Average], against: str) -> Table | None:
    """A row a group and strategy; None where no group was asked for. `against` is the baseline, "" without any."""
    if not listed:
        return None
    heads = columns(
        *("group", "strategy", "tasks#", "samples#", "macro mean#", "95% interval#", "micro mean#"),
        *("difference#", "95% interval#") if against else (),
    )
    rows: list[list[str | Cell]] = []
    for one in listed:
        whole: str | Cell = f"{one.tasks}" if one.tasks == one.of else Cell(f"{one.tasks} of {one.of} !", "bad")
        gap: str | Cell = points(one.difference) if one.paired else "–"
        if 0 < one.paired < one.tasks:
            gap = Cell(f"{gap} ! {one.paired} tasks", "bad")
        span = f"{points(one.span.low)} to {points(one.span.high)}" if one.paired else "–"
        most = max(each.samples for each in listed if (each.group, each.tasks) == (one.group, one.tasks))
        asked: str | Cell = f"{one.samples:,}" if one.samples == most else Cell(f"{one.samples:,} !", "bad")
        row = [one.group, one.strategy, whole, asked, percent(one.mean), one.range, percent(one.micro)]
        rows.append([*row, gap, span][: len(heads)])
    others = list(dict.fromkeys(metric for one in listed for metric in one.metrics))
    scored = "" if others == [ACCURACY] else f" Scored by {', '.join(others)}."
    caption = f"{CAPTION}{scored} Differences are against {against}, in points of 100." if against else CAPTION + scored
    return Table("Groups", heads, rows, caption)
