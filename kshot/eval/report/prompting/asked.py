"""Tasks in their own form against the same tasks asked as a question (`qa:task=X`), sample by sample.

Meets: samples are paired by id, and only where target and choices are the same; clusters stay whole; p is corrected by
Holm over the table. The mean over tasks is called kshot-deca, as it is over other tasks than decaNLP's and by other
metrics (McCann et al. 2018, arXiv 1806.08730): it is no decaScore. Concedes: its interval takes these very tasks for
granted, and says nothing of other ones.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kshot.eval.report.frame import framed, key_above
from kshot.eval.report.model import Cell, Figure, Section, Table, Tone, columns
from kshot.eval.report.numbers import percent, points, probability
from kshot.eval.report.prompting.comparisons import Comparison, corrected, pair, tests_of
from kshot.eval.report.prompting.figures import label_rows, percent_axis, row_height
from kshot.eval.report.prompting.measures import Key, Measure
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.scale import common
from kshot.eval.report.style import BLUE, GREY, VERMILLION, panel_title
from kshot.eval.statistics import Interval
from kshot.spec import opened, split_spec, write_spec
from kshot.types import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Asked as a question"
ASKS = "qa"  # the task that asks another as a question
MEAN = "kshot-deca"
DRAWN = {"better": (BLUE, "^"), "worse": (VERMILLION, "v"), "no difference shown": (GREY, "o")}

IN_TURNS = (
    "This model was asked in turns of a conversation in the tasks' own form and in plain text as a question, where a "
    "strategy does not say its template: part of a difference may be that. template=own asks questions in turns, too, "
    "and --template plain asks all in plain text."
)
WIDE_ONLY = ("metric", "samples", "no answer, own : question", "higher : lower")
TONES: Mapping[str, Tone] = {"better": "good", "worse": "bad", "no difference shown": "quiet"}


@dataclass(frozen=True, slots=True)
class AskedPair:
    """A strategy on a task in both forms, on the same samples."""

    task: str  # the task in its own form, and how else it is asked where that is said ("sst2, wording=1")
    variant: str  # how it is asked, without the task
    native: Measure
    asked: Measure
    comparison: Comparison  # the question against the task's own form

    @property
    def strategy(self) -> str:
        return self.native.strategy

    @property
    def scores(self) -> tuple[float, float]:
        """(in its own form, as a question): mean scores on the samples of both."""
        return self.native.value, self.asked.value


@dataclass(frozen=True, slots=True)
class AskedMean:
    """A strategy's mean over tasks, each of the same weight."""

    strategy: str
    variant: str
    tasks: int
    scores: tuple[float, float]
    interval: Interval  # 95%, of the difference, tasks fixed and samples drawn

    @property
    def row(self) -> str:
        """What it is called in a picture of several strategies."""
        return f"{MEAN}, {self.variant}" if self.variant else f"{MEAN}: mean"

    @property
    def name(self) -> str:
        beside = f", {self.variant}" if self.variant else ""
        return f"{MEAN}: mean over {self.tasks} tasks{beside}"

    @property
    def difference(self) -> float:
        """As a question minus in its own form."""
        return self.scores[1] - self.scores[0]


def asked_task(name: str) -> tuple[str, str] | None:
    """(the task within, how it is asked) of a task that asks another as a question; None for any other.

    >>> asked_task("qa:task=bbh(name=snarks),wording=1")
    ('bbh:name=snarks', 'wording=1')
    """
    try:
        kind, given = split_spec(name)
        inner = opened(given.pop("task")) if kind == ASKS and "task" in given else None
    except UserError:  # a name that is no specification
        return None
    return None if inner is None else (inner, write_spec("", given).removeprefix(":"))


