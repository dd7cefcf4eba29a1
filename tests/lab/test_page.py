"""docs/build/reproduction.py on runs of scripted models; and findings run again from their hashes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from kshot.lab.run import named_findings, reproduce
from kshot.lab.several import judged_run, told
from kshot.types import UserError
from tests.lab.test_run import GROWS, ONE, QUIET, TWO, Knows, several
from tests.places import ROOT

REGISTERED = {"one": ONE, "two": TWO, "grows": GROWS}


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kshot.lab.findings.FINDINGS", REGISTERED)
    monkeypatch.setattr("kshot.lab.run.FINDINGS", REGISTERED)


def test_the_page_comes_out_of_the_runs_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location(
        "docs_build_reproduction", ROOT / "docs" / "build" / "reproduction.py"
    )
    assert spec and spec.loader
    builder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(builder)
    folders = several(tmp_path / "runs", {"large": (300, 1), "small": (100, 0)}, [ONE, GROWS])
    builder.main([*map(str, folders), "--out", str(tmp_path)])
    assert json.loads(capsys.readouterr().out) == {"small": 1, "large": 1}
    page = (tmp_path / "reproduction.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith("| Somebody 2020 | one |"))
    assert "not decided" in row and "reproduced in shape" in row and "**" not in row  # hits and misses look alike
    assert ONE.claim in page and ONE.hash in page and GROWS.hash in page and "hours of the machine" in page
    assert "Never asked of small: two." in page and str(tmp_path) not in page
    pictures = {path.stem for path in (tmp_path / "figures").glob("*.png")}
    assert pictures == {f"reproduction-{name}" for name in ("findings", "findings-between-models", "one", "grows")}
    assert all(f"(figures/{name}.png)" in page for name in pictures)
    again = tmp_path / "again"
    again.mkdir()
    builder.main([*map(str, reversed(folders)), "--out", str(again)])
    assert (again / "reproduction.md").read_text() == page
    with pytest.raises(SystemExit, match="holds no findings"):
        builder.main([str(again)])


def test_a_finding_run_again_from_its_hash_gets_the_same_verdict(tmp_path: Path) -> None:
    [first] = several(tmp_path, {"model": (100, 2)}, [ONE, TWO])
    said = told(judged_run(first))
    hashed = [f"{each['name']}@{each['hash']}" for each in said["findings"]]
    reproduce(
        named_findings(hashed), lambda: Knows("model", 2), tmp_path / "again", None, QUIET, info={"model": "model"}
    )
    again = told(judged_run(tmp_path / "again"))
    assert again["findings"] == said["findings"] and len(hashed) == 2
    with pytest.raises(UserError, match="in this kshot and not 0000"):
        named_findings(["one@0000"])


def test_a_model_in_a_folder_is_called_by_its_own_name(tmp_path: Path) -> None:
    reproduce([ONE], lambda: Knows("model", 2), tmp_path, None, QUIET, info={"model": str(tmp_path / "mine.gguf")})
    assert judged_run(tmp_path).model == "mine.gguf"
