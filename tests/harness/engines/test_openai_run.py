"""kshot on a served model from the command line: a key that nobody sees, kills, interrupts, dry runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.faulty_server import Failure, FaultyServer, ScriptedModel, named
from kshot.harness.engines.served.dialects import UNKNOWN
from kshot.harness.engines.served.wording import CallWording
from kshot.harness.journal import Journal
from tests.places import ROOT

pytest.importorskip("openai", reason='the library is not installed: pip install "kshot[openai]"')

KEY = "sk-kshot-test-4f1c0d2e9b8a7766"
PLAN = ["-t", "coin-flip", "-n", "6", "-s", "zero-shot", "-s", "self-consistency:base=few-shot,n=4"]


def command(folder: Path, *words: str) -> tuple[list[str], dict[str, str]]:
    """A command and its environment, in which all that it keeps lies in `folder`."""
    own = {
        "OPENAI_API_KEY": KEY,
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "KSHOT_CACHE": str(folder / "cache"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    for name in ("home", "tmp", "cache"):
        (folder / name).mkdir(exist_ok=True)
    return [sys.executable, "-m", "kshot", *words], {**os.environ, **own}


MANY = """
import json, sys
from kshot.cli import main
for words in json.load(sys.stdin):
    sys.argv = ["kshot", *words]  # a run keeps it
    try:
        main(words)
    except SystemExit as end:
        print("exit code", end.code, flush=True)
"""


def run(folder: Path, *commands: list[str]) -> subprocess.CompletedProcess[str]:
    """Commands one after another, in one process; `codes` reads how they ended."""
    _, environment = command(folder)
    words = [sys.executable, "-c", MANY]
    told = json.dumps(commands)
    return subprocess.run(words, input=told, env=environment, cwd=folder, capture_output=True, text=True, timeout=600)


def codes(done: subprocess.CompletedProcess[str]) -> list[int]:
    return [int(line.split()[-1]) for line in done.stdout.splitlines() if line.startswith("exit code ")]


def bench(server: FaultyServer, folder: Path, *words: str, more: str = "") -> list[str]:
    return ["bench", *PLAN, "--engine", f"openai:base_url={server.url}{more}", "--runs", str(folder / "runs"), *words]


def holds(folder: Path, secret: str) -> list[str]:
    """The files under a folder that hold a text, as it is or in UTF-16."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    forms = [secret.encode(), secret.encode("utf-16-le")]
    return [str(path) for path in files if any(form in path.read_bytes() for form in forms)]


def no_hole(number: int, path: str, body: dict[str, Any]) -> Failure | None:
    return None


def echoing(status: int, after: int) -> Callable[[int, str, dict[str, Any]], Failure | None]:
    """Fails with the key in what it says, as hosted servers do, once so many requests have come."""
    said = {"error": {"message": f"Incorrect API key provided: {KEY}.", "code": KEY}}

    def fail(number: int, path: str, body: dict[str, Any]) -> Failure | None:
        return Failure(status, {"X-Echo": KEY}, said) if number > after else None

    return fail


def test_the_key_is_nowhere(tmp_path: Path) -> None:
    broken = tmp_path / "mine.py"
    broken.write_text(BROKEN)
    with FaultyServer(ScriptedModel()) as server:
        fine = run(
            tmp_path,
            bench(server, tmp_path, "--run", "fine"),
            ["show", "runs/fine"],
            ["export", "runs/fine"],
            bench(server, tmp_path, "--dry-run"),
            ["bench", *PLAN, "--engine", f"openai:base_url=http://x:{KEY}@127.0.0.1/v1"],
            ["bench", *PLAN, "--engine", f"openai:base_url={server.url}?key={KEY}"],
            ["bench", *PLAN, "--engine", f"openai:api_key={KEY}"],
            ["bench", *PLAN, "--engine", f"openai:key_env={KEY}"],
            # an error that nobody foresaw, whose traceback is kept
            bench(server, tmp_path, "--run", "crash", "-s", f"{broken}:mine"),
        )
        assert codes(fine) == [0, 0, 0, 0, 2, 2, 2, 2, 2], fine.stderr
        shown = fine.stdout + fine.stderr
        for name, faults, code in (
            ("wrong", echoing(401, 0), 2),
            ("later", echoing(401, 20), 2),
            ("broken", echoing(500, 20), 1),
        ):
            server.number, server.faults = 0, faults
            done = run(tmp_path, bench(server, tmp_path, "--run", name, more=",patience=1"))
            assert codes(done) == [code], done.stderr
            shown += done.stdout + done.stderr
        assert {headers.get("authorization") for _, _, headers in server.bodies} == {f"Bearer {KEY}"}
    assert "[the key]" in shown  # it was sent back, and seen through
    assert "Traceback" not in shown
    assert (tmp_path / "runs" / "fine" / "report.html").is_file()
    assert list((tmp_path / "tmp").glob("kshot-*.txt")), shown  # the crash's file
    assert KEY not in shown
    assert holds(tmp_path, KEY) == []
    assert holds(tmp_path, "coin") != []  # what is looked for would be found


