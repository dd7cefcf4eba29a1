"""The templates of a run, kept in its journal when it is written: reading shows what was asked, and runs nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict

from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Loaded
from kshot.prompts.common import template_files
from kshot.prompts.wording import read_template
from kshot.spec import values_in
from kshot.types import Template

NOTE = "templates"
TEXTS = ("words", "stop")  # of a template, tuples of texts

Templates = Mapping[str, Mapping[str, Template]]
"""By task, then by what `template=` calls it."""


def note_templates(journal: Journal, loaded: Loaded) -> None:
    """Keeps each task's own templates, where a strategy uses one, and the users' files, beside what was kept before.

    Raises UserError.
    """
    named = any(values_in(spec, "template") for spec in loaded.plan.strategies)
    if not named and not any(task.form for task in loaded.tasks):
        return
    named_files = template_files(loaded.plan.strategies)  # or what a strategy of the user's own means by `template`
    files = {name: read_template(name, loaded.files) for name in named_files if name in loaded.files}
    kept = {
        task.name: {**{str(at): template for at, template in enumerate(task.templates)}, **files}
        for task in loaded.tasks
    }
    before = templates_of(journal)
    kept = {task: {**before.get(task, {}), **kept.get(task, {})} for task in (*before, *kept)}
    said = {task: {name: asdict(template) for name, template in own.items()} for task, own in kept.items()}
    journal.note(NOTE, json.dumps(said))


def templates_of(journal: Journal) -> Templates:
    """A run's templates; none where it used none, or what was kept is damaged."""
    with suppress(ValueError, TypeError, AttributeError, RecursionError):
        said = json.loads(journal.noted(NOTE) or "{}")
        return {
            str(task): {
                str(name): Template(
                    **{**each, **{key: tuple(map(str, each[key])) for key in TEXTS if each.get(key) is not None}}
                )
                for name, each in own.items()
            }
            for task, own in said.items()
        }
    return {}
