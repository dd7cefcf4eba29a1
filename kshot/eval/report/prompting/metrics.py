"""Metrics beside the task's own, where a run was scored by any: each as if it were the task's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kshot.eval.report.model import Cell, Table, Tone, columns
from kshot.eval.report.numbers import probability
from kshot.eval.report.prompting.comparisons import Comparison, against_baseline, corrected
from kshot.eval.report.prompting.measures import Measure, measure
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.tables import best_of
from kshot.types import Score


def further_names(run: RunData) -> list[str]:
    """The metrics beside tasks' own, in order of appearance."""
    return list(dict.fromkeys(name for record in run.records for name in list(record.score.values)[1:]))


def scored_by(run: RunData, name: str) -> RunData:
    """The run as one metric scores it, of the records that have it."""
    records = [
        replace(record, score=Score({name: record.score.values[name]}, record.score.answered))
        for record in run.records
        if name in list(record.score.values)[1:]
    ]
    return replace(run, records=records)


def further_measures(run: RunData, baseline: str | None = None) -> tuple[list[Measure], list[Comparison]]:
    """Every strategy on every task by every further metric, and all of them against the baseline."""
    listed: list[Measure] = []
    family: list[Comparison] = []
    for name in further_names(run):
        found = measure(scored_by(run, name))
        known = {strategy for _, strategy in found}
        listed += found.values()
        family += against_baseline(found, run.samples, baseline if baseline in known else None)
    return listed, corrected(family) if family else []


def metrics_table(listed: Sequence[Measure], family: Sequence[Comparison]) -> Table | None:
    """Every further metric with its interval, paired with the baseline; None where there is none."""
    if not listed:
        return None
    against = {(c.task, c.strategy, c.scale.metric): c for c in family}
    rows = [row(m, against.get((m.task, m.strategy, m.scale.metric))) for m in listed]
    heads = columns(
        *("task", "strategy", "metric", "value#", "95% interval#", "interval by", "best constant"),
        *("from the baseline#", "p (Holm)#"),
    )
    units = "; ".join(f"{m.scale.metric}: {m.scale.unit}" for m in {m.scale.metric: m for m in listed}.values())
    compared = f" Differences are paired, Holm over all {len(against)} of this table." if against else ""
    caption = (
        f"Beside the task's own score. {units[:1].upper()}{units[1:]}. No answer counts as the least, or as an empty "
        "text. Best constant: what the best of the targets as the answer to all samples would have; ! where the "
        f"strategy is not shown to be better.{compared}"
    )
    return Table("Other metrics", heads, rows, caption)


def row(m: Measure, comparison: Comparison | None) -> Sequence[str | Cell]:
    """A measure beside what it is compared with."""
    kind = m.scale.kind
    cells: list[str | Cell] = [
        m.task, m.strategy, m.scale.metric, kind.value(m.value), kind.range(m.interval.low, m.interval.high),
        m.method, best_of(m),
    ]  # fmt: skip
    if comparison is None:
        return [*cells, "–", "–"]
    shown = kind.difference(comparison.result.difference)
    tone: Tone = "quiet" if not comparison.real else "good" if comparison.lead > 0 else "bad"
    return [*cells, shown, Cell(probability(comparison.adjusted), tone)]
