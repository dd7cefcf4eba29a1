"""What strategies find out about a task before its first question: asked, journaled and resumed like everything else.

What was found is kept in the journal, so that reading a run again goes on from it, whatever today's rules would find.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from kshot.harness.journal import Journal
from kshot.harness.runner import Calls, Job, Progress, Reuse, run_jobs
from kshot.harness.runs.plan import Loaded, Prepared
from kshot.types import Engine

NOTE = "prepared"
STAGE = "finding out how to ask"
COST = ("prompt_tokens", "cached_tokens", "completion_tokens", "seconds")


def prepare(
    loaded: Loaded,
    engine: Engine,
    journal: Journal,
    *,
    on_ask: Callable[[str], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
    reuse: Reuse | None = None,
) -> Loaded:
    """The plan with what its strategies have found out; asked where the journal does not have it. Raises UserError."""
    loaded = replace(loaded, prepared=prepared_of(journal))
    found: dict[tuple[str, str], Mapping[str, Any]] = {}

    def done(job: Job[Mapping[str, Any]], result: Mapping[str, Any], calls: Calls) -> None:
        assert isinstance(job.key, tuple)
        cost = {name: sum(getattr(generation, name) for _, generation in calls) for name in COST}
        found[job.key] = {**result, "calls": len(calls), **cost}

    def told(state: Progress) -> None:
        if progress:
            progress(replace(state, stage=STAGE))

    jobs = list(loaded.preparations(chat=engine.chat))
    if jobs:
        run_jobs(engine, jobs, journal, done=done, progress=told, on_ask=on_ask, reuse=reuse)
        kept = {**loaded.prepared, **found}
        journal.note(NOTE, json.dumps([[*key, value] for key, value in kept.items()]))
        loaded = replace(loaded, prepared=kept)
    return loaded


def prepared_of(journal: Journal) -> Prepared:
    """What a run's strategies have found out; nothing where it is damaged."""
    with suppress(ValueError, TypeError, RecursionError):
        said = json.loads(journal.noted(NOTE) or "[]")
        return {(task, strategy): dict(value) for task, strategy, value in said}
    return {}
