"""What a hyperparameter does to the score.

Strategies (or tasks) that differ in one hyperparameter alone form a sweep. Of a number, such as k exemplars or the
steps that a problem takes, it is drawn as a curve; of a wording, an order or a seed it is a spread (`sensitivity.py`).
Meets: found from the specifications, nothing to announce. Concedes: a hyperparameter that is
left at its default is known only where the run says what the default is (`RunData.params`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kshot.eval.report.frame import framed, key_above, room_for_key
from kshot.eval.report.model import Figure, Section
from kshot.eval.report.prompting.measures import Measure
from kshot.eval.report.prompting.scale import Scale, common
from kshot.eval.report.style import line_style, look, panel_title, whiskers
from kshot.spec import split_spec, write_spec
from kshot.types import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Transform

INDIFFERENT = (
    "template",
    "label_words",
    "format_seed",
    "wording",
    "order",
    "permutation",
    "select",
    "exemplar_seed",
    "seed",
)
"""Hyperparameters that a robust strategy does not depend on."""

SAID = {
    "k": "exemplars k",
    "n": "chains n",
    "steps": "steps a problem takes",
    "max_steps": "steps allowed",
    "noise": "share of exemplars with a wrong answer",
    "temperature": "temperature",
    "max_new_tokens": "tokens allowed",
}

Params = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Sweep:
    """Measures that differ in one hyperparameter alone, by its value."""

    over: str
    panel: str  # the task, without the hyperparameter where it is the task's
    line: str  # the strategy, likewise
    points: Sequence[tuple[object, Measure]]


def sweeps_of(listed: Sequence[Measure], params: Params) -> list[Sweep]:
    """Every sweep of two or more values; `params` are all hyperparameters by the name that a measure goes by."""
    groups: dict[tuple[str, str, str], dict[str, tuple[object, Measure]]] = {}
    for measure in listed:
        for name in (measure.strategy, measure.task):
            head, found = parsed(name, params)
            for key, value in found.items():
                if (key, value) == ("max_new_tokens", -1):  # the task's own number, which is not known here
                    continue
                rest = write_spec(head, {other: item for other, item in found.items() if other != key})
                panel, line = (measure.task, rest) if name == measure.strategy else (rest, measure.strategy)
                groups.setdefault((key, panel, line), {})[str(value)] = (value, measure)
    sweeps = [
        Sweep(key, panel, line, ordered(list(points.values())))
        for (key, panel, line), points in groups.items()
        if len(points) > 1
    ]
    return [shortened(from_zero(sweep, listed, params), listed) for sweep in sweeps]


def from_zero(sweep: Sweep, listed: Sequence[Measure], params: Params) -> Sweep:
    """A sweep of few-shot's k with zero-shot, which has its very prompt without exemplars, as its 0."""
    head, given = parsed(sweep.line, {})
    if (sweep.over, head) != ("k", "few-shot") or given.get("wording", -1) != -1 or sweep.points[0][0] == 0:
        return sweep
    for measure in listed:
        name, own = parsed(measure.strategy, params)
        if (measure.task, name) == (sweep.panel, "zero-shot") and all(
            str(given.get(key, value)) == str(value) for key, value in own.items()
        ):
            return Sweep(sweep.over, sweep.panel, sweep.line, [(0, measure), *sweep.points])
    return sweep


def parsed(name: str, params: Params) -> tuple[str, dict[str, object]]:
    """A specification's name and hyperparameters, numbers as numbers."""
    try:
        head, given = split_spec(name)
    except UserError:  # a name that is no specification has none
        return name, {}
    return head, dict(params.get(name) or {key: value_of(text) for key, text in given.items()})


def value_of(text: str) -> object:
    """A number where the text is one."""
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def ordered(points: list[tuple[object, Measure]]) -> list[tuple[object, Measure]]:
    """By value: numbers by size, others as they appear."""
    if all(numeric(value) for value, _ in points):
        points.sort(key=lambda point: float(str(point[0])))
    return points


