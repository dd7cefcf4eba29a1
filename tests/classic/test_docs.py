"""The map of the classic half: its packages name their files, and docs/classic.md leads to files and code that are."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kshot.classic.experiments import COURSE
from tests.places import ROOT

PACKAGE = ROOT / "kshot" / "classic"
FOLDERS = sorted(path.parent for path in PACKAGE.rglob("__init__.py"))
PAGE = (ROOT / "docs" / "classic.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_package_names_its_rooms_a_line_each(folder: Path) -> None:
    told = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    files = {path.name for path in folder.glob("*.py") if path.name != "__init__.py"}
    rooms = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
    if folder.name == "experiments":  # COURSE, in the same file, names the others
        files -= {f"{name.replace('-', '_')}.py" for name in COURSE}
    assert {line.split()[0] for line in told.split("\n\n", 1)[1].splitlines()} == files | rooms


def test_the_page_leads_to_files_that_are_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert len(links) > 100
    assert [link for link in links if "://" not in link and not (ROOT / "docs" / link).exists()] == []


def test_the_pages_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for label in ("dark", "light"):
            folder = tmp_path / part / label
            folder.mkdir(parents=True)
            for number in range(3):
                Image.new("RGB", (40, 36), (90 * (label == "light") + 10 * number,) * 3).save(folder / f"{number}.png")
    (tmp_path / "cifar-10-batches-bin").mkdir()
    records = rng.integers(0, 10, (4, 3073), dtype=np.uint8)
    (tmp_path / "cifar-10-batches-bin" / "test_batch.bin").write_bytes(records.tobytes())
    monkeypatch.chdir(tmp_path)
    X = rng.normal(size=(100, 3))
    names = {"X": X, "y": X @ [1.0, -2.0, 0.5]}
    code = re.findall(r"(?:^ {4}.*\n|^\n)+", PAGE[PAGE.index("## In Python") :], re.MULTILINE)
    blocks = [block for block in map(textwrap.dedent, code) if block.strip()]
    assert len(blocks) == 3
    for block in blocks:
        exec(block, names)
    np.testing.assert_allclose(names["found"].weights, [1.0, -2.0, 0.5], atol=0.1)
    assert len(names["cifar"]) == 4
    assert len(capsys.readouterr().out.splitlines()) >= 3