BROKEN = '''
"""A strategy that fails after its first answer."""

from kshot.prompts.strategies.registry import ask, strategy
from kshot.prompts.templates import conversation


@strategy
def mine(question, *, k: int = 0):
    """It fails."""
    reply = yield from ask(conversation(question), temperature=0.0, max_new_tokens=8)
    raise RuntimeError(f"not foreseen: {reply.text}")
'''


def journaled(folder: Path) -> dict[str, str]:
    """By the names that the server has for them, the answers that the journal holds."""
    if not (folder / "journal.sqlite").is_file():
        return {}
    wording = CallWording(UNKNOWN, "scripted", stops=4)
    with Journal.read(folder) as journal:
        return {
            named(wording.body(call.prompt, call, "max_tokens", 1 << 30)[1]): reply.text
            for _, call, reply in journal.calls()
        }


def test_killed_and_resumed_nothing_answered_is_asked_again(tmp_path: Path) -> None:
    with FaultyServer(ScriptedModel(service=0.05)) as server:
        args, environment = command(tmp_path, *bench(server, tmp_path, "--run", "killed", more=",concurrency=2"))
        worker = subprocess.Popen(args, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        folder = tmp_path / "runs" / "killed"
        while worker.poll() is None and len(server.events) < 30:
            time.sleep(0.01)
        os.kill(worker.pid, signal.SIGKILL)
        worker.communicate()
        before = journaled(folder)
        assert 0 < len(before) < 6 * 5
        begun = len(server.events)
        done = run(tmp_path, bench(server, tmp_path, "--run", "killed"))
        assert codes(done) == [0], done.stderr
        came = [event.name for event in server.events[begun:] if not event.answered]
        after = journaled(folder)
        assert not set(before) & set(came)
        assert {name: after[name] for name in before} == before
        assert len(after) == 6 * 5  # one of zero-shot and four draws a sample
        asked = len(server.events)
        again = run(tmp_path, bench(server, tmp_path, "--run", "killed"), bench(server, tmp_path, "--run", "whole"))
        assert codes(again) == [0, 0], again.stderr
        assert journaled(tmp_path / "runs" / "whole") == after
        new = [event.name for event in server.events[asked:] if not event.answered]
        assert sum(name in after for name in new) == len(after)  # by the run that was never killed alone
        assert json.loads((folder / "run.json").read_text())


def test_an_interrupt_ends_at_once_and_keeps_what_was_answered(tmp_path: Path) -> None:
    with FaultyServer(ScriptedModel()) as server:
        hang = Failure(wait=120, body={})
        server.faults = lambda number, path, body: hang if number > 20 else None
        args, environment = command(tmp_path, *bench(server, tmp_path, "--run", "stopped", more=",concurrency=4"))
        worker = subprocess.Popen(args, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while worker.poll() is None and server.number < 24:
            time.sleep(0.01)
        time.sleep(0.2)
        worker.send_signal(signal.SIGINT)
        _, told = worker.communicate(timeout=60)
        assert worker.returncode == 130, told
        assert b"same command again" in told
        assert len(journaled(tmp_path / "runs" / "stopped")) >= 10


def test_a_dry_run_needs_no_server(tmp_path: Path, tiny_folder: Path) -> None:
    for more, counted in (("", False), (f",tokenizer={tiny_folder}", True)):
        words = ["bench", *PLAN, "--engine", f"openai:base_url=http://127.0.0.1:9/v1,model=a{more}", "--dry-run"]
        done = run(tmp_path, words)
        assert codes(done) == [0], done.stderr
        assert ("prompt tokens in the first requests" in done.stdout) == counted
        assert "coin" in done.stdout


def test_a_server_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    words = ["bench", *PLAN, "--engine", "openai:base_url=http://127.0.0.1:9/v1,patience=1"]
    done = run(tmp_path, words)
    assert codes(done) == [2], done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("kshot: the server at http://127.0.0.1:9/v1 cannot be reached")
    assert "Is it running" in last
