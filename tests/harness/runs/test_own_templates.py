"""A user's template files in a run: kept as they were, refused when changed, never read where a stranger says."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from starlette.testclient import TestClient

from kshot.cli import main
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import rescore, run_benchmark
from kshot.harness.runs.view.server import find_runs, make_app
from kshot.types import Request, UserError

FORM = "Puzzle: {{ question }}\nReply: {{ answer }}\n"


def kshot(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture
def form(tmp_path: Path) -> Path:
    path = tmp_path / "form.jinja"
    path.write_text(FORM)
    return path


def specs(form: Path) -> tuple[str, ...]:
    return (f"few-shot:k=2,template={form}", f"self-consistency:base=few-shot(k=2,template={form}),n=2", "zero-shot")


def made(folder: Path, form: Path, seen: Callable[[Request], str] = lambda _: "yes") -> Path:
    run_benchmark(load_plan(Plan(("coin-flip",), specs(form), limit=3)), ScriptedEngine(seen), folder)
    return folder


def noted(folder: Path) -> Any:
    with Journal.read(folder) as journal:
        return json.loads(journal.noted("sources") or "{}")


def test_its_copy_and_its_hash_are_kept(tmp_path: Path, form: Path) -> None:
    asked: list[object] = []

    def reply(request: Request) -> str:
        asked.append(request.prompt)
        return "yes"

    run = made(tmp_path / "run", form, reply)
    assert sum(isinstance(prompt, str) and prompt.startswith("Puzzle: ") for prompt in asked) == 3 + 3 * 2
    [copy] = (run / "sources").iterdir()
    assert (copy.name[:5], copy.suffix, copy.read_bytes()) == ("form-", ".jinja", form.read_bytes())
    hashed = {str(form): hashlib.sha256(form.read_bytes()).hexdigest()}
    assert noted(run) == json.loads((run / "run.json").read_text())["sources"] == hashed


def test_the_text_is_that_of_the_beginning_whatever_is_edited_meanwhile(tmp_path: Path, form: Path) -> None:
    prompts: list[str] = []

    def reply(request: Request) -> str:
        form.write_text("Other: {{ question }} {{ answer }}")
        prompts.append(str(request.prompt))
        return "yes"

    run_benchmark(
        load_plan(Plan(("coin-flip",), specs(form)[:1], limit=4)), ScriptedEngine(reply, capacity=1), tmp_path
    )
    assert len(prompts) == 4 and all(prompt.startswith("Puzzle: ") for prompt in prompts)
    [copy] = (tmp_path / "sources").iterdir()
    assert copy.read_text() == FORM


def test_a_strategy_of_ones_own_may_mean_something_else_by_its_template(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        "from kshot.prompts.strategies.registry import ask\n"
        "def x(question, *, template: str = 'short'):\n"
        "    reply = yield from ask(f'{template}: {question.text}', max_new_tokens=8)\n"
        "    return question.format.read(reply, question.choices)\n"
    )
    plan = Plan(("coin-flip",), (f"{own}:x:template=formal",), limit=2)
    asked: list[str] = []

    def reply(request: Request) -> str:
        asked.append(str(request.prompt))
        return "yes"

    run_benchmark(load_plan(plan), ScriptedEngine(reply), tmp_path / "run")
    assert len(asked) == 2 and all(prompt.startswith("formal: ") for prompt in asked)
    assert list(noted(tmp_path / "run")) == [str(own)]


def args(form: Path, tmp_path: Path) -> list[str]:
    said = [word for spec in specs(form) for word in ("--strategy", spec)]
    return [
        "--task",
        "coin-flip",
        *said,
        "--limit",
        "3",
        "--runs",
        str(tmp_path),
        "--run",
        "run",
        "--engine",
        "scripted",
    ]


@pytest.mark.parametrize(("change", "said"), [("edited", "it has changed"), ("removed", "it is gone")])
def test_one_that_is_not_what_it_was_is_refused_with_the_copys_place(
    tmp_path: Path, form: Path, change: str, said: str
) -> None:
    made(tmp_path / "run", form)
    [copy] = (tmp_path / "run" / "sources").iterdir()
    before = (tmp_path / "run" / "journal.sqlite").read_bytes()
    _ = form.unlink() if change == "removed" else form.write_text(FORM.replace("Puzzle", "Riddle"))
    result = kshot("bench", *args(form, tmp_path))
    assert result.exit_code == 2, result.output
    assert said in result.output and "--run" in result.output and copy.name in "".join(result.output.split("\n"))
    assert (tmp_path / "run" / "journal.sqlite").read_bytes() == before
    shutil.copy(copy, form)
    made(tmp_path / "run", form)  # the same file goes on


def test_rescore_reads_the_copy_when_the_file_is_gone_or_another(tmp_path: Path, form: Path) -> None:
    run = made(tmp_path / "run", form)
    form.write_text("Other: {{ question }} {{ answer }}")
    assert rescore(run)[1] == 0
    form.unlink()
    result = kshot("rescore", run)
    assert result.exit_code == 0, result.output
    assert "9 records read again, 0 changed" in result.output
    for command in (["show", run], ["report", run]):
        assert kshot(*command).exit_code == 0, command


OPENED: list[list[str]] = []  # one list while a test watches


def note_opened(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and OPENED:
        OPENED[0].append(str(arguments[0]))


sys.addaudithook(note_opened)


@pytest.fixture
def watched() -> Iterator[list[str]]:
    """Every path that Python opens in the test."""
    OPENED.append([])
    yield OPENED[0]
    OPENED.clear()


def stranger(folder: Path, form: Path, secret: Path, note: dict[str, str] | None) -> Path:
    """A run that names another file of this machine in the template's place."""
    made(folder, form)
    with closing(sqlite3.connect(folder / "journal.sqlite")) as connection:
        connection.execute("UPDATE meta SET value = replace(value, ?, ?)", (str(form), str(secret)))
        if note is not None:
            connection.execute("UPDATE meta SET value = ? WHERE name = 'note sources'", (json.dumps(note),))
        connection.commit()
    return folder