def numeric(value: object) -> bool:
    """Whether it is a number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def shortened(sweep: Sweep, listed: Sequence[Measure]) -> Sweep:
    """The sweep under the name that its members have in common, hyperparameters left out where no other needs them."""
    of_task = sweep.panel not in {measure.task for measure in listed}
    name = sweep.panel if of_task else sweep.line
    members = [
        measure.task if of_task else measure.strategy
        for value, measure in sweep.points
        if (value, sweep.over) != (0, "k") or measure.strategy.partition(":")[0] != "zero-shot"
    ]
    given = [split_spec(member)[1] for member in members]
    same = {key: value for key, value in given[0].items() if all(other.get(key) == value for other in given)}
    label = write_spec(name.partition(":")[0], dict(same))
    return Sweep(sweep.over, *((label, sweep.line) if of_task else (sweep.panel, label)), sweep.points)


def sweep_sections(listed: Sequence[Measure], params: Params) -> list[Section]:
    """A section for every number that was varied and does matter. [] where none was."""
    found = sweeps_of(listed, params)
    sections = []
    for over in dict.fromkeys(sweep.over for sweep in found):
        curves = [sweep for sweep in found if sweep.over == over and over not in INDIFFERENT]
        curves = [sweep for sweep in curves if all(numeric(value) for value, _ in sweep.points)]
        if curves:
            said = SAID.get(over, over)
            title = scale_of_sweeps(curves).title
            sections.append(Section(f"{title} against {said}", [curve_figure(over, said, curves)]))
    return sections


def scale_of_sweeps(sweeps: Sequence[Sweep]) -> Scale:
    """The scale of all measures of sweeps."""
    return common(measure.scale for sweep in sweeps for _, measure in sweep.points)


def curve_figure(over: str, said: str, sweeps: Sequence[Sweep]) -> Figure:
    """The score against a number, a panel a task, a line a strategy."""
    scale = scale_of_sweeps(sweeps)
    panels = list(dict.fromkeys(sweep.panel for sweep in sweeps))
    lines = list(dict.fromkeys(sweep.line for sweep in sweeps))

    caption = f"{scale.title} against {said}, all else equal; the bars are 95% intervals, set apart to be told apart."
    if any(value == 0 and measure.strategy.startswith("zero-shot") for one in sweeps for value, measure in one.points):
        caption += " k = 0 is zero-shot, which has the prompt of few-shot without exemplars."
    values = sorted({float(str(value)) for one in sweeps for value, _ in one.points})

    height = 3.0 + room_for_key(lines, len(panels))
    name = f"against-{over.replace('_', '-')}"

    @framed(name, f"{scale.title} against {said}", caption, count=len(panels), height=height)
    def drawn(*all_axes: Axes) -> None:
        handles: dict[str, Any] = {}
        for panel, axes in zip(panels, all_axes, strict=True):
            ticks = set()
            here = [one for one in sweeps if one.panel == panel]
            for place, sweep in enumerate(here):
                at = lines.index(sweep.line)
                colour, marker = look(at)
                x = [float(str(value)) for value, _ in sweep.points]
                y = [100 * measure.value for _, measure in sweep.points]
                ends = [(100 * measure.interval.low, 100 * measure.interval.high) for _, measure in sweep.points]
                handles[sweep.line] = axes.errorbar(
                    x, y, yerr=whiskers(y, ends), color=colour, marker=marker, markersize=5, linewidth=1.2,
                    elinewidth=1, capsize=0, clip_on=False, linestyle=line_style(at),
                    transform=aside(axes, place, len(here)),
                )  # fmt: skip
                ticks.update(x)
            axes.set(ylim=(0, 100), title=panel_title(panel, len(panels)))
            if ratios(values):
                by_ratio(axes, values)
            else:
                margin = 0.05 * (values[-1] - values[0])
                axes.set(xlim=(values[0] - margin, values[-1] + margin), xticks=spaced(sorted(ticks)))
            axes.grid(True)
            axes.label_outer()
            axes.tick_params(labelbottom=True)
        all_axes[0].figure.supylabel(scale.upright)
        all_axes[0].figure.supxlabel(said)
        key_above(all_axes[0], {name: handles[name] for name in lines if name in handles})

    return drawn


def aside(axes: Axes, place: int, count: int) -> Transform:
    """Where the line at this place of so many is drawn: a few points beside its values, so that bars do not overlap."""
    from matplotlib.transforms import ScaledTranslation

    step = min(3.0, 24 / count) / 72  # inches
    return axes.transData + ScaledTranslation((place - (count - 1) / 2) * step, 0, axes.figure.dpi_scale_trans)


def ratios(values: Sequence[float]) -> bool:
    """Whether values grow by ratios rather than by steps: 1, 2, 4, 8."""
    some = [value for value in values if value > 0]
    return len(some) > 2 and values[0] >= 0 and some[-1] >= 8 * some[0]


def by_ratio(axes: Axes, values: Sequence[float]) -> None:
    """An axis on which a doubling is as long everywhere, with 0 one step below the least value."""
    from matplotlib.ticker import FixedLocator, NullLocator

    least = min(value for value in values if value > 0)
    axes.set_xscale("symlog", base=2, linthresh=least, linscale=0.5)
    axes.set_xlim(-0.3 * least if values[0] == 0 else least / 1.25, values[-1] * 1.25)
    axes.xaxis.set_major_locator(FixedLocator(list(values)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{value:g}" for value in values])


def spaced(values: Sequence[float]) -> list[float]:
    """The values that have room for a label: those nearer than a fourteenth of the axis to the last one go.

    >>> spaced([0, 1, 2, 32])
    [0, 32]
    """
    room = (values[-1] - values[0]) / 14
    kept = [values[0]]
    for value in values[1:-1]:
        if value - kept[-1] > room and values[-1] - value > room:
            kept.append(value)
    return [*kept, values[-1]] if len(values) > 1 else kept
