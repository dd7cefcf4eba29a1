"""A run's folder read again, for reports and pages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.tasks import TASKS
from kshot.harness.journal import Journal
from kshot.prompts.strategies import STRATEGIES, get_strategy
from kshot.types import UserError


def read_run(folder: Path) -> tuple[RunData, Journal]:
    """A run's data for a report, and the open journal that its calls are read from."""
    journal = Journal.read(folder)
    settings = journal.settings()
    described = json.loads((folder / "run.json").read_text(encoding="utf-8")) if (folder / "run.json").is_file() else {}
    info = {key: value for key, value in described.items() if key != "settings"}
    info.update(settings)
    order = [get_name(spec) for spec in settings.get("strategies", [])]
    params = hyperparameters_of([*settings.get("strategies", []), *settings.get("tasks", [])])
    run = RunData(folder.name, info, list(journal.records()), journal.samples(), journal.call, order, params)
    return run, journal


def hyperparameters_of(specs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """All hyperparameters, defaults included, by canonical name; none for what is no longer there."""
    found: dict[str, dict[str, Any]] = {}
    for spec in specs:
        for registry in (STRATEGIES, TASKS):
            with suppress(UserError):
                found[registry.canonical(spec)] = registry.parse(spec)[2]
    return found


def get_name(spec: str) -> str:
    """A strategy's canonical name; the text itself where it is a user's own that is no longer there."""
    try:
        return get_strategy(spec).name
    except UserError:
        return spec
