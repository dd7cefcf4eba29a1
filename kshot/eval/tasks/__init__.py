"""Tasks, one file a task or family, registered by name; importing this fills the registry."""

from __future__ import annotations

from dataclasses import replace

from kshot.eval.tasks import (
    arithmetic,
    bbh,
    classification,
    coin_flip,
    last_letters,
    multiple_choice,
    scan,
    word_pairs,
    word_problems,
)
from kshot.eval.tasks.registry import TASKS
from kshot.eval.tasks.source.user import from_file, from_jsonl
from kshot.types import Task

__all__ = [
    "TASKS",
    "arithmetic",
    "bbh",
    "classification",
    "coin_flip",
    "get_task",
    "last_letters",
    "multiple_choice",
    "scan",
    "word_pairs",
    "word_problems",
]


def get_task(spec: str) -> Task:
    """The task that a specification names: `last-letters:words=4`, `my_task.py:name`, or `questions.jsonl`.

    Raises UserError for an unknown name or hyperparameter, or a file that cannot be read.
    """
    if spec.endswith(".jsonl"):
        return from_jsonl(spec)
    if ".py:" in spec:
        return from_file(spec)
    task: Task = TASKS.get(spec)()
    return replace(task, name=TASKS.canonical(spec))