def pairs_of(found: Mapping[Key, Measure], run: RunData) -> list[AskedPair]:
    """Every strategy on every task that a run has in both forms, corrected over all of them.

    Of scores that are shares of a full one: the value of a whole corpus is no mean over samples.
    """
    listed: list[AskedPair] = []
    for (task, strategy), measure in found.items():
        inner = asked_task(task)
        native = found.get((inner[0], strategy)) if inner else None
        if inner is None or native is None or not native.scale.kind.plain:
            continue
        same = [
            key
            for key in measure.scores
            if key in native.scores and alike(run, (native.task, key), (measure.task, key))
        ]
        if not same:
            continue
        ours, theirs = restricted(measure, same), restricted(native, same)
        compared = pair(ours, theirs, run.samples, native.task)
        assert compared is not None
        label = f"{inner[0]}, {inner[1]}" if inner[1] else inner[0]
        listed.append(AskedPair(label, inner[1], theirs, ours, compared))
    family = corrected([one.comparison for one in listed])
    return [replace(one, comparison=compared) for one, compared in zip(listed, family, strict=True)]


def restricted(measure: Measure, same: Sequence[str]) -> Measure:
    """A measure with these samples alone."""
    kept = set(same)
    records = [record for record in measure.records if record.sample_id in kept]
    scores = {key: measure.scores[key] for key in same}
    return replace(measure, records=records, scores=scores, value=statistics.fmean(scores.values()))


