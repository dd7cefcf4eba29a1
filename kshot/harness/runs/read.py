"""A run's folder read again, for reports, pages and looking up attempts."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from kshot.eval.report.prompting.measures import outcome_of
from kshot.eval.report.prompting.run_data import RunData
from kshot.harness.damage import unreadable
from kshot.harness.journal import Journal
from kshot.harness.judging.read import judgings_of, refuse_judging, refuse_searched
from kshot.harness.runs.kinds import kinds_of
from kshot.harness.runs.names import names_of
from kshot.harness.runs.prepare import prepared_of
from kshot.harness.runs.sizes import noted_size
from kshot.harness.runs.wordings import templates_of
from kshot.registry import suggest
from kshot.types import Record, UserError
from kshot.whole_file import read_object


def read_run(folder: Path, *, judging: bool = False) -> tuple[RunData, Journal]:
    """A run's data for a report, and the open journal that its calls are read from. Raises UserError for damage.

    A judge's folder is read as if it were a run only where a `judging` is wanted too.
    """
    with ExitStack() as undo:
        journal = undo.enter_context(Journal.read(folder))
        settings = journal.settings()
        (refuse_searched if judging else refuse_judging)(settings, folder)
        info = {key: value for key, value in description(folder).items() if key != "settings"}
        info.update({**noted_size(journal), **settings})
        if taken := journal.reused():
            info["reused"] = {"answers": journal.count(), "from": taken}
        order, params = names_of(journal, settings)
        records, samples = list(journal.records()), journal.samples()
        lacking = {(record.task, record.sample_id) for record in records} - samples.keys()
        if lacking:
            names = [f"the sample {sample} of {task}" for task, sample in sorted(lacking)]
            raise unreadable(journal.path, names, "it is not there")
        run = RunData(
            folder.name,
            info,
            records,
            samples,
            journal.call,
            order,
            params,
            prepared_of(journal),
            templates_of(journal),
            kinds_of(journal),
            judgings=judgings_of(folder, records),
        )
        undo.pop_all()
    return run, journal


def description(folder: Path) -> dict[str, Any]:
    """What run.json says of a run: model, versions, settings; {} where it is not there. Raises UserError."""
    path = folder / "run.json"
    try:
        return read_object(path, "delete it, it only describes the run") if path.is_file() else {}
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}): check its permissions.") from error


def find_attempts(
    run: RunData,
    *,
    task: str | None = None,
    strategy: str | None = None,
    sample: str | None = None,
    outcome: str | None = None,
) -> list[Record]:
    """The records that fit all that is given. Raises UserError for what the run does not have, or where none fits."""
    wanted = {"task": ("task", task), "strategy": ("strategy", strategy), "sample": ("sample_id", sample)}
    for what, (field, given) in wanted.items():
        known = {getattr(record, field) for record in run.records}
        if given is not None and given not in known:
            raise UserError(f"the run has no {what} {given!r}: {suggest(given, sorted(known)[:40])}")
    found = [
        record
        for record in run.records
        if all(given in (None, getattr(record, field)) for field, given in wanted.values())
        and outcome in (None, outcome_of(record, run.kinds))
    ]
    if not found:
        raise UserError("no attempt of the run fits all that was asked for; drop one of the options.")
    return found
