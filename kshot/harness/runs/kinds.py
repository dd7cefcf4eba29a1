"""What the values are of metrics that the package does not have: kept with a run, so that reading it runs nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict

from kshot.eval.metrics.kinds import Kind, kind_of_json
from kshot.eval.metrics.registry import Metric, known_metric
from kshot.harness.journal import Journal

NOTE = "metrics"


def note_kinds(journal: Journal, metrics: Iterable[Metric]) -> None:
    """Keeps what users' own metrics' values are, beside what was kept before."""
    keep_kinds(journal, {one.name: one.kind for one in metrics if known_metric(one.name) is None})


def keep_kinds(journal: Journal, own: Mapping[str, Kind]) -> None:
    """Keeps kinds by metric, beside what was kept before."""
    if own:
        kinds = {name: asdict(kind) for name, kind in {**kinds_of(journal), **own}.items()}
        journal.note(NOTE, json.dumps(kinds))


def kinds_of(journal: Journal) -> dict[str, Kind]:
    """What was kept, by metric; {} where nothing was, or it is damaged."""
    with suppress(ValueError, RecursionError):
        found = json.loads(journal.noted(NOTE) or "{}")
        if isinstance(found, dict):
            return {str(name): kind_of_json(given) for name, given in found.items()}
    return {}
