"""The user's cache: a place that does not do is told, and what a kill has left is taken away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kshot.harness.models import cache
from kshot.harness.models.cache import beside, cache_folder, once, weights_hash
from kshot.harness.models.gguf import converted_folder
from kshot.types import UserError


def nothing(scratch: Path) -> None:
    (scratch / "done").touch()


def test_a_cache_below_a_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    for place in ("file", "file/below"):
        monkeypatch.setenv("KSHOT_CACHE", str(tmp_path / place))
        with pytest.raises(UserError, match=r"file.* cannot be written \(.*\); set KSHOT_CACHE to a folder that can"):
            once(converted_folder("a" * 64), nothing)


@pytest.mark.parametrize("number", [30, 13, 28])
def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    for what in ("mkdir", "is_dir"):
        with monkeypatch.context() as patched:
            patched.setattr(Path, what, refuse)
            with pytest.raises(UserError, match="set KSHOT_CACHE"):
                once(tmp_path / "cache" / "model", nothing)
    assert (once(tmp_path / "cache" / "model", nothing) / "done").is_file()


def test_no_home_is_told_where_one_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    for name in ("KSHOT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="set KSHOT_CACHE"):
        cache_folder()
    (tmp_path / "config.json").write_text("{}")
    assert len(weights_hash(tmp_path)) == 16  # only slower
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder() == Path("/x/kshot")


def test_a_damaged_memory_of_a_hash_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    (tmp_path / "model" / "dangling.json").symlink_to(tmp_path / "nowhere")
    found = weights_hash(tmp_path / "model")
    [memory] = (tmp_path / "cache" / "hashes").iterdir()
    for text in ("", found[:7], "\x00" * 16, found):
        memory.write_text(text)
        assert weights_hash(tmp_path / "model") == found
    assert memory.read_text() == found


KILLED = """
import sys, time
from pathlib import Path
from kshot.harness.models.cache import beside, once
def make(scratch):
    (beside(scratch) / "weights.gguf").write_bytes(b"x" * 1000)
    (scratch / "half").touch()
    print("there", flush=True)
    time.sleep(60)
once(Path(sys.argv[1]), make)
"""


def test_what_a_kill_has_left_is_taken_away(tmp_path: Path) -> None:
    old, young, linked = (tmp_path / name for name in ("tmpab12cd", "tmpyoung", "tmplink"))
    for place in (old, young):
        place.mkdir()
        (place / "weights.gguf").write_bytes(b"x")
    linked.symlink_to(young)
    os.utime(old, (time.time() - 2 * cache.STALE,) * 2)
    for _ in range(2):
        command = [sys.executable, "-c", KILLED, str(tmp_path / "model")]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout and process.stdout.readline() == b"there\n"
            process.send_signal(signal.SIGKILL)
    assert {path.name for path in tmp_path.iterdir()} >= {"model.partial", "model.partial.parts"}
    once(tmp_path / "model", lambda scratch: nothing(beside(scratch)) or nothing(scratch))
    assert {path.name for path in tmp_path.iterdir()} - {"model.lock"} == {"model", "tmpyoung", "tmplink"}
