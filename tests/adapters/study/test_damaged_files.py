"""A study's small files, damaged: named by the report, made again by `kshot tune`, and never a traceback."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from kshot.adapters.study.plan import Study
from kshot.adapters.study.read import read_study
from kshot.adapters.study.run import run_study
from kshot.adapters.training.checkpoints import last_checkpoint, mark_whole
from kshot.adapters.training.recipe import Recipe
from kshot.types import Record, UserError

pytestmark = pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning")
OPTIONS = {"device": "cpu", "dtype": "auto", "rows": 8, "trust_remote_code": False}
PLACE = "bitfit-n2-s0"
FILES = ("study.json", "rates.json", f"{PLACE}/cell.json", f"{PLACE}/training.json", f"{PLACE}/kshot_adapter.json")


def study_of(folder: Path) -> Study:
    return Study(
        model=str(folder), tasks=("coin-flip",), methods=("bitfit",), samples=(2,), prompting=("zero-shot",), limit=4,
        recipe=Recipe(epochs=1, batch_size=4), search=True, validation=4,
    )  # fmt: skip


def found_in(folder: Path) -> list[Record]:
    results = read_study(folder)
    results.close()
    return list(results.run.records)


@pytest.fixture(scope="module")
def whole(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study") / "s"
    run_study(study_of(tiny_folder), folder, OPTIONS)
    return folder


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("text", ['{"label": "a', "[]", '{"method": 5, "x": {"y": "z"}}'])
def test_a_damaged_file_is_named_and_made_again(
    tiny_folder: Path, whole: Path, tmp_path: Path, name: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "s"
    shutil.copytree(whole, folder)
    (folder / name).write_text(text)
    with suppress(UserError):
        found_in(folder)
    if (name, text[:1]) == ("study.json", "{") and "method" in text:  # other settings, as far as can be told
        with pytest.raises(UserError, match="was begun with"):
            run_study(study_of(tiny_folder), folder, OPTIONS)
        return
    capsys.readouterr()
    run_study(study_of(tiny_folder), folder, OPTIONS)
    assert found_in(folder) == found_in(whole)
    said = capsys.readouterr().err
    if name == "study.json":
        assert "study.json is damaged" in said and "written anew from this command" in said
    for file in FILES:
        if file != "rates.json":  # asked for only by a training that is not done
            assert set(json.loads((folder / file).read_text())) == set(json.loads((whole / file).read_text())), file


def test_a_report_names_what_it_leaves_out(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "s"
    shutil.copytree(whole, folder)
    (folder / PLACE / "cell.json").write_text('{"label": ')
    assert {record.strategy for record in found_in(folder)} == {"zero-shot"}
    assert f"{PLACE}/cell.json is damaged: {PLACE} is left out" in capsys.readouterr().err
    (folder / "study.json").write_text("")
    with pytest.raises(UserError, match=r"study\.json is damaged \(.*\): give the same kshot tune command again"):
        found_in(folder)


@pytest.mark.parametrize("text", ["", "1.", "nan", "soon", "\x00"])
def test_a_checkpoint_with_a_damaged_mark_is_none(tmp_path: Path, text: str) -> None:
    older, newer = (tmp_path / "checkpoints" / f"checkpoint-{step}" for step in (5, 10))
    for place in (older, newer):
        place.mkdir(parents=True)
        mark_whole(place, 1.5)
    assert last_checkpoint(tmp_path) == newer
    (newer / "whole").write_text(text)
    assert last_checkpoint(tmp_path) == (newer if text == "1." else older)
    assert newer.exists() == (text == "1.")
