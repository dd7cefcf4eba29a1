"""Imports point one way, and what is heavy is imported only where it is used.

One row a folder: the folders that its own files may import, beside the nouns and themselves. A row holds for the
files that lie in the folder, not for the folders in it, which have rows of their own; `kshot` is the nouns' folder.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.places import ROOT

PACKAGE = ROOT / "kshot"
HEAVY = {"torch", "transformers", "peft", "accelerate"}
LAZY = {"torch", "transformers", "datasets", "matplotlib", "scipy", "statsmodels", "peft", "accelerate", "pandas"}
MAY_BE_HEAVY = (
    *("kshot.harness.models", "kshot.harness.engines", "kshot.harness.decoding", "kshot.harness.prefix"),
    *("kshot.harness.embeddings", "kshot.adapters", "kshot.classic"),
)
REPORT = ("eval", "eval.report")

ALLOWED: dict[str, tuple[str, ...]] = {
    "prompts": ("prompts.selection",),
    "prompts.selection": (),
    "prompts.strategies": ("prompts", "prompts.selection"),
    "prompts.search": ("prompts", "prompts.strategies"),
    "eval": (),
    "eval.answers.languages": (),
    "eval.answers": ("eval.answers.languages",),
    "eval.tasks.source.files": (),
    "eval.tasks.source": ("eval.answers", "eval.metrics", "eval.tasks.source.files"),
    "eval.tasks.lm_eval": ("eval.answers", "eval.metrics", "eval.tasks.source.files", "prompts"),  # its sandbox
    "eval.tasks": (
        *("eval.answers", "eval.metrics", "eval.tasks.lm_eval", "eval.tasks.source", "eval.tasks.source.files"),
    ),
    "eval.tasks.library": ("eval.answers", "eval.metrics", "eval.tasks", "eval.tasks.source"),
    "eval.metrics": ("eval",),
    "eval.report": ("eval",),
    "eval.report.page": (),
    "eval.report.prompting": (*REPORT, "eval.metrics"),
    "eval.report.searching": (*REPORT, "eval.report.prompting"),
    "harness": (),
    "harness.models": (),
    "harness.embeddings": ("harness.models",),
    "harness.decoding": (),
    "harness.prefix": ("harness.decoding",),
    "harness.engines": ("harness.models", "harness.decoding", "harness.prefix", "harness.engines.served"),
    "harness.engines.served": ("harness.models",),
    "harness.judging": (
        *("prompts", "eval.answers", "eval.metrics", "eval.report.prompting", "eval.tasks.source.files", "harness"),
    ),
    "harness.runs": (
        *("prompts", "prompts.strategies", "eval.report", "eval.report.prompting", "eval.tasks"),
        *("eval", "eval.metrics", "harness", "harness.embeddings", "harness.engines", "harness.judging"),
        *("harness.models",),
    ),
    "harness.runs.search": (
        *("eval", "eval.metrics", "eval.report", "eval.report.searching", "eval.tasks", "harness", "harness.engines"),
        *("harness.runs", "prompts", "prompts.search", "prompts.strategies"),
    ),
    "harness.runs.view": (
        *("harness", "harness.judging", "harness.runs", "eval.metrics", "eval.report", "eval.report.prompting"),
    ),
    "adapters.methods": (),
    "adapters": (
        *("adapters.methods", "harness.decoding", "harness.engines", "harness.models", "prompts", "prompts.search"),
    ),
    "adapters.training": ("adapters", "adapters.methods", "harness.models", "harness.runs"),
    "adapters.study": (
        *("adapters", "adapters.methods", "adapters.training", "prompts.strategies", "eval.report"),
        *("eval.report.prompting", "eval.tasks", "harness", "harness.engines", "harness.models", "harness.runs"),
    ),
    "lab.claims": ("eval",),
    "lab.findings": ("lab.claims",),
    "lab": (
        *("eval", "eval.report", "eval.report.prompting", "eval.tasks", "harness", "harness.engines", "harness.runs"),
        *("prompts.selection", "prompts.strategies", "lab.claims", "lab.findings"),
    ),
    "classic": ("eval.report", "classic.diagnosis", "classic.experiments"),
    "classic.data": (),
    "classic.descent": ("classic.data",),
    "classic.regression": ("classic.data", "classic.descent"),
    "classic.networks": ("classic.data", "classic.descent"),
    "classic.classification": ("classic.data", "classic.descent", "classic.networks"),
    "classic.selection": ("eval", "classic.data", "classic.regression"),
    "classic.landscape": ("classic.data",),
    "classic.diagnosis": (
        *(*REPORT, "classic.data", "classic.descent", "classic.regression", "classic.classification"),
        "classic.networks",
    ),
    "classic.experiments": (
        *(*REPORT, "classic.data", "classic.descent", "classic.regression", "classic.networks"),
        *("classic.classification", "classic.selection", "classic.landscape", "classic.diagnosis"),
    ),
    "cli": (
        *("eval.metrics", "eval.report", "eval.tasks", "prompts.search", "prompts.strategies"),
        *("harness.engines", "harness.models", "harness.runs", "harness.runs.search", "harness.runs.view"),
        *("adapters", "adapters.methods", "adapters.study", "adapters.training", "classic", "lab"),
    ),
}
NOUNS = {  # among themselves the nouns know only this much
    "kshot": set[str](),
    "kshot.__main__": {"kshot.cli.main"},
    "kshot.types": set[str](),
    "kshot.program": {"kshot.types"},
    "kshot.spec": {"kshot.types"},
    "kshot.whole_file": {"kshot.types"},
    "kshot.hub": {"kshot.types"},
    "kshot.registry": {"kshot.types", "kshot.spec"},
}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {module_name(path): path for path in FILES}


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every imported module, inside functions as well; `from kshot.x import y` is kshot.x.y where that is a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import in line {node.lineno}; write it in full"
            assert node.module
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole if whole in MODULES else node.module), node.lineno


def folder_of(module: str) -> str:
    """The folder of a module's file, without `kshot.`; a package's is the package itself."""
    path = MODULES.get(module)
    package = module if path is None or path.name == "__init__.py" else module.rpartition(".")[0]
    return package.removeprefix("kshot").removeprefix(".")


def within(name: str, packages: tuple[str, ...] | set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def broken(module: str, source: str) -> list[str]:
    """The imports of a module's source that its folder's row does not allow."""
    found = []
    for name, line in imports(ast.parse(source)):
        wrong = within(name, HEAVY) and not within(module, MAY_BE_HEAVY)
        if within(name, ("kshot",)):
            if module in NOUNS:
                wrong = name not in NOUNS[module]
            else:
                own = folder_of(module)
                assert own in ALLOWED, f"the folder {own} of {module} has no row: give it one"
                wrong = wrong or not (name in NOUNS or folder_of(name) in (own, *ALLOWED[own]))
        if wrong:
            found.append(f"{module}:{line} imports {name}")
    return found


@pytest.mark.parametrize("path", FILES, ids=[module_name(path) for path in FILES])
def test_imports_point_one_way(path: Path) -> None:
    assert broken(module_name(path), path.read_text(encoding="utf-8")) == []


def test_no_floor_stands_on_a_higher_one_and_every_row_is_needed() -> None:
    TopologicalSorter(ALLOWED).prepare()  # raises CycleError
    used: dict[str, set[str]] = {folder: set() for folder in ALLOWED}
    for module, path in MODULES.items():
        if module not in NOUNS:
            found = imports(ast.parse(path.read_text(encoding="utf-8")))
            used[folder_of(module)] |= {folder_of(name) for name, _ in found if within(name, ("kshot",))}
    assert {folder: sorted(set(allowed) - used[folder]) for folder, allowed in ALLOWED.items()} == {
        folder: [] for folder in ALLOWED
    }


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("kshot.types", "from kshot.program import gather"),
        ("kshot.program", "from kshot.registry import Registry"),
        ("kshot.prompts.templates", "from kshot.eval.answers import NUMBER"),
        ("kshot.eval.answers", "def f():\n    from kshot.harness import models"),
        ("kshot.eval.statistics", "def f():\n    import torch"),
        ("kshot.harness.runner", "import kshot.eval.tasks"),
        ("kshot.harness.runner", "from kshot.harness.runs import run"),
        ("kshot.harness.runs.run", "from kshot.adapters import engine"),
        ("kshot.harness.engines.scripted", "from kshot.prompts import templates"),
        ("kshot.cli", "import torch"),
    ],
)
def test_a_wrong_import_is_found(module: str, source: str) -> None:
    assert broken(module, source)


@pytest.mark.parametrize(
    "module",
    [
        "kshot.cli",
        "kshot.eval.tasks",
        "kshot.eval.answers",
        "kshot.eval.statistics",
        "kshot.prompts.strategies",
        "kshot.prompts.templates",
        "kshot.harness.models",
        "kshot.harness.engines",
        "kshot.harness.runs.run",
        "kshot.harness.runner",
        "kshot.adapters.methods",
        "kshot.adapters.attach",
        "kshot.adapters.registered",
    ],
)
def test_importing_stays_light(module: str) -> None:
    script = f"import sys, {module}; print(' '.join(sorted(set(sys.modules) & {LAZY!r})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Every function of a file with its length in lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno
            yield f"{module_name(path)}.{node.name}", node.end_lineno - node.lineno + 1


def test_files_and_functions_are_short() -> None:
    assert {module_name(p): n for p in FILES if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400} == {}
    assert {name: n for path in FILES for name, n in functions(path) if n > 80} == {}


def test_no_two_public_classes_share_a_name() -> None:
    owners: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                owners.setdefault(node.name, []).append(module_name(path))
    assert {name: where for name, where in owners.items() if len(where) > 1} == {}
