"""`kshot judge` from the command line, with a model: the same verdicts whatever the batch, mistakes in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kshot.cli import main
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import read_run
from kshot.harness.runs.run import run_benchmark


def kshot(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    plan = Plan(("coin-flip",), ("zero-shot",), limit=4)
    run_benchmark(load_plan(plan), ScriptedEngine(lambda request: "Yes."), tmp_path / "r")
    return tmp_path / "r"


def test_a_model_judges_alike_whatever_the_batch(run: Path, tiny_folder: Path) -> None:
    said = {}
    for batch, by in ((1, "likelihood"), (3, "likelihood"), (3, "text")):
        given = ("--model", tiny_folder, "--batch", batch, "--by", by, "--max-new-tokens", 4)
        result = kshot("judge", run, *given, "--name", f"{by}-{batch}")
        assert result.exit_code == 0, result.output
        assert "Judged by a model" in result.output
    data, journal = read_run(run)
    journal.close()
    for one in data.judgings:
        assert len(one.verdicts) == one.total == 4
        said[one.name] = [(each.attempt, each.said) for each in one.verdicts]
    assert said["likelihood-1"] == said["likelihood-3"]
    assert {word for _, word in said["likelihood-1"]} <= {"yes", "no"}
    assert [one.model for one in data.judgings] == [str(tiny_folder)] * 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--rubric", "@nothing.jinja"), "cannot be read"),
        (("--labels", "nothing.csv"), "existing CSV file"),
        (("--pairwise", "zero-shot", "few-shot"), "no such strategy"),
        (("--engine", "scripted", "--model", "x"), "stands beside --engine"),
        (("--engine", "scriptet"), "did you mean scripted"),
        (("--model", "nowhere/at/all"), "nowhere/at/all"),
    ],
)
def test_mistakes_are_a_sentence(run: Path, given: tuple[str, ...], said: str) -> None:
    result = kshot("judge", run, *given)
    lines = [line for line in result.stderr.splitlines() if line.startswith("kshot: ")]
    assert result.exit_code == 2 and len(lines) == 1 and said in lines[0], result.output
    assert not (run / "judge").exists()


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    result = kshot("judge", tmp_path / "nothing")
    assert result.exit_code == 2 and "holds no run" in result.output
    assert not (tmp_path / "nothing").exists()
