"""The registry of experiments: small functions that make a point of the course and end in a Report.

An experiment's keyword-only parameters, `seed` among them, are its hyperparameters; its docstring's first sentence
says what it shows; the first line of its Report's summary is its finding, in one sentence with the figures measured.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from kshot.eval.report.model import Report
from kshot.registry import Registry, hyperparameters
from kshot.types import UserError

E = TypeVar("E", bound=Callable[..., Report])
EXPERIMENTS: Registry[Callable[..., Report]] = Registry("experiment")
MOST_SEED = 2**31 - 1
"""Every generator that is seeded takes it, and it with a number of repeats added."""


def experiment(function: E) -> E:
    """Decorator: registers an experiment under its function's name, underscores as dashes."""
    EXPERIMENTS.add(function.__name__.replace("_", "-"))(function)
    return function


def check_seed(name: str, seed: int) -> None:
    """Raises UserError for a seed that not every generator takes."""
    if not 0 <= seed <= MOST_SEED:
        raise UserError(f"{name} is {seed}; it must be at least 0 and at most {MOST_SEED}.")


def carried_out(spec: str) -> Report:
    """The report of an experiment. Raises UserError where a hyperparameter given is one it cannot be run with."""
    name, function, params = EXPERIMENTS.parse(spec)
    given = {key: value for key, value in params.items() if value != hyperparameters(function)[key]}
    check_bounds(name, given)
    try:
        report = function(**params)
    except (ValueError, ArithmeticError, LookupError, MemoryError) as error:
        if not given:
            raise
        raise UserError(f"{spec} cannot be run: {str(error).rstrip('.') or type(error).__name__}.") from error
    if given and any(re.search(r"\bnan\b", sentence) for sentence in report.summary):
        raise UserError(
            f"{spec} has a finding that is no number: a step is too large, or there is too little to measure."
        )
    return report


def check_bounds(name: str, given: Mapping[str, Any]) -> None:
    """Raises UserError for a count below 1, a share or a size below 0, and a seed that cannot be one."""
    for key, value in given.items():
        if key == "seed":
            check_seed(f"experiment {name!r}, parameter 'seed'", value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            least = 1 if isinstance(value, int) else 0
            if value < least:
                raise UserError(f"experiment {name!r}, parameter {key!r} is {value}; it must be at least {least}.")
