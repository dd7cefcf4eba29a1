"""The fuzzer of bad input in its small form: it ends, finds nothing wrong, and tells what is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.places import ROOT

sys.path.insert(0, str(ROOT / "bench"))
bad_cases = pytest.importorskip("bad_cases")
bad_input = pytest.importorskip("bad_input")


@pytest.mark.skipif(sys.platform == "win32", reason="cases run in forks")
def test_the_small_form_finds_nothing_wrong() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    asked = [sys.executable, "bench/bad_input.py", "--small", "--cases", "24"]
    done = subprocess.run(asked, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout.splitlines()[-1])
    assert {name: found[name] for name in ("cases", *bad_input.FIELDS)} == {
        "cases": 24, "tracebacks": 0, "wrong_exit": 0, "lost": 0, "ran_code": 0,
    }, done.stdout  # fmt: skip
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("code", "said", "field"),
    [
        (2, b"kshot: rows.jsonl is empty; give it a line.", None),
        (2, b"Error: No such option: --x", None),
        (1, b"kshot: this should not have happened, and is no mistake of yours (KeyError: 'x')", "tracebacks"),
        (1, b"Traceback (most recent call last):", "tracebacks"),
        (-11, b"", "tracebacks"),
        (None, b"", "wrong_exit"),
        (0, b"done", "wrong_exit"),
        (2, b"", "wrong_exit"),
        (2, b"kshot: the name is \x1b[2J of a file", "wrong_exit"),
    ],
)
def test_what_a_command_said_is_judged(code: Any, said: bytes, field: str | None) -> None:
    judged = bad_input.judged(bad_cases.Step(("show",), (2,)), code, said)
    assert (judged and judged[0]) == field


def test_a_case_is_drawn_again_from_its_number(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    drawn = []
    for name in "ab":
        (tmp_path / name).mkdir()
        case = bad_cases.draw_case(3, 0, "tables", tmp_path / name, tmp_path / "base")
        files = {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        drawn.append((case.kind, case.steps, files))
    assert drawn[0] == drawn[1]
