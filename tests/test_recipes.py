"""The recipes of CONTRIBUTING.md work as they stand there: one file and one line, and it is there by name.

Each is put into a copy of the checkout, listed, run from the command line, and held to its kind's contract, to ruff
and to mypy. So the table of docs/design.md, which names file and line, is true.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    "search": Recipe(
        *(
            "prompts/search",
            "FILES",
            "scrambled",
            "tests/prompts/search/test_searches_contract.py",
            "scrambled or named",
        ),
        ("list", "searches"),
        ("list", "searches", "--json"),
        "orders",
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
    for name in ("kshot", "tests", "bench"):
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


def run_in(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False)


def test_types_and_lint_are_as_in_the_package(checkout: Path) -> None:
    files = [f"kshot/{recipe.folder}/{recipe.name}.py" for recipe in KINDS.values()]
    # the cache is the checkout's own, so that what is read of other packages serves `make check` too
    types = ("mypy", "--cache-dir", str(ROOT / ".mypy_cache"))
    for tool in (("ruff", "check", *files), ("ruff", "format", "--check", *files), types):
        done = run_in(checkout, "-m", *tool)
        assert done.returncode == 0, done.stdout + done.stderr


RUN_ALL = """
import json, sys
from click.testing import CliRunner
from kshot.cli import main

runner = CliRunner()
done = {}
for kind, commands in json.loads(sys.argv[1]).items():
    results = [runner.invoke(main, command, prog_name="kshot") for command in commands]
    done[kind] = [(result.exit_code, result.output) for result in results]
print(json.dumps(done))
"""


@pytest.fixture(scope="module")
def said(checkout: Path, tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> dict[str, list[Any]]:
    """(exit code, output) of each kind's list and command: one process for all, as most of a process is its start."""
    commands = {}
    for kind, recipe in KINDS.items():
        places = {"RUNS": str(tmp_path_factory.mktemp("runs")), "MODEL": str(tiny_folder)}
        commands[kind] = [recipe.listed, [places.get(word, word) for word in recipe.command]]
    done = run_in(checkout, "-c", RUN_ALL, json.dumps(commands))
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, list[Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def passed(checkout: Path) -> list[str]:
    """The contract tests that pass with all the recipes in place, by their ids."""
    files = [recipe.contract for recipe in KINDS.values()]
    chosen = " or ".join(recipe.chosen for recipe in KINDS.values())
    done = run_in(checkout, "-m", "pytest", "-q", "-rp", "-p", "no:cacheprovider", *files, "-k", chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    return re.findall(r"^PASSED (\S+)", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_listed_and_runs_by_name(kind: str, said: dict[str, list[Any]]) -> None:
    recipe = KINDS[kind]
    (listed, names), (ran, printed) = said[kind]
    assert (listed, ran) == (0, 0), names + printed
    assert recipe.spoken in names
    assert recipe.says in printed


@pytest.mark.parametrize("kind", KINDS)
def test_it_keeps_its_contract(kind: str, passed: list[str]) -> None:
    recipe = KINDS[kind]
    asked = [word for word in recipe.chosen.split(" or ") if word not in ("named", "once")]
    assert any(test.startswith(recipe.contract) and word in test for test in passed for word in asked), passed
