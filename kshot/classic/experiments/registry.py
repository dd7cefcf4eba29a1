"""The registry of experiments: small functions that make a point of the course and end in a Report.

An experiment's keyword-only parameters, `seed` among them, are its hyperparameters; its docstring's first sentence
says what it shows; the first line of its Report's summary is its finding, in one sentence with the figures measured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kshot.eval.report.model import Report
from kshot.registry import Registry

E = TypeVar("E", bound=Callable[..., Report])
EXPERIMENTS: Registry[Callable[..., Report]] = Registry("experiment")


def experiment(function: E) -> E:
    """Decorator: registers an experiment under its function's name, underscores as dashes."""
    EXPERIMENTS.add(function.__name__.replace("_", "-"))(function)
    return function
