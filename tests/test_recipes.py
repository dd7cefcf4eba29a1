"""The recipes of CONTRIBUTING.md work as they stand there: one file and one line, and it is there by name.

Each is put into a copy of the checkout, listed, run from the command line, and held to its kind's contract, to ruff
and to mypy. So the table of docs/design.md, which names file and line, is true.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.places import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAP = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^## Add an? (\w+)\n.*?```python\n(.*?)```", TEXT, re.DOTALL | re.MULTILINE))


@dataclass(frozen=True)
class Recipe:
    """Where a kind's files lie, what lists them, what it is called by, and which tests are its contract."""

    folder: str
    line: str  # the tuple of the folder's __init__.py that takes the file's name
    name: str
    contract: str  # a test file
    chosen: str  # the tests in it that are about this one
    listed: tuple[str, ...]
    command: tuple[str, ...]
    says: str  # in what the command prints

    @property
    def spoken(self) -> str:
        return self.name.replace("_", "-")


SCRIPT = ("--engine", "scripted:reply=The answer is 202.")
ASKED = ("bench", "--limit", "3", "--runs", "RUNS", "--run", "tried")
KINDS = {
    "strategy": Recipe(
        *("prompts/strategies", "FILES", "polite", "tests/prompts/test_strategies_contract.py", "polite or named"),
        ("list", "strategies"),
        (*ASKED, "--task", "coin-flip", "--strategy", "polite", "--strategy", "zero-shot", *SCRIPT),
        "polite",
    ),
    "task": Recipe(
        *("eval/tasks", "FILES", "doubles", "tests/eval/test_tasks_generated.py", "doubles or named"),
        ("list", "tasks"),
        (*ASKED, "--task", "doubles:times=3", "--strategy", "few-shot:k=2", *SCRIPT),
        "doubles",
    ),
    "metric": Recipe(
        *("eval/metrics", "FILES", "same_length", "tests/eval/test_metrics_contract.py", "same-length or named"),
        ("list", "metrics"),
        (*ASKED, "--task", "coin-flip", "--strategy", "zero-shot", "--metric", "same-length:within=2", *SCRIPT),
        "same-length:within=2",
    ),
    "engine": Recipe(
        *("harness/engines", "MODULES", "echo", "tests/harness/engines/test_engines_contract.py", "echo or named"),
        ("list", "engines"),
        (*ASKED, "--task", "coin-flip", "--strategy", "zero-shot", "--engine", "echo:capacity=3"),
        "zero-shot",
    ),
    "method": Recipe(
        *("adapters/methods", "FILES", "first_layers", "tests/adapters/test_methods_contract.py", "first-layers"),
        ("list", "methods"),
        (
            *("tune", "--model", "MODEL", "--task", "coin-flip", "--method", "first-layers", "--samples", "2"),
            *("--epochs", "1", "--limit", "2", "--compare", "none", "--runs", "RUNS", "--device", "cpu"),
        ),
        "first-layers",
    ),
    "experiment": Recipe(
        *("classic/experiments", "COURSE", "coin_tosses"),
        *("tests/classic/experiments/test_experiments_contract.py", "coin-tosses or once"),
        ("classic", "list"),
        ("classic", "run", "coin-tosses:tosses=50", "--out", "RUNS"),
        "tosses",
    ),
}


def test_there_is_a_recipe_for_each_kind_in_the_map_and_it_is_short() -> None:
    assert set(RECIPES) == set(KINDS)
    for kind, code in RECIPES.items():
        recipe = KINDS[kind]
        assert len(code.strip().splitlines()) <= 32, kind
        [row] = re.findall(rf"^\| (?:adapter )?{kind} \| `kshot.*$", MAP, re.MULTILINE)
        assert all(part in row for part in (f"`kshot/{recipe.folder}/`", f"`{recipe.line}`", recipe.contract)), kind


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with every recipe in it, and its line."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("kshot", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("figures"))
    for kind, recipe in KINDS.items():
        place = folder / "kshot" / recipe.folder
        (place / f"{recipe.name}.py").write_text(RECIPES[kind], encoding="utf-8")
        init = place / "__init__.py"
        opening = f"{recipe.line}: tuple[str, ...] = ("
        entry = recipe.spoken if recipe.line == "COURSE" else recipe.name
        text = init.read_text(encoding="utf-8")
        assert opening in text, kind
        init.write_text(text.replace(opening, f'{opening}\n    "{entry}",'), encoding="utf-8")
    return folder


def said_in(folder: Path, *command: str) -> str:
    """What a Python command prints there. Fails with all that it said where it does not end well."""
    done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_types_and_lint_are_as_in_the_package(checkout: Path) -> None:
    files = [f"kshot/{recipe.folder}/{recipe.name}.py" for recipe in KINDS.values()]
    said_in(checkout, "-m", "ruff", "check", *files)
    said_in(checkout, "-m", "ruff", "format", "--check", *files)
    said_in(checkout, "-m", "mypy", "--cache-dir", str(checkout / "types"))


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_listed_runs_by_name_and_keeps_the_contract(
    kind: str, checkout: Path, tmp_path: Path, tiny_folder: Path
) -> None:
    recipe = KINDS[kind]
    assert recipe.spoken in said_in(checkout, "-m", "kshot", *recipe.listed)
    places = {"RUNS": str(tmp_path / "runs"), "MODEL": str(tiny_folder)}
    printed = said_in(checkout, "-m", "kshot", *(places.get(word, word) for word in recipe.command))
    assert recipe.says in printed
    told = said_in(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", recipe.contract, "-k", recipe.chosen)
    assert int(re.findall(r"(\d+) passed", told)[-1]) >= 1
