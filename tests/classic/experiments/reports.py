"""Every experiment's report, made once for all tests, with hyperparameters small enough for them.

An experiment that is not in SMALL is run by its defaults.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from kshot.classic.experiments import EXPERIMENTS
from kshot.eval.report.model import Figure, Report, Table

SMALL: Mapping[str, Mapping[str, Any]] = {
    "lambda-sweep": {"draws": 4},
    "bias-variance": {"universes": 200, "refits": 30},
    "validation": {"draws": 20, "nested_draws": 6, "candidates": 20},
    "optimizers": {"updates": 400, "epochs": 2, "repeats": 1},
    "feature-scaling": {"updates": 3000},
    "pokemon-types": {"draws": 20},
    "logistic-losses": {"max_iter": 3000},
    "generative-discriminative": {"draws": 10},
    "xor-limit": {"starts": 10},
    "backpropagation": {"rows": 4},
    "deep-wide": {"seeds": 3, "epochs": 25},
    "vision": {"epochs": 6, "train_rows": 600},
    "optimization-or-bias": {"seeds": 2, "epochs": 14},
    "overfitting": {"seeds": 3, "epochs": 40},
    "mismatch": {"draws": 2, "epochs": 15},
    "critical-points": {"searches": 8},
    "batch-size": {"goal": 0.3, "repeats": 3, "most_updates": 200},
    "loss-surface": {"depth": 12, "updates": 150, "repeats": 2, "directions": 2, "side": 5},
}


@cache
def report(name: str) -> Report:
    """The report, its findings as sure as the tests of its lecture need them."""
    return EXPERIMENTS.find(name)(**SMALL.get(name, {}))


def tables(name: str) -> list[Table]:
    """All its tables."""
    return [block for block in report(name).blocks() if isinstance(block, Table)]


def table(name: str, title: str) -> Table:
    """The first table whose title begins so."""
    return next(one for one in tables(name) if one.title.startswith(title))


def figures(name: str) -> list[Figure]:
    """All its figures."""
    return [block for block in report(name).blocks() if isinstance(block, Figure)]


def text(cell: object) -> str:
    """A cell, toned or not, as what is read."""
    return str(getattr(cell, "text", cell))


def first_number(cell: object) -> float:
    """The number that a cell begins with."""
    found = re.match(r"-?[\d,.]+", text(cell))
    assert found, cell
    return float(found[0].replace(",", ""))
