"""Imports point one way, and what is heavy is imported only where it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "kshot"
NOUNS = {"kshot", "kshot.types", "kshot.program", "kshot.spec", "kshot.registry"}
HEAVY = {"torch", "transformers", "peft", "accelerate"}
LAZY = {"torch", "transformers", "datasets", "matplotlib", "scipy", "statsmodels", "peft", "accelerate", "pandas"}
# design: harness/engines, harness/prefix, harness/models.py (gguf.py is its second file), adapters, classic
MAY_BE_HEAVY = ("kshot.harness.engines", "kshot.harness.prefix", "kshot.harness.models", "kshot.harness.gguf")
MAY_BE_HEAVY += ("kshot.adapters", "kshot.classic")

# module (or package) -> the packages of kshot that it may import, beside the nouns and itself
ALLOWED: dict[str, tuple[str, ...]] = {
    "kshot.types": (),
    "kshot.program": (),
    "kshot.spec": (),
    "kshot.registry": (),
    "kshot.prompts": (),
    "kshot.eval": (),
    "kshot.harness.runs.run": ("kshot.prompts", "kshot.eval", "kshot.harness"),
    "kshot.harness.runs.demo": ("kshot.prompts", "kshot.eval", "kshot.harness"),  # a plan, ready made for benchmark
    "kshot.harness.runs.export": ("kshot.eval", "kshot.harness"),
    "kshot.harness.runs.view": ("kshot.eval", "kshot.harness"),
    "kshot.harness": (),
    # what is trained on is what evaluation asks: the same strategies, through the same benchmark
    "kshot.adapters": ("kshot.harness", "kshot.harness.runs.run", "kshot.eval", "kshot.prompts"),
    "kshot.classic": ("kshot.eval",),
    "kshot.harness.runs.console": ("kshot",),
    "kshot.cli": ("kshot",),
}
NOUN_IMPORTS = {  # among themselves the nouns know only this much
    "kshot.types": set[str](),
    "kshot.program": {"kshot.types"},
    "kshot.spec": {"kshot.types"},
    "kshot.registry": {"kshot.types", "kshot.spec"},
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every imported module, inside functions as well; `from kshot.x import y` counts as kshot.x."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import in line {node.lineno}; write it in full"
            assert node.module
            whole = [f"{node.module}.{alias.name}" for alias in node.names if node.module in ("kshot", "kshot.harness")]
            yield from ((name, node.lineno) for name in whole or [node.module])


def within(name: str, packages: tuple[str, ...] | set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def layer_of(module: str) -> str:
    found = [layer for layer in ALLOWED if within(module, (layer,))]
    assert found, f"{module} stands in no layer: give it one"
    return max(found, key=len)


def broken(module: str, source: str) -> list[str]:
    """The imports of a module's source that its layer does not allow."""
    if module == "kshot":
        return [name for name, _ in imports(ast.parse(source))]
    layer = layer_of(module)
    own = "kshot.harness" if within(layer, ("kshot.harness",)) else layer
    joins = ("kshot.harness.runs.run", "kshot.harness.runs.demo")
    found = []
    for name, line in imports(ast.parse(source)):
        if within(name, HEAVY) and not within(module, MAY_BE_HEAVY):
            found.append(f"{module}:{line} imports {name}")
        if not within(name, ("kshot",)):
            continue
        if layer in NOUN_IMPORTS:
            allowed = name in NOUN_IMPORTS[layer]
        else:
            noun = name == "kshot.__version__" or name in NOUNS or within(name, NOUNS - {"kshot"})
            allowed = noun or within(name, (own, *ALLOWED[layer]))
        users = (*joins, "kshot.adapters", "kshot.harness.runs.console", "kshot.cli", "kshot.harness.runs.view.server")
        if within(name, joins) and not within(module, users):
            allowed = False
        if not allowed:
            found.append(f"{module}:{line} imports {name}")
    return found


FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=[module_name(path) for path in FILES])
def test_imports_point_one_way(path: Path) -> None:
    assert broken(module_name(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("kshot.types", "from kshot.program import gather"),
        ("kshot.program", "from kshot.registry import Registry"),
        ("kshot.prompts.templates", "from kshot.eval.answers import NUMBER"),
        ("kshot.eval.answers", "def f():\n    from kshot.harness import models"),
        ("kshot.eval.statistics", "def f():\n    import torch"),
        ("kshot.harness.runner", "import kshot.eval.tasks"),
        ("kshot.harness.runner", "from kshot.harness import benchmark"),
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
        "kshot.harness.runs.run",
        "kshot.harness.runner",
        "kshot.adapters.methods",
        "kshot.adapters.attach",
    ],
)
def test_importing_stays_light(module: str) -> None:
    script = f"import sys, {module}; print(' '.join(sorted(set(sys.modules) & {LAZY!r})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_files_are_about_400_lines_at_most() -> None:
    long = {module_name(path): count for path in FILES if (count := len(path.read_text().splitlines())) > 440}
    assert long == {}
