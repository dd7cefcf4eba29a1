"""Records and calls as Parquet and CSV: what is read back is what the journal holds."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from pyarrow import parquet

from kshot.cli import main
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.export import export
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark
from kshot.types import UserError

NASTY = 'a "quoted",\ncomma\x00 <b> =1+1 \ud800 ünï'


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "run"
    plan = Plan(("word-pairs",), ("zero-shot", "few-shot:k=2"), limit=4)
    run_benchmark(load_plan(plan), ScriptedEngine(lambda request: f"{NASTY} {len(request.prompt)}"), folder)
    return folder


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_what_is_exported_is_what_the_journal_holds(run: Path, tmp_path: Path, format: str) -> None:
    written = export(run, tmp_path / "out", format)
    assert [(path.name, count) for path, count in written] == [(f"records.{format}", 8), (f"calls.{format}", 8)]
    if format == "parquet":
        records, calls = (parquet.read_table(path).to_pylist() for path, _ in written)
    else:
        texts = (path.read_text(encoding="utf-8") for path, _ in written)
        records, calls = (list(csv.DictReader(io.StringIO(text, newline=""))) for text in texts)
    with Journal.read(run) as journal:
        expected = list(journal.records())
        answered = {key: (request, generation) for key, request, generation in journal.calls()}
        assert answered == {key: journal.call(key) for key in answered}
    assert [(row["task"], row["strategy"], row["sample_id"]) for row in records] == [
        (record.task, record.strategy, record.sample_id) for record in expected
    ]
    assert [float(row["score"]) for row in records] == [record.score.value for record in expected]
    assert [json.loads(row["calls"]) for row in records] == [list(record.calls) for record in expected]
    for row in calls:
        request, generation = answered[row["key"]]
        assert row["text"] == generation.text.replace("\ud800", "?")
        assert int(row["max_new_tokens"]) == request.params.max_new_tokens
        assert json.loads(row["prompt"]) == [[turn.role, turn.content] for turn in request.prompt]  # type: ignore[union-attr]


def test_the_command_names_its_files(run: Path) -> None:
    result = CliRunner().invoke(main, ["export", str(run)])
    assert result.exit_code == 0, result.output
    assert (run / "export" / "records.parquet").is_file()
    assert "8 rows" in result.output


def test_what_cannot_be_exported_is_said_in_a_sentence(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run"):
        export(tmp_path, tmp_path / "out", "csv")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        export(run, tmp_path / "file", "csv")


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_a_strangers_links_are_not_followed(run: Path, tmp_path: Path, format: str) -> None:
    stranger = shutil.copytree(run, tmp_path / "run")
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (stranger / "export").mkdir(exist_ok=True)
    for name in ("records", "calls"):
        (stranger / "export" / f"{name}.{format}").unlink(missing_ok=True)
        (stranger / "export" / f"{name}.{format}").symlink_to(precious)
    export(stranger, stranger / "export", format)
    assert precious.read_text() == "mine" and not (stranger / "export" / f"calls.{format}").is_symlink()
    shutil.rmtree(stranger / "export")
    (stranger / "export").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(UserError, match="export is a link, through which nothing is written"):
        export(stranger, stranger / "export", format)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_what_cannot_be_exported_to_its_end_leaves_what_was_there(run: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(run, tmp_path / "run")
    [(path, _), _] = export(damaged, tmp_path / "out", "csv")
    before = path.read_bytes()
    with closing(sqlite3.connect(damaged / "journal.sqlite")) as connection:
        connection.execute("UPDATE records SET calls = 'x' WHERE strategy = 'zero-shot'")
        connection.commit()
    with pytest.raises(UserError, match="is damaged"):
        export(damaged, tmp_path / "out", "csv")
    assert path.read_bytes() == before and len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_a_folder_may_have_any_name(run: Path, tmp_path: Path, format: str) -> None:
    folder = tmp_path / "\udcff ü"
    assert [path.stat().st_size > 0 for path, _ in export(run, folder, format)].count(True) >= 2
