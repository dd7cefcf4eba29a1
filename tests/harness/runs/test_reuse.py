"""`--reuse`: what the identical engine was asked in another run is taken from there, checked, counted and named."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from kshot.cli import main
from kshot.eval.report.prompting.build import build
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import read_run
from kshot.harness.runs.reuse import OtherRuns, runs_named
from kshot.harness.runs.run import rescore, run_benchmark
from kshot.types import Request, UserError

PLAN = Plan(("coin-flip",), ("zero-shot", "self-consistency:base=zero-shot,n=2,temperature=1.0"), limit=4)


def reply(request: Request) -> str:
    return ("Yes.", "No.", "Who knows?")[(len(request.prompt) + request.seed) % 3]


def asked(plan: Plan, folder: Path, others: list[Path], said: list[str], engine: str = "echo-1") -> int:
    """The requests that a plan makes of the engine where other runs are at hand."""
    scripted = ScriptedEngine(reply, id=engine)
    with OtherRuns(others, folder, engine, said.append) as reuse:
        run_benchmark(load_plan(plan), scripted, folder, reuse=reuse)
    return len(scripted.asked)


def test_what_another_run_was_asked_is_taken_and_counted(tmp_path: Path) -> None:
    said: list[str] = []
    assert asked(PLAN, tmp_path / "a", [], said) == 12
    assert asked(replace(PLAN, limit=6), tmp_path / "b", [tmp_path / "a"], said) == 6
    with Journal.read(tmp_path / "b") as journal:
        assert journal.reused() == {str(tmp_path / "a"): 12} and journal.count() == 18
    run, journal = read_run(tmp_path / "b")
    with journal:
        report = build(run)
    line = "12 of 18 answers were taken from other runs"
    assert any(isinstance(block, str) and block.startswith(line) for block in report.blocks())
    assert report.results is not None and report.results["runs"][0]["reused"] == {
        "answers": 18,
        "from": {str(tmp_path / "a"): 12},
    }
    assert asked(replace(PLAN, limit=6), tmp_path / "c", [], said) == 18
    runs = [read_run(tmp_path / name) for name in "bc"]
    for (one, first), (other, second) in [runs]:
        with first, second:
            assert [replace(each, seconds=0.0) for each in one.records] == [
                replace(each, seconds=0.0) for each in other.records
            ]
    assert rescore(tmp_path / "b") == (12, 0) and said == []


def test_another_engine_gives_nothing_and_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    asked(PLAN, tmp_path / "a", [], said)
    assert asked(PLAN, tmp_path / "b", [tmp_path / "a"], said, "echo-2") == 12
    assert said == [f"nothing is taken from {tmp_path / 'a'}: another engine has answered it (echo-1)."]
    with Journal.read(tmp_path / "b") as journal:
        assert journal.reused() == {}


def test_a_damaged_or_forged_answer_is_asked(tmp_path: Path) -> None:
    """A row whose request is another's, a log-likelihood that is no number, a file that is no journal."""
    said: list[str] = []
    asked(PLAN, tmp_path / "a", [], said)
    connection = sqlite3.connect(tmp_path / "a" / "journal.sqlite")
    keys = [row[0] for row in connection.execute("SELECT key FROM generations ORDER BY key")]
    connection.execute("UPDATE generations SET prompt = (SELECT max(hash) FROM prompts) WHERE key IN (?, ?)", keys[:2])
    moved = connection.execute("SELECT count(*) FROM generations WHERE key IN (?, ?)", keys[:2]).fetchone()[0]
    connection.execute("UPDATE generations SET text = '{' WHERE key = ?", (keys[2],))
    connection.commit()
    connection.close()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "journal.sqlite").write_bytes(b"this is no database" * 100)
    count = asked(PLAN, tmp_path / "b", [tmp_path / "bad", tmp_path / "a"], said)
    assert moved == 2 and 2 <= count <= 3  # one of the two may have been that prompt's
    assert len(said) == 1 and "bad" in said[0] and "damaged" in said[0]


def test_all_runs_of_a_folder_but_the_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kshot.eval.report.publish.write", lambda report, folder: folder)  # no figure is drawn
    args = ["bench", "-t", "coin-flip", "--engine", "scripted", "-n", "3", "--runs", str(tmp_path / "runs"), "--json"]
    runner = CliRunner()
    for name, strategy in (("a", "zero-shot"), ("m/b", "instruction")):
        assert runner.invoke(main, [*args, "-s", strategy, "--run", name]).exit_code == 0
    both = runner.invoke(main, [*args, "-s", "zero-shot", "-s", "instruction", "--run", "c", "--reuse"])
    assert both.exit_code == 0, both.stderr
    found = json.loads(both.stdout)["runs"][0]["reused"]
    assert found["answers"] == 6 and sorted(Path(name).name for name in found["from"]) == ["a", "b"]
    assert "6 taken from other runs" in both.stderr
    wrong = runner.invoke(main, [*args, "-s", "zero-shot", "--run", "d", "--reuse", str(tmp_path / "nope")])
    assert wrong.exit_code == 2 and "holds no run" in wrong.stderr and not (tmp_path / "runs" / "d").exists()
    with pytest.raises(UserError, match="holds no run"):
        runs_named([str(tmp_path)], tmp_path)
