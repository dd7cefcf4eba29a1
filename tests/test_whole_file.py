"""Small files are whole or not there, and a damaged one is named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.report.model import Report
from kshot.eval.report.publish import write
from kshot.types import UserError
from kshot.whole_file import DamagedFile, read_object, write_whole


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_stop_in_between_leaves_what_was_there(tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    write_whole(path, "old")

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, step, stopped)
        with pytest.raises(KeyboardInterrupt):
            write_whole(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["state.json"]
    write_whole(path, "new")
    assert path.read_text() == "new"


def test_what_cannot_be_written_goes_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    with pytest.raises(OSError, match=r"'\S*/state\.json'$"):
        write_whole(tmp_path / "state.json", "new")
    assert os.listdir(tmp_path) == ["state.json"]


def test_it_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"\x00\xff")
    (tmp_path / "b").write_bytes(b"\x00\xff")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize("text", ["", '{"a": ', "[1]", "null", "\x00\xff", "[" * 100_000, '{"a": ' + "9" * 5000 + "}"])
def test_what_is_no_object_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(DamagedFile, match=r"state\.json is damaged \(.*\): delete it\.$") as told:
        read_object(path, "delete it")
    assert told.value.path == path and isinstance(told.value, UserError)


def test_a_report_follows_no_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "report.md").symlink_to(precious)
    (folder / "report.html").symlink_to(precious)
    write(Report("title", [], []), folder)
    assert precious.read_text() == "mine"
    assert "title" in (folder / "report.md").read_text()
    (folder / "figures").symlink_to(tmp_path)
    with pytest.raises(UserError, match="figures is a link"):
        write(Report("title", [], []), folder)


@pytest.mark.parametrize("name", ["report.html", "report.md"])
def test_a_report_that_cannot_be_written_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(UserError, match=r"cannot be written into .* \(Is a directory\)"):
        write(Report("title", [], []), tmp_path)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written into"):
        write(Report("title", [], []), tmp_path / "file" / "below")
