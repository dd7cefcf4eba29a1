"""Imports point one way, and nothing heavy is imported before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "kshot"
BASE = {"kshot.types", "kshot.program", "kshot.registry"}
HEAVY = {"torch", "transformers", "peft"}
HEAVY_ALLOWED = ("kshot.harness.engines", "kshot.harness.prefix", "kshot.harness.models", "kshot.adapters", "kshot.classic")
# what a layer may import beside itself and the base
MAY = {
    "kshot.prompts": BASE,
    "kshot.eval": BASE,
    "kshot.harness.prefix": BASE,
    "kshot.harness.engines": {*BASE, "kshot.harness"},
    "kshot.harness.runner": {*BASE, "kshot.harness.journal"},
    "kshot.harness.journal": BASE,
    "kshot.harness.models": {*BASE, "kshot.harness.render"},
    "kshot.harness.provenance": {"kshot"},
}


def modules() -> list[tuple[str, Path]]:
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return found


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names if node.module == "kshot")
    return found - {"kshot"} | ({"kshot"} if "kshot" in found else set())


def inside(name: str, layer: str) -> bool:
    return name == layer or name.startswith(layer + ".")


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_point_one_way(name: str, path: Path) -> None:
    asked = imports(path)
    heavy = {module.split(".")[0] for module in asked} & HEAVY
    assert not heavy or name.startswith(HEAVY_ALLOWED), f"{name} imports {heavy}"
    ours = {module for module in asked if inside(module, "kshot") and module != "kshot"}
    if name in BASE:
        assert ours <= BASE, f"{name} imports {ours - BASE}"
    for layer, allowed in MAY.items():
        if inside(name, layer):
            wrong = {m for m in ours if not inside(m, layer) and not any(inside(m, other) for other in allowed)}
            assert not wrong, f"{name} imports {wrong}"


@pytest.mark.parametrize("module", ["kshot.cli", "kshot.eval.tasks", "kshot.prompts.strategies", "kshot.harness.benchmark"])
def test_nothing_heavy_is_imported_early(module: str) -> None:
    code = (
        f"import sys, {module}; heavy = ('torch', 'transformers', 'datasets', 'matplotlib', 'scipy', 'accelerate'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
