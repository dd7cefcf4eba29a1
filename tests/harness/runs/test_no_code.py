"""Reading a run runs no code that its folder names: a stranger's folder is data."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from starlette.testclient import TestClient

from kshot.cli import main
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import read_run
from kshot.harness.runs.run import run_benchmark
from kshot.harness.runs.view.server import find_runs, make_app

EVIL = """
from pathlib import Path
Path({marker!r}).write_text("it ran")
from kshot.prompts.strategies.registry import ask
from kshot.eval.tasks import get_task
def x(question, *, k: int = 1, max_new_tokens: int = 8):
    reply = yield from ask((), max_new_tokens=max_new_tokens)
    return question.format.read(reply, question.choices)
def t():
    return get_task("coin-flip")
"""
SPECS = {  # what a journal may name, F in place of the file
    "a strategy": (["F:x"], ["coin-flip"]),
    "with a hyperparameter": (["F:x:k=2"], ["coin-flip"]),
    "within another": (["self-consistency:base=F:x,n=2"], ["coin-flip"]),
    "in parentheses": (["self-consistency:base=F:x(k=2)"], ["coin-flip"]),
    "in quotes": (['self-consistency:base="E\\u002epy:x"'], ["coin-flip"]),
    "twice within": (['self-consistency:base=self-consistency(base="E\\u002epy:x")'], ["coin-flip"]),
    "a task": (["zero-shot"], ["F:t"]),
    "both": (["F:x"], ["F:t"]),
}


def kshot(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


@pytest.fixture
def evil(tmp_path: Path, marker: Path) -> Path:
    """A file that tells when it is run."""
    path = tmp_path / "evil.py"
    path.write_text(EVIL.format(marker=str(marker)))
    return path


def forged(folder: Path, evil: Path, case: str, noted: bool) -> Path:
    """A run whose journal names the file, with or without the note of names."""
    run_benchmark(load_plan(Plan(("coin-flip",), ("zero-shot",), limit=4)), ScriptedEngine(lambda _: "Yes."), folder)
    strategies, tasks = (
        [spec.replace("F", str(evil)).replace("E\\", f"{evil.with_suffix('')}\\") for spec in specs]
        for specs in SPECS[case]
    )
    with closing(sqlite3.connect(folder / "journal.sqlite")) as connection:
        set_ = "UPDATE meta SET value = ? WHERE name = ?"
        connection.execute(set_, (json.dumps(strategies), "setting strategies"))
        connection.execute(set_, (json.dumps(tasks), "setting tasks"))
        if noted:
            said = {"strategies": strategies, "params": {name: {"k": 1} for name in [*strategies, *tasks]}}
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('note names', ?)", (json.dumps(said),))
        else:
            connection.execute("DELETE FROM meta WHERE name = 'note names'")
        connection.commit()
    return folder


@pytest.mark.parametrize("noted", [True, False])
@pytest.mark.parametrize("case", SPECS)
def test_reading_runs_nothing(tmp_path: Path, evil: Path, marker: Path, case: str, noted: bool) -> None:
    run = forged(tmp_path / "run", evil, case, noted)
    read_run(run)[1].close()
    assert not marker.exists()
    result = kshot("rescore", run)
    assert result.exit_code == 2 and "--trust-code" in result.output and "evil.py" in result.output, result.output
    assert not marker.exists()


@pytest.mark.parametrize("noted", [True, False])
def test_no_command_that_reads_runs_it(tmp_path: Path, evil: Path, marker: Path, noted: bool) -> None:
    run = forged(tmp_path / "run", evil, "both", noted)
    for args in (
        ["show", run], ["report", run], ["compare", run, run], ["export", run], ["export", run, "--format", "csv"],
    ):  # fmt: skip
        result = kshot(*args)
        assert result.exit_code == 0, (args, result.output)
        assert not marker.exists(), args
    client = TestClient(make_app(find_runs([run]), "t"), base_url="http://127.0.0.1")
    for path in ("", "run/0/", "run/0/state", "compare?a=0&b=0"):
        assert client.get(f"/t/{path}").status_code == 200, path
        assert not marker.exists(), path


def test_a_relative_path_is_refused_too(
    tmp_path: Path, evil: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = forged(tmp_path / "run", Path("evil.py"), "a strategy", False)
    shutil.copy(evil, run)
    for place in (tmp_path, run):
        monkeypatch.chdir(place)
        assert kshot("report", run).exit_code == 0
        assert kshot("rescore", run).exit_code == 2
        assert not marker.exists()


def test_no_inner_run_of_a_study_runs_it(tmp_path: Path, evil: Path, marker: Path) -> None:
    study = tmp_path / "study"
    forged(study / "prompting", evil, "a strategy", False)
    forged(study / "lora-n4-s0" / "run", evil, "both", False)
    (study / "study.json").write_text(json.dumps({"model": "m", "tasks": ["coin-flip"]}))
    training = {"label": "l", "method": f"{evil}:x", "samples": 4, "seed": 0, "trained_on": 4, "trainable": 1}
    (study / "lora-n4-s0" / "cell.json").write_text(json.dumps({**training, "total": 2}))
    took = {"steps": 1, "lr": 0.1, "loss": 1.0, "seconds": 1.0, "peak_memory": 1, "history": []}
    (study / "lora-n4-s0" / "training.json").write_text(json.dumps(took))
    (study / "lora-n4-s0" / "done").write_text("")
    result = kshot("report", study)
    assert result.exit_code == 0, result.output
    assert not marker.exists()


def own_run(folder: Path, file: Path, reply: Callable[[object], str] = lambda _: "Yes.") -> None:
    plan = Plan((f"{file}:t",), (f"{file}:x:k=2", "self-consistency:base=few-shot(k=2),n=2"), limit=3)
    run_benchmark(load_plan(plan), ScriptedEngine(reply, chat=False), folder)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A strategy and a task of the user's own."""
    path = tmp_path / "mine.py"
    path.write_text(
        "from kshot.prompts.strategies.registry import ask\n"
        "from kshot.eval.tasks import get_task\n"
        "def x(question, *, k: int = 1, order: tuple = ('a', 'b')):\n"
        "    reply = yield from ask(question.text + 'A:' * k, max_new_tokens=8)\n"
        "    return question.format.read(reply, question.choices)\n"
        "def t(*, depth: int = 3):\n"
        "    return get_task('coin-flip')\n"
    )
    return path


