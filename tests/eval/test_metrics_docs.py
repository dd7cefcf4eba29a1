"""docs/metrics.md: its table is the registry's, its commands and its Python run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from kshot.eval.metrics import METRICS, get_metric
from kshot.registry import hyperparameters
from tests.cli.test_cli import kshot
from tests.places import ROOT

TEXT = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(block.replace("\\\n", " ")) for block in re.findall(r"(?:^    kshot .*\n(?:^     +.*\n)*)", TEXT, re.M)
]
UNITS = {"": "a number", "%": "%", "of 100": "of 100", "bits per byte": "bits per byte"}


def rows() -> list[str]:
    """The table's rows, as the registry has them."""
    found = []
    for name in METRICS:
        kind, function = get_metric(name).kind, METRICS.find(name)
        params = ", ".join(f"{key}={value}" for key, value in hyperparameters(function).items())
        said = (function.__doc__ or "").strip().splitlines()[0].rstrip(".")
        called = f"`{name}`" + (f" ({params})" if params else "")
        found.append(f"| {called} | {UNITS[kind.unit]} | {kind.better} | {kind.over} | {said} |")
    return found


def test_the_table_is_the_registrys() -> None:
    table = TEXT.split("<!-- table -->")[1].split("<!-- end -->")[0].strip().splitlines()[2:]
    assert table == rows(), "\n".join(rows())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: " ".join(words[1:4]))
def test_a_command_runs(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_folder: Path) -> None:
    monkeypatch.chdir(tmp_path)
    lines = "".join(f"Who sat on mat {at}?,the cat {at}\n" for at in range(12))
    Path("answers.csv").write_text(f"question,answer\n{lines}")
    Path("book.txt").write_text("It was a cold day.\n\nNobody was in the street.\n")
    Path("squad").mkdir()
    Path("squad/squad.py").write_text(
        "import datasets\nimport evaluate\n\n\nclass Squad(evaluate.Metric):\n"
        "    def _info(self):\n        text = datasets.Value('string')\n"
        "        return evaluate.MetricInfo(description='', citation='', inputs_description='', features="
        "datasets.Features({'predictions': text, 'references': text}))\n\n"
        "    def _compute(self, predictions, references):\n        return {'f1': 50.0, 'exact_match': 0.0}\n"
    )
    if "rescore" in command:
        kshot("bench", "--task", "answers.csv", "--strategy", "zero-shot", "--run", "answers", "--engine", "scripted")
        done = kshot(*command[1:])
    else:
        done = kshot(*command[1:], "--model", str(tiny_folder), "--limit", "2")
    assert done.exit_code == 0, done.output
    assert "ccuracy" not in done.output.split("Settings")[0] or "rescore" in command


def test_the_python_runs() -> None:
    [code] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(code, "docs/metrics.md", "exec"), {})
