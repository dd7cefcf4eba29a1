"""The area under the ROC curve, for tasks whose targets are labels and strategies that give each label a probability.

Concedes: only where every attempt gives every target a probability; where some do not, how many is said instead. A
sample's own choices are no labels: what is A of one is not A of another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kshot.eval.report.model import Table, columns
from kshot.eval.report.numbers import percent
from kshot.eval.report.prompting.constant import quoted
from kshot.eval.report.prompting.measures import Key, Measure
from kshot.eval.roc import Area, area
from kshot.types import Sample

MOST_LABELS = 20


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a strategy's probabilities of a task's labels come to."""

    measure: Measure
    labels: Sequence[str]
    area: Area | None  # None where an attempt lacks a label's probability
    lacking: int = 0  # such attempts


def rankings(listed: Sequence[Measure], samples: Mapping[tuple[str, str], Sample]) -> list[Ranking]:
    """Every strategy that gives labels probabilities, on tasks whose targets are labels."""
    found = []
    for m in listed:
        asked = {key: samples.get((m.task, key)) for key in m.scores}
        known = {key: sample for key, sample in asked.items() if sample is not None}
        targets = {key: sample.target for key, sample in known.items()}
        labels = sorted(set(targets.values()))
        stated = [record for record in m.records if record.prediction.probabilities]
        labelled = len(known) == len(asked) and not any(sample.choices for sample in known.values())
        if not stated or not labelled or not 2 <= len(labels) <= min(MOST_LABELS, len(known) // 2):
            continue
        lacking = sum(any(name not in r.prediction.probabilities for name in labels) for r in m.records)
        if lacking:
            found.append(Ranking(m, labels, None, lacking))
            continue
        given: dict[str, list[Mapping[str, float]]] = {}
        for record in m.records:
            given.setdefault(record.sample_id, []).append(record.prediction.probabilities)
        found.append(Ranking(m, labels, area([given[key] for key in m.scores], [targets[key] for key in m.scores])))
    return found


def areas_of(ranked: Sequence[Ranking]) -> dict[Key, Area]:
    """The areas that there are, by task and strategy."""
    return {(one.measure.task, one.measure.strategy): one.area for one in ranked if one.area is not None}


def area_table(ranked: Sequence[Ranking]) -> Table | None:
    """The area under the ROC curve of every strategy that gives probabilities; None where none does."""
    rows = []
    for one in ranked:
        m, labels = one.measure, one.labels
        what = f"of {quoted(labels[1])}" if len(labels) == 2 else f"mean of {len(labels)} labels, each against the rest"
        if one.area is None:
            missing = f"missing in {one.lacking:,} of {len(m.records):,} attempts"
            rows.append([m.task, m.strategy, what, f"{m.n:,}", "–", missing, "–"])
            continue
        ends = f"{one.area.interval.low:.3f}–{one.area.interval.high:.3f}"
        rows.append([m.task, m.strategy, what, f"{m.n:,}", f"{one.area.value:.3f}", ends, percent(one.area.tied)])
    if not rows:
        return None
    heads = columns("task", "strategy", "probability", "samples#", "AUC#", "95% interval#", "tied pairs#")
    caption = (
        "How often the probability of a label is higher on a sample that has it than on one that has not (area under "
        "the ROC curve, ties one half); 0.5 is chance, 1 best, and no constant answer does better than chance. Of more "
        "than two labels the mean over labels, each against the rest (macro). Percentile bootstrap over samples."
    )
    return Table("Area under the ROC curve", heads, rows, caption)