@pytest.mark.parametrize("named", [True, False])
def test_reading_a_strangers_run_opens_no_file_that_it_names(
    tmp_path: Path, form: Path, watched: list[str], named: bool
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("{{ question }} {{ answer }}")
    run = stranger(tmp_path / "run", form, secret, None)
    if not named:
        with closing(sqlite3.connect(run / "journal.sqlite")) as connection:
            connection.execute("DELETE FROM meta WHERE name = 'note names'")
            connection.commit()
    watched.clear()
    more = [] if named else [["report", run], ["compare", run, run], ["export", run]]
    for command in [["show", run], *more, ["rescore", run]]:
        kshot(*command)
    client = TestClient(make_app(find_runs([run]), "t"), base_url="http://127.0.0.1")
    for path in ("", "run/0/", "run/0/state", "compare?a=0&b=0"):
        assert client.get(f"/t/{path}").status_code == 200, path
    assert watched
    assert not [path for path in watched if "secret" in path]


def test_rescore_takes_nothing_but_the_kept_copy(tmp_path: Path, form: Path, watched: list[str]) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("{{ question }} {{ answer }}")
    watched.clear()
    run = stranger(tmp_path / "run", form, secret, {})  # a note that knows no copy
    with pytest.raises(UserError, match=r"template is '.*secret.txt', which is none of own, best.* and no file"):
        rescore(run)
    run = stranger(tmp_path / "two", form, secret, {str(secret): "0" * 64})
    (run / "sources" / f"secret-{'0' * 12}.txt").symlink_to(secret)
    with pytest.raises(UserError, match="has lost its copy of the template"):
        rescore(run)
    for climbing in ("../../../etc/passwd", "x" * 5000, "\0", ""):
        run = stranger(tmp_path / f"more{len(climbing)}", form, secret, {str(secret): climbing})
        with pytest.raises(UserError, match="has lost its copy"):
            rescore(run)
    assert not [path for path in watched if path == str(secret) or "passwd" in path]


def test_a_copy_that_was_changed_is_refused(tmp_path: Path, form: Path) -> None:
    run = made(tmp_path / "run", form)
    [copy] = (run / "sources").iterdir()
    copy.write_text("Other: {{ question }} {{ answer }}")
    result = kshot("rescore", run)
    assert result.exit_code == 2, result.output
    assert "has lost its copy" in result.output and "as it was" in result.output
