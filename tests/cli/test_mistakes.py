"""Whatever goes wrong, the terminal has one sentence, in whatever it can show, and nothing in it acts."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import kshot.harness.runs.console as console
from kshot.cli import main
from kshot.cli.group import OF_THE_MACHINE
from kshot.types import EngineError, UserError
from tests.places import ROOT

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\x08\u202e"


def kshot(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args])


def scripted(folder: Path, *more: object, task: object = "coin-flip") -> list[object]:
    return [
        *("bench", "--task", task, "--strategy", "zero-shot", "--runs", folder / "runs", "--run", "r"),
        *("--engine", "scripted", *more),
    ]


def sentence_of(result: Result, code: int = 2) -> str:
    """The one sentence of a command that failed."""
    assert result.exit_code == code, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("kshot: ")]
    assert len(lines) == 1 and "Traceback" not in result.output, result.output
    return lines[0]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A dataset whose every text steers a terminal."""
    path = tmp_path / "[/red]x.jsonl"
    path.parent.mkdir()
    said = [
        {"id": f"{i}{ESCAPES}", "question": f"How many? {ESCAPES}\n{i}", "answer": str(i), "cluster": ESCAPES}
        for i in range(6)
    ]
    path.write_text("\n".join(map(json.dumps, said)))
    return path


def harmless(text: str) -> bool:
    return not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)


def test_a_datasets_text_steers_no_terminal(tmp_path: Path, rows: Path) -> None:
    dry = kshot(*scripted(tmp_path, "--dry-run", task=rows))
    assert dry.exit_code == 0 and "How many?" in dry.output and harmless(dry.output), dry.output
    ran = kshot(*scripted(tmp_path, task=rows))
    assert ran.exit_code == 0 and harmless(ran.output.replace("\r", "")), ran.output
    for args in (["show", tmp_path / "runs" / "r", "--sample", "nosuch"], ["show", tmp_path / "runs" / "r"]):
        assert harmless(kshot(*args).output)
    said = sentence_of(kshot("show", tmp_path / "runs" / "r", "--sample", "nosuch"))
    assert "the run has no sample 'nosuch'" in said and "owned" not in said


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError(f"a {ESCAPES}\nmistake"), 2, "kshot: a ␈⟨U+202E⟩ mistake"),
        (UserError("long " * 5_000), 2, "kshot: long long"),
        (EngineError("no."), 1, "kshot: the engine failed: no. What was answered is kept"),
        (KeyboardInterrupt(), 130, "kshot: stopped."),
        (OSError(errno.ENOSPC, "No space left on device", "/a/b"), 2, "kshot: /a/b cannot be used (No space left on"),
        (PermissionError(errno.EACCES, "Permission denied", "/a/b"), 2, "kshot: /a/b cannot be used (Permission"),
        (RuntimeError("Could not determine home directory."), 2, "kshot: a path begins with ~"),
    ],
)
def test_every_error_is_a_sentence(error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "print_attempts", failing(error))
    found = sentence_of(kshot("show", "run"), code)
    assert found.startswith(said) and len(found) < 2_100
    assert "resume" not in found or isinstance(error, EngineError)


def test_a_reader_that_has_gone_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """`kshot show RUN | head`: rich makes a SystemExit of the pipe that broke."""
    from rich.console import Console

    class Gone:
        def write(self, _: str) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

        flush = isatty = fileno = lambda self: 0

    monkeypatch.setattr(console, "print_attempts", lambda *_: Console(file=Gone()).print("x"))  # type: ignore[arg-type]
    monkeypatch.setattr("os.dup2", lambda *_: None)  # rich shuts the standard output
    found = kshot("show", "run")
    assert (found.exit_code, found.output) == (1, "")


def test_what_nobody_foresaw_leaves_its_traceback_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(console, "print_attempts", failing(KeyError("x")))
    said = sentence_of(kshot("show", "run"), 1)
    [kept] = tmp_path.glob("kshot-*.txt")
    assert f"(KeyError: 'x'): the traceback is in {kept}; please report it." in said
    assert "Traceback" in kept.read_text() and "KeyError: 'x'" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert "no room to keep its traceback" in sentence_of(kshot("show", "run"), 1)


