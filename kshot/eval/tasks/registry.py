"""The registry of tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kshot.registry import Registry
from kshot.types import Task

M = TypeVar("M", bound=Callable[..., Task])
TASKS: Registry[Callable[..., Task]] = Registry(
    "task",
    nests="task",
    note="each has templates, mostly 0 to 3: `kshot bench ... --strategy zero-shot:template=1 --dry-run` shows one",
)


def task(function: M) -> M:
    """Decorator: registers a task under its function's name, underscores as dashes.

    The function takes keyword-only hyperparameters, each with a default, and makes a Task.
    """
    TASKS.add(function.__name__.replace("_", "-"))(function)
    return function
