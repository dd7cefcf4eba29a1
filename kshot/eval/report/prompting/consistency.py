"""Accuracy of self-consistency against the number of chains, from the draws that were made anyway.

Concedes: a chain counts as right where its answer equals the target, or the voted answer where that scored.
"""

from __future__ import annotations

from collections.abc import Sequence

from kshot.eval import statistics
from kshot.eval.report.model import Column, Table
from kshot.eval.report.numbers import percent
from kshot.eval.report.prompting.figures import Curve
from kshot.eval.report.prompting.run_data import RunData
from kshot.types import Record

LADDER = (1, 2, 3, 5, 8, 10, 15, 20, 30, 40, 60, 80, 100)


def curves_of(run: RunData) -> list[Curve]:
    """One curve for every task and strategy whose records keep the answers of at least two chains each."""
    grouped: dict[tuple[str, str], list[Record]] = {}
    for record in run.records:
        if len(record.prediction.answers) > 1:
            grouped.setdefault((record.task, record.strategy), []).append(record)
    curves = []
    for (task, strategy), records in grouped.items():
        answers = [record.prediction.answers for record in records]
        most = min(map(len, answers))
        ns = [n for n in LADDER if n < most] + [most]
        if len(ns) > 2 and most / ns[-2] < 1.3:
            del ns[-2]  # too near to the end to be told apart from it
        table = statistics.majority_expectations(answers, [target_of(run, record) for record in records], ns)
        intervals = [statistics.mean_interval(column.tolist()) for column in table.T]
        curves.append(Curve(task, strategy, ns, [float(value) for value in table.mean(axis=0)], intervals))
    return curves


def target_of(run: RunData, record: Record) -> str:
    """The answer that a chain has to reach: as the vote wrote it, where the vote was right."""
    if record.prediction.answer is not None and record.score.value == 1:
        return record.prediction.answer
    sample = run.samples.get((record.task, record.sample_id))
    return sample.target if sample else ""


def curve_table(curves: Sequence[Curve]) -> Table:
    """The curves in numbers."""
    ns = sorted({n for curve in curves for n in curve.ns})
    rows = []
    for curve in curves:
        values = dict(zip(curve.ns, curve.accuracy, strict=True))
        rows.append([curve.task, curve.strategy, *(percent(values.get(n)) for n in ns)])
    columns = [Column("task"), Column("strategy"), *(Column(f"n = {n}", numeric=True) for n in ns)]
    return Table(
        "Accuracy of the majority of n",
        columns,
        rows,
        "Expected over subsets of the chains; ties split evenly, no answer never votes.",
    )
