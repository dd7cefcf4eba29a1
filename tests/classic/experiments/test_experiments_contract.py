"""What every experiment keeps to: those of the course, and whatever is added to it, without a line here.

Their findings have tests of their own, by lecture.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kshot.classic import experiments
from kshot.classic.experiments import COURSE, EXPERIMENTS
from kshot.eval.report.model import Report, Table
from kshot.eval.report.style import svg
from tests.classic.experiments.reports import SMALL, figures, report, text

TINY: Mapping[str, Mapping[str, Any]] = {
    "cp-regression": {"steps": 2000},
    "lambda-sweep": {"draws": 2, "train_rows": 100},
    "bias-variance": {"universes": 40, "refits": 8},
    "validation": {"draws": 4, "nested_draws": 2, "candidates": 6},
    "optimizers": {"updates": 20, "epochs": 1},
    "limits": {"updates": 500},
    "pokemon-types": {"draws": 3},
    "generative-discriminative": {"draws": 2},
    "xor-limit": {"rows": 40, "starts": 1},
    "deep-wide": {"parameters": 300, "seeds": 2, "epochs": 2},
    "vision": {"epochs": 1, "train_rows": 200},
    "optimization-or-bias": {"epochs": 1},
    "overfitting": {"rows": 50, "epochs": 2, "seeds": 2},
    "mismatch": {"draws": 1, "epochs": 1},
    "critical-points": {"searches": 2, "width": 2},
    "batch-size": {"goal": 2.0, "repeats": 2, "most_updates": 20},
    "loss-surface": {"depth": 3, "updates": 10},
}
"""Smaller still than SMALL, where the same is run three times and nothing is made of the findings."""
TIMED = {"backpropagation": ("With ", "Seconds of a gradient"), "batch-size": ("An update with", "Time for an update")}
"""How sentences and tables begin that hold times: no two runs have the same."""
NO_DRAW = "Nothing is drawn, so `seed` has no use."


def told(name: str, seed: int) -> list[str]:
    """All sentences and cells of a tiny run, but for its times."""
    found: Report = EXPERIMENTS.find(name)(**{**SMALL.get(name, {}), **TINY.get(name, {}), "seed": seed})
    times = TIMED.get(name, ())
    sentences = [sentence for sentence in found.summary if not sentence.startswith(times)]
    kept = [block for block in found.blocks() if isinstance(block, Table) and not block.title.startswith(times)]
    return [*sentences, *(text(cell) for block in kept for row in block.rows for cell in row)]


def test_the_course_has_every_experiment_once() -> None:
    files = {path.stem for path in Path(experiments.__path__[0]).glob("*.py") if "@experiment\n" in path.read_text()}
    assert sorted(COURSE) == sorted(name.replace("_", "-") for name in files) == sorted(set(COURSE))


def test_small_hyperparameters_are_of_experiments_that_there_are() -> None:
    for name, given in [*SMALL.items(), *TINY.items()]:
        assert set(given) <= set(inspect.signature(EXPERIMENTS.find(name)).parameters), name


@pytest.mark.parametrize("name", COURSE)
def test_it_is_registered_under_its_functions_name(name: str) -> None:
    function = EXPERIMENTS.find(name)
    assert function.__name__ == name.replace("-", "_")
    assert function.__module__ == f"{experiments.__name__}.{function.__name__}"


@pytest.mark.parametrize("name", COURSE)
def test_its_hyperparameters_are_keywords_with_defaults(name: str) -> None:
    given = inspect.signature(EXPERIMENTS.find(name)).parameters
    assert given["seed"].default == 0
    for parameter in given.values():
        assert parameter.kind is parameter.KEYWORD_ONLY, parameter
        assert isinstance(parameter.default, bool | int | float | str), parameter


@pytest.mark.parametrize("name", COURSE)
def test_its_docstring_begins_with_one_sentence(name: str) -> None:
    first, blank, *more = inspect.cleandoc(EXPERIMENTS.find(name).__doc__ or "").splitlines()
    assert re.fullmatch(r"[A-Z].*[a-z]\.", first)
    assert ". " not in first
    assert blank == ""
    assert re.search(r"Hung-yi Lee|\b(19|20)\d\d\b", " ".join(more))  # where it is from


@pytest.mark.parametrize("name", COURSE)
def test_its_finding_is_one_sentence_with_figures(name: str) -> None:
    finding = report(name).summary[0]
    assert re.search(r"\d", finding)
    assert finding.endswith(".")
    assert not re.search(r"[.?!] ", finding)
    assert not re.search(r"\b(nan|inf)\b", finding)


@pytest.mark.parametrize("name", COURSE)
def test_its_figures_are_vectors_alone(name: str) -> None:
    """A page's policy forbids data: addresses, which pictures within a drawing would be."""
    drawn = figures(name)
    assert len({figure.name for figure in drawn}) == len(drawn) > 0
    for figure in drawn:
        assert re.fullmatch(r"[a-z][a-z0-9-]*", figure.name)
        assert figure.title
        assert figure.caption.endswith(".")
        picture = svg(figure)
        assert "<svg" in picture
        assert "<image" not in picture
        assert "data:image" not in picture
        assert len(picture) < 1_000_000


@pytest.mark.parametrize("name", COURSE)
def test_its_seed_decides(name: str) -> None:
    first = told(name, 1)
    assert first
    assert told(name, 1) == first
    drawn = NO_DRAW not in " ".join((EXPERIMENTS.find(name).__doc__ or "").split())
    assert (told(name, 2) != first) == (drawn and name != "backpropagation")  # there `seed` draws what is timed
