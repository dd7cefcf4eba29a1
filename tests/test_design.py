"""docs/design.md is a map of what is there: every file that it names exists, and its layers are the test's."""

from __future__ import annotations

import ast
import re

from tests.places import ROOT

TEXT = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")


def test_every_path_exists() -> None:
    named = re.findall(r"`((?:kshot|tests|docs|bench)/[\w/.-]*)`", TEXT)
    assert len(named) > 50
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_files_named_by_themselves_lie_in_a_folder_named_before() -> None:
    folder = None
    for path in re.findall(r"`((?:[\w-]+/)*\w+\.py)`", TEXT):
        if "/" in path:
            folder = (ROOT / path).parent
        else:
            assert folder is not None
            assert (folder / path).is_file() or any(ROOT.glob(f"tests/**/{path}")), path


def test_every_package_lists_its_files() -> None:
    missing = {}
    for init in sorted((ROOT / "kshot").rglob("__init__.py")):
        said = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or ""
        names = [path.stem for path in init.parent.glob("*.py") if path.stem not in ("__init__", "__main__")]
        registered = "registered by name" in said or "small file each" in said or init.parent.name in ("kshot", "page")
        lacking = [name for name in names if not re.search(rf"\b{name}\b", said)]
        if lacking and not registered:
            missing[str(init.parent.relative_to(ROOT))] = lacking
    assert missing == {}
