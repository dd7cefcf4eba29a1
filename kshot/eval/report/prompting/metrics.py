"""Metrics beside the task's own, where a run was scored by any."""

from __future__ import annotations

from collections.abc import Sequence

from kshot.eval.report.model import Table, columns
from kshot.eval.report.numbers import percent, percent_range
from kshot.eval.report.prompting.measures import Measure
from kshot.eval.statistics import named_interval


def metrics_table(listed: Sequence[Measure]) -> Table | None:
    """Every further metric's mean with its interval; None where records have their task's own score alone."""
    rows = []
    for measure in listed:
        names = list(dict.fromkeys(name for record in measure.records for name in record.score.values))
        for name in names[1:]:
            values = [record.score.values.get(name, 0.0) for record in measure.records]
            ids = [record.sample_id for record in measure.records]
            interval, method = named_interval(values, clusters=ids if len(set(ids)) < len(ids) else None)
            shown = (percent(sum(values) / len(values)), percent_range(interval.low, interval.high), method)
            rows.append([measure.task, measure.strategy, name, *shown])
    if not rows:
        return None
    heads = columns("task", "strategy", "metric", "mean#", "95% interval#", "interval by")
    caption = (
        "Beside the task's own score, in percent of the full score, higher is better; no answer counts as 0. "
        "Intervals take a sample's repeats together."
    )
    return Table("Other metrics", heads, rows, caption)
