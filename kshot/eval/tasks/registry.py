"""The registry of tasks."""

from __future__ import annotations

from collections.abc import Callable

from kshot.registry import Registry
from kshot.types import Task

TASKS: Registry[Callable[..., Task]] = Registry("task")
