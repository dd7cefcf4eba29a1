"""`kshot bench --config`: a study in a file, in the words of the options; and a run as a study."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from kshot.cli import main
from kshot.cli.bench import bench
from kshot.cli.study_file import NOT_IN_FILES, TRUST, options_of, read_study
from kshot.eval.report import publish

STUDY = """
# two strategies, one of them on one task
task: [coin-flip, last-letters]
strategy:
  - zero-shot
  - name: few-shot:k=2
    tasks: [coin-flip]
engine: scripted
limit: 3
run: mine
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(publish, "write", lambda report, folder: folder)  # no figure is drawn: only numbers are read


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["bench", *args])


def cells(result: Result) -> list[tuple[str, str, int]]:
    assert result.exit_code == 0, result.stderr
    return [(one["task"], one["strategy"], one["samples"]) for one in json.loads(result.stdout)["cells"]]


def study(text: str, name: str = "study.yaml") -> str:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")
    return name


def test_a_file_says_what_the_options_say() -> None:
    found = cells(run("--config", study(STUDY), "--json"))
    assert set(found) == {
        ("coin-flip", "zero-shot", 3),
        ("coin-flip", "few-shot:k=2", 3),
        ("last-letters", "zero-shot", 3),
    }
    assert Path("runs/mine/run.json").is_file()


def test_the_command_line_takes_the_place_of_the_file() -> None:
    found = cells(run("--config", study(STUDY), "--limit", "2", "--task", "coin-flip", "-s", "instruction", "--json"))
    assert found == [("coin-flip", "instruction", 2)]


NUMBERS = (click.types.IntParamType, click.types.FloatParamType)


def test_every_word_of_the_command_is_one_of_the_file(tmp_path: Path) -> None:
    options = options_of(bench)
    assert {"task", "strategy", "limit", "seed", "model", "engine", "metric", "repeats", "chat-option"} <= set(options)
    assert not set(options) & set(NOT_IN_FILES)
    values: dict[str, Any] = {
        word: ["x"] if option.multiple else "1" if isinstance(option.type, NUMBERS) else "auto"
        for word, option in options.items()
        if word not in TRUST
    }
    values["exemplars"] = "1"
    Path("all.yaml").write_text(yaml.safe_dump(values))
    assert set(read_study(tmp_path / "all.yaml", options)) == set(values)


def test_values_are_texts_until_their_option_reads_them() -> None:
    """YAML's own reading would make a boolean of no, seconds of 12:30, and a number of 1_0."""
    path = Path(study("task: no\nstrategy: [yes, few-shot:k=4, 1_0, 12:30, 0x1]\nlanguage: no\nseed: 7\nlimit: ~\n"))
    assert read_study(path, options_of(bench)) == {
        "task": ["no"],
        "strategy": ["yes", "few-shot:k=4", "1_0", "12:30", "0x1"],
        "language": "no",
        "seed": "7",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("taks: coin-flip", "has no use for 'taks': did you mean task"),
        ("task: coin-flip\nlimit: many", "limit: 'many' is not a valid integer"),
        ("task: coin-flip\nlimit: [1, 2]", r"limit takes one value, and has \[\"1\", \"2\"\]"),
        ("task: {a: b}", "task takes texts, and has"),
        ("task: a\ntask: b", "line 2: 'task' stands twice"),
        ("score_by: a\nscore-by: b", "line 2: 'score-by' stands twice"),
        ("task: &x [a]\nstrategy: *x", "line 1: anchors"),
        ("task: !!python/object/apply:os.system [echo]", "line 1: the tag .*os.system is not read"),
        ("task: [a", "line 1: it is no YAML|line 2: it is no YAML"),
        ("- a\n- b", "says nothing as a study"),
        ("", "says nothing as a study"),
        ("task: " + "[" * 50 + "]" * 50, "nested deeper"),
        ("task: " + "[" * 500_000, "nested deeper"),
        ("strategy: [{name: zero-shot}]", "a strategy on some tasks is"),
        ("task: coin-flip\nstrategy: [{name: zero-shot, tasks: [scan]}]\nengine: scripted", "is to be on scan"),
        ("trust-code: true", "give --trust-code on the command line"),
        ("trust_remote_code: true", "give --trust-remote-code on the command line"),
        ("dry-run: true", "has no use for 'dry-run'"),
        ("task: coin-flip\nstrategy: zero-shot\nengine: scripted\nmodel: x", "--model stands beside --engine"),
        ("strategy: zero-shot\nengine: scripted", "Missing option '--task'"),
    ],
)
def test_a_mistake_gets_a_sentence(text: str, said: str) -> None:
    result = run("--config", study(text))
    assert result.exit_code == 2 and "Traceback" not in result.stderr
    assert re.search(said, result.stderr), result.stderr
    assert not Path("runs").exists()


def test_a_file_that_is_none() -> None:
    for name, content in (("no.yaml", None), ("bytes.yaml", b"\xff\xfe\x00"), ("large.yaml", b"#" * 2_000_000)):
        if content is not None:
            Path(name).write_bytes(content)
        result = run("--config", name)
        assert result.exit_code == 2 and name in result.stderr and "Traceback" not in result.stderr


