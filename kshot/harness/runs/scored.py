"""By which metrics beside its tasks' own a run is scored: one that was ever asked for stays, however it grows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from kshot.eval.metrics import METRICS
from kshot.eval.metrics.registry import Metric, known_metric
from kshot.harness.journal import Journal
from kshot.harness.runs.kinds import kinds_of
from kshot.types import UserError

NOTE = "scored"


def note_scored(journal: Journal, metrics: Iterable[Metric]) -> None:
    """Keeps the package's own among metrics, beside those that were kept; users' own stand with their kinds."""
    before = kept_metrics(journal)
    now = list(dict.fromkeys([*before, *(one.name for one in metrics if known_metric(one.name) is not None)]))
    if now != before:
        journal.note(NOTE, json.dumps(now))


def kept_metrics(journal: Journal) -> list[str]:
    """The package's metrics that a run was scored by so far."""
    with suppress(ValueError, RecursionError):
        found = json.loads(journal.noted(NOTE) or "[]")
        if isinstance(found, list):
            return [name for name in found if isinstance(name, str) and known_metric(name) is not None]
    return []


def with_kept(folder: Path, metrics: Sequence[str], score_by: str = "") -> tuple[str, ...]:
    """Metrics as given, and those that the folder's run is scored by already. Raises UserError for an unknown one."""
    given = {
        spec if ".py:" in spec or "/" in spec else METRICS.canonical(spec) for spec in (*metrics, score_by) if spec
    }
    kept: list[str] = []
    with suppress(UserError), Journal.read(folder) as journal:
        kept = kept_metrics(journal) if journal.answered() else []
    return (*metrics, *(name for name in kept if name not in given))


def check_kept(folder: Path, metrics: Sequence[Metric]) -> None:
    """Raises UserError where a run is scored by metrics of the user's own, whose values a record would lose."""
    lacking: set[str] = set()
    with suppress(UserError), Journal.read(folder) as journal:
        lacking = set(kinds_of(journal)) - {one.name for one in metrics} if journal.answered() else set()
    for name in sorted(lacking):
        raise UserError(f"the run in {folder} is scored by {name}, too: give it again with --metric (or --score-by).")


def lacking_metrics(folder: Path, metrics: Sequence[Metric]) -> str:
    """A sentence on records that a metric was not yet asked for, and what gives it to them; "" where there are none."""
    names = [one.name for one in metrics]
    without: dict[str, int] = {}
    with Journal.read(folder) as journal:
        for record in journal.records() if names else ():
            for name in names:
                if name not in record.score.values:
                    without[name] = without.get(name, 0) + 1
    if not without:
        return ""
    said = ", ".join(f"{count:,} earlier records have no {name}" for name, count in without.items())
    options = " ".join(f"--metric {name}" for name in without)
    return f"{said}: kshot rescore {folder} {options} scores them by it, and asks nothing."
