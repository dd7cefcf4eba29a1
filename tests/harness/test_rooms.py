"""Each package's docstring lists its rooms, and none that is not there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.places import ROOT


@pytest.mark.parametrize("package", ["harness", "harness/decoding", "harness/prefix"])
def test_the_docstring_lists_every_room(package: str) -> None:
    folder = ROOT / "kshot" / package
    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    listed = re.findall(r"^([a-z_]+(?:\.py|/)) ", said, re.MULTILINE)
    files = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
    rooms = [f"{path.parent.name}/" for path in folder.glob("*/__init__.py")]
    assert sorted(listed) == sorted(files + rooms)
