"""results.json has the numbers of the report, unrounded, and what `--json` prints is the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kshot.cli import main
from kshot.eval.report.model import Table
from kshot.eval.report.prompting.build import build
from kshot.eval.report.prompting.results import plain
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import read_run
from kshot.harness.runs.run import run_benchmark
from kshot.types import Request

PLAN = Plan(("coin-flip", "last-letters"), ("zero-shot", "few-shot:k=2", "few-shot:k=4"), limit=12)


def reply(request: Request) -> str:
    return ("Yes.", "No.", "Who knows?", "The answer is yes.")[len(repr(request.prompt)) % 4]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has grown unevenly, scored by a further metric."""
    folder = tmp_path_factory.mktemp("runs") / "r"
    for plan in (PLAN, replace(PLAN, tasks=("coin-flip",), strategies=("few-shot:k=4",), limit=20)):
        run_benchmark(load_plan(plan, ["token-f1"]), ScriptedEngine(reply), folder, info={"model": "scripted"})
    return folder


@pytest.fixture
def plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """No figure is drawn."""
    monkeypatch.setattr("kshot.eval.report.publish.html.write", lambda report, folder: folder)
    monkeypatch.setattr("kshot.eval.report.publish.markdown.write", lambda report, folder: folder)


def table(folder: Path, title: str) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """A table's cells by column, and the results."""
    data, journal = read_run(folder)
    with journal:
        report = build(data)
        found = next(block for block in report.blocks() if isinstance(block, Table) and block.title == title)
        names = [column.title for column in found.columns]
        cells = [[str(getattr(cell, "text", cell)) for cell in row] for row in found.rows]
        assert report.results is not None
        return [dict(zip(names, row, strict=True)) for row in cells], dict(report.results)


def test_the_cells_are_those_of_the_table(run: Path) -> None:
    rows, results = table(run, "Accuracy")
    cells = [cell for cell in results["cells"] if cell["metric"] == "accuracy"]
    assert [(row["task"], row["strategy"]) for row in rows] == [(cell["task"], cell["short"]) for cell in cells]
    for row, cell in zip(rows, cells, strict=True):
        assert row["samples"] == str(cell["samples"])
        assert row["accuracy"] == f"{100 * cell['value']:.1f}%"
        assert row["95% interval"] == f"{100 * cell['low']:.1f}–{100 * cell['high']:.1f}"
        assert row["best constant"].startswith(f"{100 * cell['constant']['value']:.1f}%")
        assert ("!" in row["best constant"]) != cell["constant"]["shown_above"]
        assert cell["unit"] == "share" and 0 <= cell["value"] <= 1
    assert {cell["samples"] for cell in cells} == {12, 20}
    assert {cell["metric"] for cell in results["cells"]} == {"accuracy", "token-f1"}
    costs, _ = table(run, "Cost a sample")
    for row, cell in zip(costs, cells, strict=True):
        assert row["calls"] == f"{cell['cost']['calls']:.1f}"


def test_the_comparisons_are_those_of_the_table(run: Path) -> None:
    rows, results = table(run, "Differences")
    found = [one for one in results["comparisons"] if one["metric"] == "accuracy"]
    assert len(rows) == len(found) == 4
    for row, one in zip(rows, found, strict=True):
        assert (row["task"], row["samples"]) == (one["task"], str(one["samples"]))
        assert row["won : lost"] == f"{one['higher']} : {one['lower']}"
        assert float(row["p (Holm)"].lstrip("< ")) == pytest.approx(one["p_holm"], abs=0.006)
        assert one["value"] - one["baseline_value"] == pytest.approx(one["difference"])
        assert one["low"] <= one["difference"] <= one["high"] and one["samples"] == 12
    assert {one["baseline"] for one in found} == {"zero-shot"}


def test_cells_with_more_samples_are_named(run: Path) -> None:
    _, results = table(run, "Accuracy")
    [said] = [line for line in results["summary"] if "not all were asked the same samples" in line]
    assert "on coin-flip zero-shot, few-shot:k=2 12; few-shot:k=4 20." in said and "last-letters" not in said


@pytest.mark.usefixtures("plainly")
def test_what_is_printed_is_what_is_kept(run: Path) -> None:
    printed = CliRunner().invoke(main, ["report", str(run), "--json"])
    assert printed.exit_code == 0 and printed.stderr == ""
    found = json.loads(printed.stdout)
    assert found == json.loads((run / "results.json").read_text())
    assert (found["schema"], found["version"]) == ("kshot-results", 1)
    assert found["runs"][0]["engine"] == "scripted" and found["runs"][0]["versions"]["kshot"]
    compared = json.loads(CliRunner().invoke(main, ["compare", str(run), str(run), "--json"]).stdout)
    assert {one["difference"] for one in compared["comparisons"]} == {0.0} and len(compared["runs"]) == 2
    listed = json.loads(CliRunner().invoke(main, ["list", "strategies", "--json"]).stdout)
    assert set(listed) == {"strategies"} and listed["strategies"]["few-shot"]["parameters"]["k"] == 8


@pytest.mark.usefixtures("plainly")
def test_a_command_prints_nothing_else(tmp_path: Path) -> None:
    args = ["bench", "--task", "coin-flip", "--strategy", "zero-shot", "--engine", "scripted", "--limit", "3", "--json"]
    result = CliRunner().invoke(main, [*args, "--runs", str(tmp_path)])
    assert result.exit_code == 0 and "attempts  3 of 3" in result.stderr
    assert json.loads(result.stdout)["cells"][0]["samples"] == 3


def test_what_is_no_number_is_null() -> None:
    said = plain({"a": float("nan"), "b": (1, float("inf"), True, None), "c": Path("x")})
    assert said == {"a": None, "b": [1, None, True, None], "c": "x"}
