"""Tasks, one file a task or family, registered by name. `FILES` has them; importing this fills the registry."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import import_module

from kshot.eval.tasks.registry import TASKS, task
from kshot.eval.tasks.source.perfect import held
from kshot.eval.tasks.source.user import answered, from_file, from_jsonl, is_jsonl
from kshot.types import Task, UserError

FILES: tuple[str, ...] = (
    "arithmetic",
    "bbh",
    "classification",
    "coin_flip",
    "last_letters",
    "multiple_choice",
    "scan",
    "word_pairs",
    "word_problems",
)

for _name in FILES:
    import_module(f"kshot.eval.tasks.{_name}")

FILE = re.compile(r"[/\\]|\.[A-Za-z]")  # what a name has that is a file's

__all__ = ["TASKS", "answered", "get_task", "task"]


def get_task(spec: str) -> Task:
    """The task that a specification names: `last-letters:words=4`, `my_task.py:name`, or `questions.jsonl`.

    Raises UserError for an unknown name or hyperparameter, or a file that cannot be read. Its samples, whenever they
    are loaded, are held to score 1 for a perfect reply.
    """
    if is_jsonl(spec):
        return from_jsonl(spec)  # held, row by row
    if ".py:" in spec:
        return held(from_file(spec))
    name = spec.partition(":")[0].strip()
    if name not in TASKS.entries and FILE.search(name):
        raise UserError(
            f"unknown task {name!r}: kshot reads NAME (`kshot list tasks`), FILE.jsonl with a question and an answer a "
            "line, and FILE.py:NAME."
        )
    made: Task = TASKS.get(spec)()
    return held(replace(made, name=TASKS.canonical(spec)))
