"""How far accuracy hangs on the words: the spread over several wordings of one instruction."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from kshot.eval.report.measures import Measure, percent
from kshot.eval.report.model import Column, Table
from kshot.registry import split_spec, write_spec
from kshot.types import UserError


def wording_table(listed: Sequence[Measure]) -> Table | None:
    """Every strategy that ran with several wordings on a task; None where none did."""
    groups: dict[tuple[str, str], dict[int, float]] = {}
    for measure in listed:
        family, wording = without_wording(measure.strategy)
        groups.setdefault((measure.task, family), {})[wording] = measure.accuracy
    rows = []
    for (task, family), found in groups.items():
        if len(found) < 2:
            continue
        worst, best = min(found, key=lambda i: found[i]), max(found, key=lambda i: found[i])
        rows.append([
            task, family, str(len(found)), percent(statistics.fmean(found.values())),
            f"{percent(found[worst])} (wording {worst})",
            f"{percent(found[best])} (wording {best})", f"{100 * (found[best] - found[worst]):.1f}",
            f"{100 * statistics.stdev(found.values()):.1f}",
        ])  # fmt: skip
    if not rows:
        return None
    columns = [Column("task"), Column("strategy"), *(Column(title, numeric=True) for title in (
        "wordings", "mean accuracy", "lowest", "highest", "range (points)", "st. dev. (points)"))]  # fmt: skip
    return Table(
        "Spread over wordings", columns, rows, "The same samples asked in other words; part of the spread is chance."
    )


def without_wording(strategy: str) -> tuple[str, int]:
    """A strategy's specification without its wording, and which wording that was.

    >>> without_wording("instruction:wording=2,k=1")
    ('instruction:k=1', 2)
    """
    try:
        name, given = split_spec(strategy)
    except UserError:
        return strategy, 0  # a name that is no specification has no wording
    text = given.pop("wording", "0")
    return write_spec(name, dict(given)), int(text) if text.lstrip("-").isdigit() else 0