def test_a_run_knows_its_names_when_its_file_is_gone(tmp_path: Path, mine: Path) -> None:
    own_run(tmp_path / "run", mine)
    mine.unlink()
    run, journal = read_run(tmp_path / "run")
    journal.close()
    assert list(run.strategies) == [f"{mine}:x:k=2", "self-consistency:base=few-shot(k=2),n=2"]
    assert run.params[f"{mine}:x:k=2"].items() >= {"k": 2, "order": ("a", "b")}.items()
    assert run.params[f"{mine}:t"] == {"depth": 3}
    assert run.params["self-consistency:base=few-shot(k=2),n=2"]["temperature"] == 0.7
    for args in (["show"], ["report"], ["compare", tmp_path / "run"]):
        result = kshot(args[0], tmp_path / "run", *args[1:])
        assert result.exit_code == 0, result.output


def test_an_older_run_is_compared_when_its_file_is_gone(tmp_path: Path, mine: Path) -> None:
    own_run(tmp_path / "run", mine)
    with closing(sqlite3.connect(tmp_path / "run" / "journal.sqlite")) as connection:
        connection.execute("DELETE FROM meta WHERE name = 'note names'")
        written = json.dumps([f"{mine}:x:order=a+b,k=2", "self-consistency:base=few-shot(k=2),n=2"])
        connection.execute("UPDATE meta SET value = ? WHERE name = 'setting strategies'", (written,))
        connection.commit()
    mine.unlink()
    result = kshot("compare", tmp_path / "run", tmp_path / "run")
    assert result.exit_code == 0, result.output
    run, journal = read_run(tmp_path / "run")
    journal.close()
    assert run.params["self-consistency:base=few-shot(k=2),n=2"]["n"] == 2  # what can be read without running anything


def test_rescore_runs_a_users_file_where_it_is_asked_to(tmp_path: Path, mine: Path) -> None:
    own_run(tmp_path / "run", mine)
    refused = kshot("rescore", tmp_path / "run")
    assert refused.exit_code == 2 and str(mine) in refused.output and "--trust-code" in refused.output
    result = kshot("rescore", tmp_path / "run", "--trust-code")
    assert result.exit_code == 0, result.output
    assert "6 records read again, 0 changed" in result.output


