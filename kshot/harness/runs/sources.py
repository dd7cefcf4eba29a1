"""The user's own files that a run was made with: their hashes and copies, and which of them a plan would run.

Meets: a file that was edited between two runs cannot replace a run's records without a word. Concedes: what such a
file imports is not followed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan
from kshot.spec import files_in
from kshot.types import UserError
from kshot.whole_file import write_whole

FOLDER, NOTE = "sources", "sources"


def code_of(plan: Plan) -> Iterator[str]:
    """The files that a plan names as `file.py:name`, which loading it would run; once each, as they are written."""
    named = [file for spec in (*plan.strategies, *plan.tasks) for file in files_in(spec)]
    named += [spec.rpartition(":")[0] for spec in plan.tasks if ".py:" in spec and not files_in(spec)]
    yield from dict.fromkeys(named)


def refuse_code(plan: Plan, folder: Path) -> None:
    """Raises UserError where a run's plan names code, which only its user may say to run."""
    for named in code_of(plan):
        raise UserError(
            f"the run in {folder} was made with code in {Path(named).expanduser().absolute()}, which would be run: "
            "add --trust-code where you trust that file."
        )


def kept_sources(journal: Journal) -> dict[str, str]:
    """The SHA-256 of every file that the run was made with, by its name in the plan."""
    found = None
    with suppress(ValueError, RecursionError):
        found = json.loads(journal.noted(NOTE) or "{}")
    if not isinstance(found, dict):
        return {}
    return {name: text for name, text in found.items() if isinstance(text, str)}


def sources_of(plan: Plan) -> dict[str, bytes]:
    """The content of every file that a plan names, where it is there."""
    return {named: path.read_bytes() for named in code_of(plan) if (path := Path(named).expanduser()).is_file()}


def check_sources(journal: Journal, plan: Plan) -> None:
    """Raises UserError where a file is not what the run was made with."""
    before = kept_sources(journal) if journal.answered() else {}
    for named, content in sources_of(plan).items():
        was, now = before.get(named), hashlib.sha256(content).hexdigest()
        if was not in (None, now):
            raise UserError(
                f"{named} is not what the run in {journal.folder} was made with (it has changed): use another --run "
                f"name, or put back what it was, which is kept in {journal.folder / copy_name(named, str(was))}."
            )


def check_folder(folder: Path, plan: Plan) -> None:
    """`check_sources` before a model is loaded, where the folder holds a run that can be read."""
    try:
        journal = Journal.read(folder)
    except UserError:  # no run yet, or one that opening has something to say of
        return
    with journal:
        check_sources(journal, plan)


def keep_sources(journal: Journal, plan: Plan) -> None:
    """Keeps each file's hash in the journal and a copy in the run's folder."""
    found = sources_of(plan)
    if not found:
        return
    hashes = {named: hashlib.sha256(content).hexdigest() for named, content in found.items()}
    for named, content in found.items():
        path = journal.folder / copy_name(named, hashes[named])
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            write_whole(path, content)
    journal.note(NOTE, json.dumps({**kept_sources(journal), **hashes}))


def copy_name(named: str, sha256: str) -> str:
    """Where a file's copy lies in the run's folder."""
    return f"{FOLDER}/{Path(named).stem}-{sha256[:12]}.py"
