"""The recipes of docs/data.md, as they stand there: each is under ten lines, and each is run."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from kshot.cli import main
from tests.places import ROOT

TEXT = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
RECIPES = [part for part in TEXT.split("\n## ") if "```sh" in part]
BLOCK = re.compile(r"```(\w+)(?: (\S+))?\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("recipe", RECIPES, ids=[part.splitlines()[0] for part in RECIPES])
def test_a_recipe_does_what_it_says(tmp_path: Path, recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall(recipe)
    assert sum(len(content.splitlines()) for _, _, content in blocks) < 10
    commands = 0
    for kind, name, content in blocks:
        if kind == "sh":
            for line in content.splitlines():
                program, *args = shlex.split(line)
                assert program == "kshot"
                result = CliRunner().invoke(main, [*args, "--engine", "scripted"])
                assert result.exit_code == 0, f"{line}: {result.output}"
                assert "== " in result.output and "-- the first of" in result.output
                commands += 1
        elif kind == "python":
            exec(compile(content, "docs/data.md", "exec"), {})
        else:
            Path(name).write_text(content, encoding="utf-8")
    assert commands and os.listdir(tmp_path)


def test_there_are_recipes() -> None:
    assert len(RECIPES) >= 6
