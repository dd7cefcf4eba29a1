"""The user's own files that a run was made with: their hashes and copies, and which of them a plan would run.

Meets: a file that was edited between two runs cannot replace a run's records without a word. Concedes: what such a
file imports is not followed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from kshot.eval.tasks import code_in
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Loaded, Plan
from kshot.prompts.common import template_files
from kshot.spec import files_in, split_spec
from kshot.types import UserError
from kshot.whole_file import write_whole

FOLDER, NOTE = "sources", "sources"


def code_of(plan: Plan) -> Iterator[str]:
    """The files that loading a plan would run: those of `file.py:name`, as they are written, and those that a task file
    names as functions where it is trusted; once each.
    """
    named = [file for spec in (*plan.strategies, *plan.tasks) for file in files_in(spec)]
    named += [spec.rpartition(":")[0] for spec in plan.tasks if ".py:" in spec and not files_in(spec)]
    if ".py:" in plan.score_by:
        named.append(split_spec(plan.score_by)[0].rpartition(":")[0])
    yield from dict.fromkeys([*named, *(file for spec in plan.tasks for file in code_in(spec))])


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


def sources_of(loaded: Loaded) -> dict[str, bytes]:
    """The content of every file that a plan names, where it is there; of templates, as it was when they were read."""
    code = {named: Path(named).expanduser() for named in code_of(loaded.plan)}
    return {**{named: path.read_bytes() for named, path in code.items() if path.is_file()}, **loaded.files}


def fingerprints(loaded: Loaded) -> dict[str, str]:
    """The SHA-256 of each of these files."""
    return hashes_of(sources_of(loaded))


def hashes_of(contents: Mapping[str, bytes]) -> dict[str, str]:
    """The SHA-256 of each content."""
    return {named: hashlib.sha256(content).hexdigest() for named, content in contents.items()}


def check_sources(journal: Journal, loaded: Loaded) -> None:
    """Raises UserError where a file is not what the run was made with."""
    before, now = kept_sources(journal) if journal.answered() else {}, fingerprints(loaded)
    for named in (*now, *template_files(loaded.plan.strategies)):
        was = before.get(named)
        if was is not None and was != now.get(named):
            what = "it has changed" if named in now else "it is gone"
            raise UserError(
                f"{named} is not what the run in {journal.folder} was made with ({what}): use another --run "
                f"name, or put back what it was, which is kept in {journal.folder / copy_name(named, was)}."
            )


def kept_templates(journal: Journal, plan: Plan) -> dict[str, bytes]:
    """The template files of a run out of its own folder: where its plan says that they lie, nothing is read.

    A folder may come from a stranger, who would otherwise choose what of this machine is read. Raises UserError where a
    copy is gone or not what was kept.
    """
    hashes = kept_sources(journal)
    found: dict[str, bytes] = {}
    for named in template_files(plan.strategies):
        if named in hashes:
            path = journal.folder / copy_name(named, hashes[named])
            content = b""
            if path.is_file() and not path.is_symlink() and not path.parent.is_symlink():
                content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != hashes[named]:
                raise UserError(f"the run has lost its copy of the template {named}: put back {path}, as it was.")
            found[named] = content
    return found


def keep_sources(journal: Journal, loaded: Loaded) -> None:
    """Keeps each file's hash in the journal and a copy in the run's folder."""
    found = sources_of(loaded)
    if not found:
        return
    hashes = hashes_of(found)
    for named, content in found.items():
        path = journal.folder / copy_name(named, hashes[named])
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            write_whole(path, content)
    journal.note(NOTE, json.dumps({**kept_sources(journal), **hashes}))


def copy_name(named: str, sha256: str) -> str:
    """Where a file's copy lies in the run's folder."""
    kind = ".py" if named.endswith(".py") or not Path(named).suffix else Path(named).suffix
    return f"{FOLDER}/{Path(named).stem}-{sha256[:12]}{kind}"
