"""Which command a folder's run is of: each command leaves the others' alone, and `kshot report` reports them all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from kshot.adapters.study.folder import SETTINGS
from kshot.cli.main import main
from kshot.harness.damage import SEARCHES
from kshot.harness.runs.maker import MARKS, maker_of
from kshot.harness.runs.members import INDEX
from kshot.harness.runs.reuse import NAME
from kshot.harness.runs.search.found import FOUND
from kshot.lab.run import SETTLED

SCRIPTED = ["--engine", "scripted", "--limit", "2"]
BENCH = ["bench", "-t", "word-pairs", "-s", "zero-shot", *SCRIPTED]
COMMANDS = {
    "bench": BENCH,
    "tune": ["tune", "-t", "word-pairs", "--method", "lora"],
    "search": ["search", "-t", "word-pairs", "--method", "edits", *SCRIPTED],
    "reproduce": ["reproduce", "run", "few-shot-helps", "--engine", "scripted"],
}


@pytest.mark.parametrize(
    ("command", "mark"), [(command, mark) for command in COMMANDS for mark in MARKS if MARKS[mark] != command]
)
def test_a_folder_of_another_command_is_refused_and_left_as_it_was(tmp_path: Path, command: str, mark: str) -> None:
    file = tmp_path / "run" / mark
    file.parent.mkdir(parents=True)
    file.touch()
    done = CliRunner().invoke(main, [*COMMANDS[command], "--run", "run", "--runs", str(tmp_path)])
    assert done.exit_code == 2, done.output
    assert f"holds a run of `kshot {MARKS[mark]}`: use another --run name" in done.output
    assert [path for path in (tmp_path / "run").rglob("*") if path.is_file()] == [file]
    assert not file.read_bytes()


def test_the_marks_are_the_files_that_the_commands_write() -> None:
    assert {mark: MARKS[mark] for mark in (INDEX, SETTINGS, SETTLED, FOUND, f"{SEARCHES}/{NAME}", NAME)} == MARKS


def test_a_search_that_was_tested_is_a_searchs_though_it_has_an_ordinary_journal(tmp_path: Path) -> None:
    for name in ("journal.sqlite", "found.json"):
        (tmp_path / name).touch()
    assert maker_of(tmp_path) == "search"
    assert maker_of(tmp_path / "none") == ""


def test_kshot_report_reports_findings(tmp_path: Path) -> None:
    words = ["reproduce", "run", "few-shot-helps", "--engine", "scripted", "--run", "run", "--runs", str(tmp_path)]
    assert CliRunner().invoke(main, words).exit_code == 0
    folder = tmp_path / "run"
    made = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    again = CliRunner().invoke(main, ["report", str(folder), "--json"])
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout) == made
    assert made["findings"][0]["name"] == "few-shot-helps"
    read_again = CliRunner().invoke(main, ["rescore", str(folder)])
    assert read_again.exit_code == 0, read_again.output
    assert json.loads((folder / "results.json").read_text(encoding="utf-8")) == made
    refused = CliRunner().invoke(main, ["report", str(folder), "--baseline", "zero-shot"])
    assert refused.exit_code == 2
    assert "each finding says what it compares" in refused.output