@pytest.mark.parametrize("note", ["", "[]", '{"strategies": 5}', '{"strategies": [1], "params": {}}', '{"params": 3}'])
def test_a_damaged_note_of_names_is_read_as_none(tmp_path: Path, note: str) -> None:
    run_benchmark(
        load_plan(Plan(("coin-flip",), ("few-shot:k=2",), limit=2)), ScriptedEngine(lambda _: "No."), tmp_path
    )
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'note names'", (note,))
        connection.commit()
    run, journal = read_run(tmp_path)
    journal.close()
    assert list(run.strategies) == ["few-shot:k=2"]
    assert run.params["few-shot:k=2"]["select"] == "first"


def test_a_file_that_was_edited_is_refused_and_its_source_is_kept(tmp_path: Path, mine: Path) -> None:
    own_run(tmp_path / "run", mine)
    [copy] = (tmp_path / "run" / "sources").iterdir()
    assert copy.name.startswith("mine-") and copy.read_bytes() == mine.read_bytes()
    own_run(tmp_path / "run", mine)  # the same file goes on
    before = (tmp_path / "run" / "journal.sqlite").read_bytes()
    mine.write_text(mine.read_text().replace("'A:'", "'B:'"))
    args = ["--task", f"{mine}:t", "--strategy", f"{mine}:x:k=2"]
    args += ["--strategy", "self-consistency:base=few-shot(k=2),n=2"]
    args += ["--limit", "3", "--runs", str(tmp_path), "--run", "run", "--engine", "scripted:chat=no"]
    result = kshot("bench", *args)
    assert result.exit_code == 2, result.output
    assert "mine.py" in result.output and "--run" in result.output and copy.name in result.output
    assert (tmp_path / "run" / "journal.sqlite").read_bytes() == before
    assert kshot("rescore", tmp_path / "run", "--trust-code").exit_code == 2  # it asks what was not answered
    other = [word if word != "run" else "other" for word in args]
    assert kshot("bench", *other).exit_code == 0


def test_a_base_in_a_file_is_kept_too(tmp_path: Path, mine: Path) -> None:
    mine.write_text(mine.read_text().replace("k: int = 1", "temperature: float = 0.7, k: int = 1"))
    plan = Plan(("coin-flip",), (f"self-consistency:base={mine}:x(k=2),n=2",), limit=2)
    run_benchmark(load_plan(plan), ScriptedEngine(lambda _: "Yes.", chat=False), tmp_path / "run")
    assert [path.name.partition("-")[0] for path in (tmp_path / "run" / "sources").iterdir()] == ["mine"]
    with Journal.read(tmp_path / "run") as journal:
        assert str(mine) in json.loads(journal.noted("sources") or "{}")


WITHIN = ("{}:trust_code=true", "qa:task={}(trust_code=true)", "qa:task={}(trust_code=true),wording=-1")


@pytest.mark.parametrize("spec", WITHIN)
def test_functions_of_a_task_file_within_another_task_are_not_run(tmp_path: Path, spec: str) -> None:
    marker = tmp_path / "it-ran"
    (tmp_path / "evil.py").write_text(f"def text(doc):\n    open({str(marker)!r}, 'w').close()\n    return doc['q']\n")
    (tmp_path / "rows.jsonl").write_text('{"q": "Say a.", "a": "a"}\n')
    (tmp_path / "mine.yaml").write_text(
        "task: mine\ndataset_path: json\ndataset_kwargs: {data_files: {test: rows.jsonl}}\ntest_split: test\n"
        "output_type: generate_until\ndoc_to_text: !function evil.text\ndoc_to_target: a\n"
    )
    task, run = spec.format(tmp_path / "mine.yaml"), tmp_path / "run"
    run_benchmark(load_plan(Plan((task,), ("zero-shot",))), ScriptedEngine(lambda _: "a"), run)
    marker.unlink()  # its user has asked for it
    result = kshot("rescore", run)
    assert result.exit_code == 2 and "--trust-code" in result.output and "evil.py" in result.output, result.output
    assert not marker.exists()
    assert kshot("rescore", run, "--trust-code").exit_code == 0 and marker.exists()