def alike(run: RunData, one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two samples have the same target and choices; ones that are not known count as alike."""
    a, b = run.samples.get(one), run.samples.get(other)
    return a is None or b is None or (a.target, a.choices) == (b.target, b.choices)


def means_of(listed: Sequence[AskedPair]) -> list[AskedMean]:
    """Each strategy's mean over the tasks that it has in both forms, where there are several.

    The interval of the mean difference is put together from those of the tasks, which need not be symmetric (Zou and
    Donner 2008, doi 10.1002/sim.3095, equations 3 and 4).
    """
    groups: dict[tuple[str, str], list[AskedPair]] = {}
    for one in listed:
        groups.setdefault((one.strategy, one.variant), []).append(one)
    means = []
    for (strategy, variant), those in groups.items():
        if len(those) < 2:
            continue
        native, asked = (statistics.fmean(one.scores[at] for one in those) for at in (0, 1))
        results = [one.comparison.result for one in those]
        below = math.hypot(*(each.difference - each.interval.low for each in results)) / len(those)
        above = math.hypot(*(each.interval.high - each.difference for each in results)) / len(those)
        interval = Interval(asked - native - below, asked - native + above)
        means.append(AskedMean(strategy, variant, len(those), (native, asked), interval))
    return means


def asked_section(listed: Sequence[AskedPair], run: RunData) -> list[Section]:
    """The section; [] where no task was run in both forms."""
    if not listed:
        return []
    means = means_of(listed)
    notes = [IN_TURNS] if run.info.get("chat") is True else []
    return [Section(TITLE, [*notes, asked_figure(listed, means), asked_table(listed, means)])]


def asked_sentence(listed: Sequence[AskedPair]) -> str:
    """What asking as a question does, in a sentence; "" where no task was run in both forms."""
    if not listed:
        return ""
    words = [one.comparison.word for one in listed]
    better, worse = words.count("better"), words.count("worse")
    counted = (
        f"of {len(listed)} pair{'s' * (len(listed) > 1)} of forms {better} {'is' if better == 1 else 'are'} better "
        f"as a question and {worse} worse ({tests_of(one.comparison for one in listed)}, Holm over them)"
    )
    told = [
        f"{mean.strategy} {percent(mean.scores[1])} instead of {percent(mean.scores[0])} over {mean.tasks} tasks "
        f"({points(mean.difference)} points, 95% interval {points(mean.interval.low)} to {points(mean.interval.high)})"
        for mean in means_of(listed)
    ]
    mean = f"; {MEAN}, the mean score: {'; '.join(told)}" if told else ""
    return f"Asked as a question instead of in the task's own form, {counted}{mean}."


def asked_table(listed: Sequence[AskedPair], means: Sequence[AskedMean]) -> Table:
    """Both forms in numbers, a strategy's tasks together and their mean below."""
    rows: list[list[str | Cell]] = []
    for strategy in strategies_of(listed):
        for one in (one for one in listed if one.strategy == strategy):
            result, c = one.comparison.result, one.comparison
            ends = f"{points(result.interval.low)} to {points(result.interval.high)}"
            rows.append([
                strategy, one.task, one.native.scale.metric, f"{result.n:,}", *map(percent, one.scores), no_answer(one),
                points(result.difference), ends, f"{result.only_a} : {result.only_b}",
                Cell(probability(c.adjusted), "plain" if c.real else "quiet"), Cell(c.word, TONES[c.word]),
            ])  # fmt: skip
        for mean in (mean for mean in means if mean.strategy == strategy):
            ends = f"{points(mean.interval.low)} to {points(mean.interval.high)}"
            scores = [*map(percent, mean.scores), points(mean.difference)]
            rows.append([strategy, mean.name, "mean score", "", *scores[:2], "", scores[2], ends, "", "", ""])
    heads = columns(
        *("strategy", "task", "metric", "samples#", "own form#", "as a question#", "no answer, own : question#"),
        *("difference#", "95% interval#", "higher : lower#", "p (Holm)#", "as a question it is"),
    )
    heads = [replace(head, wide_only=head.title in WIDE_ONLY) for head in heads]
    caption = (
        "Mean scores in percent of the full score, paired on the same samples; no answer counts as 0, and how often "
        "none could be read stands beside. Differences in points. p: "
        f"{tests_of(one.comparison for one in listed)}, Holm over the table. {MEAN} weighs tasks alike; its interval "
        "is for these very tasks, put together from theirs (Zou and Donner 2008). It is no decaScore: tasks and "
        "metrics are others."
    )
    return Table(TITLE, heads, rows, caption)


def no_answer(one: AskedPair) -> str:
    """The share of attempts without an answer in both forms: "41.0% : 3.1%"."""
    return " : ".join(percent(m.unparsed + m.truncated) for m in (one.native, one.asked))


def strategies_of(listed: Sequence[AskedPair]) -> list[str]:
    """In order of appearance."""
    return list(dict.fromkeys(one.strategy for one in listed))


def asked_figure(listed: Sequence[AskedPair], means: Sequence[AskedMean]) -> Figure:
    """Both forms' scores joined by a line, a row a task and a panel a strategy."""
    strategies = strategies_of(listed)
    rows = list(dict.fromkeys([*(one.task for one in listed), *(mean.row for mean in means)]))
    scale = common(m.scale for one in listed for m in (one.native, one.asked))
    caption = (
        "Hollow: the task in its own form; filled: the same samples asked as a question. Upward triangles are shown to "
        "be better as a question, downward ones worse (Holm over all); the last rows are means over a strategy's tasks."
    )

    @framed("asked", TITLE, caption, count=len(strategies), height=1.1 * row_height(rows), columns=4, row_labels=True)
    def drawn(*panels: Axes) -> None:
        for strategy, axes in zip(strategies, panels, strict=True):
            label_rows(axes, rows)
            percent_axis(axes)
            axes.set(title=panel_title(strategy, len(strategies)))
            for one in (one for one in listed if one.strategy == strategy):
                dumbbell(axes, rows.index(one.task), one.scores, one.comparison.word)
            for mean in (mean for mean in means if mean.strategy == strategy):
                dumbbell(axes, rows.index(mean.row), mean.scores, "no difference shown")
        panels[0].figure.supxlabel(scale.axis)
        key_above(panels[0], key(), columns=4)

    return drawn


def dumbbell(axes: Axes, row: int, scores: tuple[float, float], word: str) -> None:
    """A row: hollow the task's own form, filled as a question."""
    colour, marker = DRAWN[word]
    native, asked = (100 * score for score in scores)
    axes.plot([native, asked], [row, row], color=colour, linewidth=1.8, solid_capstyle="butt", zorder=2)
    axes.plot(native, row, "o", color=GREY, markersize=7.5, markerfacecolor="white", clip_on=False, zorder=3)
    axes.plot(asked, row, marker, color=colour, markersize=5, clip_on=False, zorder=4)


def key() -> dict[str, object]:
    """The key's marks by what they say."""
    from matplotlib.lines import Line2D

    own = Line2D([], [], color=GREY, marker="o", markersize=7.5, markerfacecolor="white", linewidth=0)
    asked = {
        f"as a question: {word}": Line2D([], [], color=colour, marker=marker, markersize=5.5, linewidth=0)
        for word, (colour, marker) in DRAWN.items()
    }
    return {"the task's own form": own, **asked}
