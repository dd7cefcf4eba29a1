"""What is taken for what: targets against answers, for tasks whose targets are few and come again.

Concedes: an answer that is no target of the task stands as "other", and none as "no answer"; at most `MOST` targets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure
from kshot.eval.report.prompting.measures import Measure
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.style import INK, panel_title, short, tiles
from kshot.types import Sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 12
PANELS = 8
OTHER, NONE = "other", "no answer"


def confusion_figures(run: RunData, listed: Sequence[Measure]) -> list[Figure]:
    """A figure for every task of classification, a panel a strategy."""
    found = []
    for task in dict.fromkeys(measure.task for measure in listed):
        samples = {key: sample for (name, key), sample in run.samples.items() if name == task}
        labels = list(dict.fromkeys(sorted(sample.target for sample in samples.values())))
        members = [measure for measure in listed if measure.task == task][:PANELS]
        # a sample's choices are its own: its letters are no classes
        if (
            2 <= len(labels) <= MOST
            and len(samples) >= 3 * len(labels)
            and not any(s.choices for s in samples.values())
        ):
            found.append(confusion_figure(task, labels, members, samples))
    return found


def table_of(measure: Measure, labels: Sequence[str], samples: dict[str, Sample]) -> tuple[list[str], list[list[int]]]:
    """(columns, counts): a row a target, a column an answer."""
    counts: Counter[tuple[str, str]] = Counter()
    for record in measure.records:
        answer = record.prediction.answer
        said = NONE if answer is None else answer if answer in labels else OTHER
        counts[samples[record.sample_id].target, said] += 1
    columns = [*labels, *(extra for extra in (OTHER, NONE) if any(said == extra for _, said in counts))]
    return columns, [[counts[target, said] for said in columns] for target in labels]


def confusion_figure(
    task: str, labels: Sequence[str], members: Sequence[Measure], samples: dict[str, Sample]
) -> Figure:
    """Counts in every cell, shaded by their share of the row."""
    across = min(4, len(members))
    height = min(5.0, 1.5 + max(1.4, 0.28 * len(labels)) * (4 / across if across < 3 else 1))
    caption = "Attempts by target and answer; the shade is the share of a target's attempts."

    @framed(f"confusion-{task}", f"Targets against answers on {task}", caption, count=len(members), height=height)
    def drawn(*panels: Axes) -> None:
        for place, (measure, axes) in enumerate(zip(members, panels, strict=True)):
            columns, table = table_of(measure, labels, samples)
            shares = [[count / max(1, sum(row)) for count in row] for row in table]
            tiles(axes, shares, cmap="Blues", vmin=0, vmax=1)
            for y, row in enumerate(table):
                for x, count in enumerate(row):
                    ink = "white" if shares[y][x] > 0.55 else INK
                    if count:
                        axes.text(x, y, f"{count:,}", ha="center", va="center", fontsize=7.5, color=ink)
            axes.set_title(panel_title(measure.strategy, across))
            axes.set_xticks(range(len(columns)), [short(name, 14, 1) for name in columns])
            if len(columns) > 3 or max(map(len, columns)) > 6:
                axes.tick_params(axis="x", rotation=90)
            axes.set_yticks(range(len(labels)), [short(name, 14, 1) for name in labels])
            axes.tick_params(length=0, labelleft=place % across == 0)
        panels[0].figure.supxlabel("answer")
        panels[0].figure.supylabel("target")

    return drawn
