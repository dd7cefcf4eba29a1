"""What a run records of where and with what it was made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import pytest

import kshot
from kshot.harness import provenance


def test_versions_are_those_installed() -> None:
    found = provenance.collect()
    assert json.loads(json.dumps(found)) == found
    assert found["kshot"] == kshot.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["packages"]["torch"] == metadata.version("torch")
    for package in ("transformers", "peft"):
        assert found["packages"][package] == metadata.version(package)
    assert found["cores"] == len(os.sched_getaffinity(0))
    assert found["memory"] == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    age = datetime.now(UTC) - datetime.fromisoformat(found["started"])
    assert timedelta(0) <= age < timedelta(minutes=1)
    assert provenance.version("no-such-package") is None


def test_the_command_is_kept_without_the_programs_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/home/someone/bin/kshot", "bench", "--task", "scan"])
    assert provenance.collect()["command"] == ["kshot", "bench", "--task", "scan"]


def test_no_variable_of_the_environment_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_verysecretindeed")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-verysecretindeed")
    assert "verysecretindeed" not in json.dumps(provenance.collect())


def test_nothing_heavy_is_imported_for_it() -> None:
    code = "import sys; from kshot.harness.provenance import collect; collect(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_the_commit_is_kshots_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        done = subprocess.run(["git", *identity, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    package = tmp_path / "kshot"
    package.mkdir()
    shutil.copy(kshot.__file__, package)
    monkeypatch.setattr(kshot, "__file__", str(package / "__init__.py"))
    assert provenance.commit() is None
    git("init", "--quiet")
    git("add", "kshot")
    git("commit", "--quiet", "-m", "first")
    head = git("rev-parse", "HEAD")
    assert provenance.commit() == head
    (package / "new.py").touch()
    assert provenance.commit() == head + "+"
    installed = tmp_path / "venv" / "kshot"  # within a repository that is not kshot's
    installed.mkdir(parents=True)
    monkeypatch.setattr(kshot, "__file__", str(installed / "__init__.py"))
    assert provenance.commit() is None
