"""Tasks, one file a task or family, registered by name. `FILES` has them; importing this fills the registry."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

from kshot.eval.tasks.registry import TASKS, task
from kshot.eval.tasks.source.user import from_file, from_jsonl
from kshot.types import Task

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

__all__ = ["TASKS", "get_task", "task"]


def get_task(spec: str) -> Task:
    """The task that a specification names: `last-letters:words=4`, `my_task.py:name`, or `questions.jsonl`.

    Raises UserError for an unknown name or hyperparameter, or a file that cannot be read.
    """
    if spec.endswith(".jsonl"):
        return from_jsonl(spec)
    if ".py:" in spec:
        return from_file(spec)
    made: Task = TASKS.get(spec)()
    return replace(made, name=TASKS.canonical(spec))