def test_a_users_own_file_that_fails_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def x(question):\n    yield []\n    return {}['a key']\n")
    args = scripted(tmp_path)
    args[args.index("zero-shot")] = f"{tmp_path}/mine.py:x"
    said = sentence_of(kshot(*args))
    assert f"{tmp_path}/mine.py, line 3, failed (KeyError: 'a key'): mend the file; the traceback is in " in said


WORDLESS = "class E(Exception):\n    def __str__(self): 1 / 0\n"


@pytest.mark.parametrize(
    ("option", "body", "said"),
    [
        (
            "--strategy",
            "import sys\ndef x(question):\n    sys.exit(0)\n    yield []\n",
            "line 3, failed (SystemExit: 0)",
        ),
        (
            "--strategy",
            WORDLESS + "def x(question):\n    raise E\n",
            "failed (E):",
        ),
        ("--task", WORDLESS + "def x():\n    raise E\n", "failed: E: ; mend"),
        ("--task", WORDLESS + "raise E\n", "could not be loaded: E: ; mend"),
        ("--metric", "def x(answer, sample):\n    return None\n", "gave None in place of a number"),
        ("--metric", "def x(answer):\n    return 1\n", "cannot be a metric: too many positional arguments"),
        ("--metric", "import sys\ndef x(answer, sample):\n    sys.exit(0)\n", "line 3, failed (SystemExit: 0)"),
        ("--engine", "def x(size):\n    return None\n", "cannot be an engine: missing a required argument: 'size'"),
    ],
)
def test_a_users_own_file_is_told_whatever_it_does(tmp_path: Path, option: str, body: str, said: str) -> None:
    (tmp_path / "mine.py").write_text(body)
    args = scripted(tmp_path)
    args[args.index("scripted")] = "scripted:reply=Yes."
    if option in args:
        args[args.index(option) + 1] = f"{tmp_path}/mine.py:x"
    else:
        args += [option, f"{tmp_path}/mine.py:x"]
    assert said in sentence_of(kshot(*args))


def test_a_run_that_is_stopped_is_told_how_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "run_plan", failing(KeyboardInterrupt()))
    assert "give the same command again to resume" in sentence_of(kshot(*scripted(tmp_path)), 130)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_that_lacks_a_letter_shows_a_question_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "rows.jsonl").write_text(
        "\n".join(json.dumps({"question": f"Ünï 数 {i}", "answer": f"数{i}"}) for i in range(4))
    )
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "LANG": "C", "PYTHONPATH": str(ROOT)}
    code = """
import json, sys
from kshot.cli import main
for args in json.load(sys.stdin):
    code = main(args, standalone_mode=False)
    assert not code, (args, code)
"""
    commands = [scripted(tmp_path, task=tmp_path / "rows.jsonl"), ["show", tmp_path / "runs" / "r"], ["list", "tasks"]]
    commands.append(scripted(tmp_path, "--dry-run", task=tmp_path / "rows.jsonl"))
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(commands, default=str).encode(),
        capture_output=True, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"Error" not in done.stderr and b"?" in done.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["tune", "--model", "a", "--model", "b"], "--model is given 2 times: give it once."),
        (["bench", "-n", "3", "--limit", "4", "-n", "5"], "--limit is given 3 times"),
        (["show", "run", "--task", "a", "-t", "a"], "--task is given 2 times"),
        (["view", "--open", "--no-open"], "given 2 times"),
        (["classic", "diagnose", "--out", "a", "--out", "b"], "--out is given 2 times"),
        (["tune", "--seeds", "1", "--seeds", "2"], "--seeds is given 2 times"),
        (["tune", "--batch", "-1", "--task", "coin-flip", "--method", "lora"], "--batch is -1; it must be at least 1"),
        (["tune", "--compare", ",", "--task", "coin-flip", "--method", "lora"], "--compare ',' names no strategy"),
        (["tune", "--dtype", "int8", "--task", "coin-flip", "--method", "lora"], "unknown dtype 'int8': "),
        (["bench", "--device", "tpu", "--task", "coin-flip", "--strategy", "zero-shot"], "unknown device 'tpu': "),
        (["bench", "--template", "", "--task", "coin-flip", "--strategy", "zero-shot"], "unknown template '': "),
        (["demo", "--limit", "0"], "--limit is 0; it must be at least 1"),
        (
            ["bench", "--task", "coin-flip", "--strategy", "zero-shot", "--engine", 'scripted:reply="\\ud800"'],
            "holds half of a character",
        ),
        (["demo", "--batch", "0"], "--batch is 0; it must be at least 1"),
    ],
)
def test_an_option_that_cannot_be_is_told_before_anything_is_done(args: list[str], said: str) -> None:
    assert said in sentence_of(kshot(*args))


