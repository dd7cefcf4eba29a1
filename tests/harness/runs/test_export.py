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
from kshot.harness.runs.export import export, neutral, restored
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark
from kshot.types import Request, UserError

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
    names = [(path.name, count) for path, count in written]
    assert names == [(f"scores.{format}", 2), (f"records.{format}", 8), (f"calls.{format}", 8)]
    if format == "parquet":
        records, calls = (parquet.read_table(path).to_pylist() for path, _ in written[1:])
    else:
        texts = (path.read_text(encoding="utf-8") for path, _ in written[1:])
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


def made(folder: Path, replies: dict[str, str]) -> Path:
    """A run of one text a sample, on a task of the user's own: target to reply."""
    rows = [{"question": f"q{i}", "answer": target, "id": i} for i, target in enumerate(replies)]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    plan = Plan((f"{folder / 'rows.jsonl'}:answer=text",), ("zero-shot",))
    texts = list(replies.values())

    def reply(request: Request) -> str:
        asked = str(request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content)
        return max(text for text in enumerate(texts) if f"q{text[0]}" in asked)[1]

    run_benchmark(load_plan(plan), ScriptedEngine(reply), folder / "run")
    return folder / "run"


def cells(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8"), newline="")))


HARMFUL = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1+1", "\uff0b1", "'=1", "''-x")
HARMLESS = ("-5", "plain", "'tis", "a=b")


def test_no_cell_of_csv_is_a_formula(tmp_path: Path) -> None:
    run = made(tmp_path, {f"target {i}": text for i, text in enumerate([*HARMFUL, *HARMLESS])})
    export(run, tmp_path / "safe", "csv")
    export(run, tmp_path / "as-is", "csv", as_is=True)
    for name in ("scores", "records", "calls"):
        safe, as_is = (cells(tmp_path / kind / f"{name}.csv") for kind in ("safe", "as-is"))
        for row in safe:
            begin = [text for text in row.values() if text.startswith((*"=+@\t\r\uff1d\uff0b", "-1+"))]
            assert not set(begin) - {"+1"}, row  # which is a number
        assert [{key: restored(text) for key, text in row.items()} for row in safe] == as_is
    safe_texts, texts = ({row["text"] for row in cells(tmp_path / kind / "calls.csv")} for kind in ("safe", "as-is"))
    assert {"-5", "'tis", "a=b", "''=1", "'''-x"} <= safe_texts
    assert {"-5", "'tis", "a=b", "'=1", "''-x"} <= texts
    result = CliRunner().invoke(main, ["export", str(run), "-f", "csv", "--as-is", "--out", str(tmp_path / "cli")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "cli" / "calls.csv").read_bytes() == (tmp_path / "as-is" / "calls.csv").read_bytes()


@pytest.mark.parametrize("text", [*HARMFUL, "-5", "+1.5e-3", "-.5", "-", "", "'", "''", "x", "-5\n", "\n=1"])
def test_what_was_made_harmless_comes_back(text: str) -> None:
    assert restored(neutral(text)) == text
    assert (neutral(text) == text) == (text in ("-5", "+1.5e-3", "-.5", "", "'", "''", "x"))


def test_numbers_of_csv_stay_numbers(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "out", "csv")
    for row in cells(tmp_path / "out" / "calls.csv"):
        assert float(row["logprob"]) <= 0
        assert float(row["temperature"]) == 0.0


def test_the_scores_have_what_they_are_to_be_held_against(tmp_path: Path) -> None:
    loaded = load_plan(Plan(("coin-flip",), ("zero-shot",), limit=10))
    targets = [sample.target for sample in loaded.samples["coin-flip"]]
    run_benchmark(loaded, ScriptedEngine(lambda _: "No."), tmp_path / "run")
    [(path, count), *_] = export(tmp_path / "run", tmp_path / "out", "csv")
    [row] = cells(path)
    assert count == 1
    best = max(("no", "yes"), key=targets.count)
    shown = ("metric", "samples", "best_constant_answer", "distinct_answers", "commonest_answer", "interval", "note")
    assert [row[name] for name in shown] == [
        *("accuracy", "10", best, "1", "no", "95%, Wilson"),
        "one answer to everything; not shown to be above the best constant answer",
    ]
    assert (float(row["mean"]), float(row["best_constant"])) == (targets.count("no") / 10, targets.count(best) / 10)
    assert {each["metric"] for each in cells(tmp_path / "out" / "records.csv")} == {"accuracy"}


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_a_strangers_links_are_not_followed(run: Path, tmp_path: Path, format: str) -> None:
    stranger = shutil.copytree(run, tmp_path / "run")
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (stranger / "export").mkdir(exist_ok=True)
    for name in ("scores", "records", "calls"):
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
    [_, (path, _), _] = export(damaged, tmp_path / "out", "csv")
    before = path.read_bytes()
    with closing(sqlite3.connect(damaged / "journal.sqlite")) as connection:
        connection.execute("UPDATE records SET calls = 'x' WHERE strategy = 'zero-shot'")
        connection.commit()
    with pytest.raises(UserError, match="is damaged"):
        export(damaged, tmp_path / "out", "csv")
    assert path.read_bytes() == before and len(list((tmp_path / "out").iterdir())) == 3


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_a_folder_may_have_any_name(run: Path, tmp_path: Path, format: str) -> None:
    folder = tmp_path / "\udcff ü"
    assert [path.stat().st_size > 0 for path, _ in export(run, folder, format)].count(True) >= 2