def test_paths_are_from_the_folder_of_the_file() -> None:
    lines = [json.dumps({"question": f"What is {n} + 1?", "answer": str(n + 1)}) for n in range(6)]
    study("\n".join(lines), "studies/own.jsonl")
    study("Be brief.", "studies/brief.txt")
    words = "task: own.jsonl:answer=number\nstrategy: zero-shot\nengine: scripted\nsystem: '@brief.txt'\n"
    name = study(f"{words}runs: kept\nrun: r\n", "studies/study.yaml")
    assert cells(run("--config", name, "--json"))[0][2] == 6
    assert Path("studies/kept/r/run.json").is_file()
    saved = run("--config", name, "--save-config", "studies/again.yaml")
    assert saved.exit_code == 0 and saved.stdout == ""
    assert yaml.safe_load(Path("studies/again.yaml").read_text()) == {
        "task": ["own.jsonl:answer=number"],
        "strategy": ["zero-shot"],
        "engine": ["scripted"],
        "system": "@brief.txt",
        "runs": "kept",
        "run": "r",
    }
    os.chdir("studies")
    assert cells(run("--config", "again.yaml", "--json", "--run", "s")) == [
        ("own:answer=number", "zero-shot:system=Be brief.", 6)
    ]


def test_code_is_run_only_where_the_command_line_trusts_it() -> None:
    Path("mine.py").write_text(
        "from pathlib import Path\nfrom kshot.prompts.strategies.registry import ask, strategy\n"
        "from kshot.types import Prediction\nPath('ran').touch()\n\n"
        "@strategy\ndef own(question):\n    '''Own.'''\n    yield from ask('x', temperature=0.0, max_new_tokens=1)\n"
        "    return Prediction('yes', 'ok')\n"
    )
    name = study("task: coin-flip\nstrategy: mine.py:own\nengine: scripted\nlimit: 2\nrun: r\n")
    refused = run("--config", name)
    assert refused.exit_code == 2 and "names code that would be run (mine.py:own): add --trust-code" in refused.stderr
    assert not Path("ran").exists()
    assert cells(run("--config", name, "--trust-code", "--json")) == [("coin-flip", "mine.py:own", 2)]
    Path("ran").unlink()
    again = run("--config", "runs/r/run.json", "--run", "s")
    assert again.exit_code == 2 and "names code" in again.stderr and not Path("ran").exists()
    assert cells(run("--config", "runs/r/run.json", "--run", "s", "--trust-code", "--json"))
    name = study("task: coin-flip\nstrategy: zero-shot\nengine: transformers:model=x,trust_remote_code=yes\n")
    assert "names code" in run("--config", name).stderr


def test_words_are_spelt_as_options_or_with_underscores_and_never_twice() -> None:
    printed = run("--config", study("task: coin-flip\nstrategy: zero-shot\nscore_by: choices\n"), "--save-config", "-")
    assert printed.exit_code == 0 and yaml.safe_load(printed.stdout)["score-by"] == "choices"
    for pair in ("--limit: 5\nlimit: 3", "score_by: choices\nscore-by: choices"):
        twice = run("--config", study(f"task: coin-flip\nstrategy: zero-shot\n{pair}\n"), "--save-config", "-")
        assert twice.exit_code == 2 and "stands twice" in twice.stderr


@pytest.mark.parametrize("engine", ["openai:base_url={}", "ray:engine=openai(base_url={})"])
def test_no_password_of_an_address_is_written_into_a_study(engine: str) -> None:
    spec = engine.format("http://me:open-sesame@host/v1")
    for target in ("-", "kept.yaml"):
        result = run("-t", "coin-flip", "-s", "zero-shot", "--engine", spec, "--save-config", target)
        assert result.exit_code == 2 and "open-sesame" not in result.output and not Path("kept.yaml").exists()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a system without /dev/zero")
def test_a_study_without_end_is_refused() -> None:
    endless = run("--config", "/dev/zero")
    assert endless.exit_code == 2 and "more than 1,000,000 bytes" in endless.stderr


def test_a_run_is_a_study() -> None:
    first = cells(run("--config", study(STUDY), "--metric", "token-f1", "--json"))
    again = run("--config", "runs/mine/run.json", "--run", "again", "--json")
    assert cells(again) == first and len(first) == 6
    settings = [json.loads(Path(f"runs/{name}/run.json").read_text())["settings"] for name in ("mine", "again")]
    assert settings[0] == settings[1]
    cells(run("--config", study(STUDY), "--strategy", "instruction", "--task", "last-letters", "--json"))
    grown = cells(run("--config", "runs/mine/run.json", "--run", "third", "--json"))
    assert {one[:2] for one in grown} == {
        *(one[:2] for one in first),
        ("last-letters", "instruction"),
    }
    cells(run("--config", study(STUDY), "--limit", "5", "--json"))
    uneven = run("--config", "runs/mine/run.json", "--run", "fourth")
    assert uneven.exit_code == 2 and "several limits or repeats" in uneven.stderr


def test_a_run_that_does_not_say_its_engine_is_no_study_without_one() -> None:
    cells(run("--config", study(STUDY), "--json"))
    path = Path("runs/mine/run.json")
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "study"}))
    result = run("--config", str(path), "--run", "b")
    assert result.exit_code == 2 and "give --model or --engine" in result.stderr
    assert cells(run("--config", str(path), "--run", "b", "--engine", "scripted", "--json"))
    path.write_text("{}")
    assert "is no run.json of a run, or damaged" in run("--config", str(path)).stderr