def test_an_option_that_is_taken_often_is_given_often(tmp_path: Path) -> None:
    assert kshot(*scripted(tmp_path, "--strategy", "instruction", "--limit", "2", "--dry-run")).exit_code == 0
    assert "No such option" in kshot("show", "--nonsense", "--nonsense").output


@pytest.mark.parametrize("count", ["-1", "0"])
def test_no_attempts_cannot_be_shown(count: str) -> None:
    result = kshot("show", "run", "-n", count)
    assert result.exit_code == 2 and f"{count} is not in the range" in result.output


# ---------------------------------------------------------------- places


def test_a_place_below_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert kshot(*scripted(tmp_path, "--limit", "2")).exit_code == 0
    run, below = tmp_path / "runs" / "r", tmp_path / "file" / "below"
    for args in (
        ["report", run, "--out", below], ["export", run, "--out", below], ["show", below], ["export", below],
        ["compare", run, below], ["view", below, "--no-open"], ["report", below], ["rescore", below],
        [*scripted(tmp_path / "file")], ["classic", "run", "cp-regression", "--out", below],
    ):  # fmt: skip
        assert "file" in sentence_of(kshot(*args)), args


def test_a_report_that_is_a_folder_is_told(tmp_path: Path) -> None:
    assert kshot(*scripted(tmp_path, "--limit", "2")).exit_code == 0
    run = tmp_path / "runs" / "r"
    (run / "report.html").unlink()
    (run / "report.html").mkdir()
    for args in (["report", run], scripted(tmp_path, "--limit", "2"), ["rescore", run]):
        assert "the report cannot be written into" in sentence_of(kshot(*args))
    assert kshot("show", run).exit_code == 0


def test_a_full_disk_at_the_report_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patched:
        patched.setattr("tempfile.mkstemp", failing(full))
        patched.setattr("kshot.harness.runs.run.write_whole", lambda *_: None)
        said = sentence_of(kshot(*scripted(tmp_path, "--limit", "2")))
    assert "No space left on device" in said and "kshot report" in said
    assert kshot("report", tmp_path / "runs" / "r").exit_code == 0


def test_the_errors_of_the_machine_are_named() -> None:
    assert {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EISDIR, errno.ENOTDIR} <= OF_THE_MACHINE


# ---------------------------------------------------------------- chat templates

REFUSING = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}x"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (REFUSING.replace("'system'", "'user'"), "System role not supported"),
        ("{% for m in messages %}{{ m.content", "TemplateSyntaxError"),
        ("{{ messages[0]['content'] + 5 }}", "TypeError"),
        ("{{ messages[99]['content'].upper() }}", "UndefinedError"),
    ],
)
def test_a_chat_template_that_fails_is_told(tiny_folder: Path, tmp_path: Path, template: str, said: str) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_folder, model)
    for path in model.glob("*.jinja"):
        path.unlink()
    config = json.loads((model / "tokenizer_config.json").read_text())
    (model / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": template}))
    args = ["bench", "--task", "coin-flip", "--strategy", "zero-shot:max_new_tokens=2", "--limit", "1"]
    args += ["--model", str(model), "--runs", str(tmp_path / "runs")]
    for more in ([], ["--dry-run"]):
        found = sentence_of(kshot(*args, *more))
        assert f"the chat template of {model} fails on messages of user" in found
        assert said in found and "--template plain" in found
    assert kshot(*args, "--template", "plain").exit_code == 0


@pytest.mark.parametrize(
    "words", [("list", "tasks", ESCAPES), (f"--{ESCAPES}",), ("bench", f"--{ESCAPES}"), ("bench", "--limit", ESCAPES)]
)
def test_what_was_typed_wrongly_steers_no_terminal(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, [*words])
    assert done.exit_code == 2
    assert not set(done.output) & set("\x1b\x07\x9b\x08\u202e")
