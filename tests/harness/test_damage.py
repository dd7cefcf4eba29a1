"""A damaged run is told in a sentence by whatever reads it, and made good by the command that made it."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from kshot.cli import main
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.export import export
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import read_run
from kshot.harness.runs.run import rescore, run_benchmark
from kshot.harness.runs.view import store
from kshot.types import Record, Request, UserError
from tests.places import ROOT

PLAN = Plan(("coin-flip",), ("zero-shot", "few-shot:k=2", "self-consistency:base=zero-shot,n=3"), limit=4)


def reply(request: Request) -> str:
    return ("Yes.", "No.", "Who knows?")[(len(request.prompt) + request.seed) % 3]


def run_again(folder: Path) -> int:
    """Runs the plan in the folder, and gives how many requests were asked."""
    return run_benchmark(load_plan(PLAN), ScriptedEngine(reply), folder).asked


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    run_again(folder)
    return folder


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "run")
    return tmp_path / "run"


def records(folder: Path) -> list[Record]:
    with Journal.read(folder) as journal:
        return list(journal.records())


def read_all(folder: Path) -> None:
    """All that the reading commands read."""
    run, journal = read_run(folder)
    with journal:
        for record in run.records:
            for key in record.calls:
                run.call(key)
        store.state_of(journal)
        store.find(journal, store.Wanted(text="coin"), limit=9, offset=0)
        for key in store.keys(journal):
            store.get(journal, key)
    export(folder, folder.parent / "out", "csv")


DAMAGE = {
    "a record's detail": "UPDATE records SET detail = '{\"rule\": ' WHERE repeat = 0",
    "a record's detail of another kind": "UPDATE records SET detail = '[1]'",
    "a record's calls": "UPDATE records SET calls = '5'",
    "a record's answer": "UPDATE records SET answer = 'yes' WHERE answer IS NOT NULL",
    "a record's answer of another kind": "UPDATE records SET answer = '{}' WHERE answer IS NOT NULL",
    "a record's status": "UPDATE records SET status = 'fine'",
    "a record's value": "UPDATE records SET value = 'much', scores = NULL",
    "a record's scores": 'UPDATE records SET scores = \'[["accuracy", "much"]]\'',
    "a record's infinite score": "UPDATE records SET scores = '[[\"accuracy\", Infinity]]'",
    "a record's tokens": "UPDATE records SET prompt_tokens = 'many'",
    "a record's bytes": "UPDATE records SET detail = CAST(x'7bff' AS TEXT)",
    "a record's nesting": f"UPDATE records SET detail = '{'[' * 100_000}'",
    "an answer's text": "UPDATE generations SET text = '\"Ye'",
    "an answer's text of another kind": "UPDATE generations SET text = '7'",
    "an answer's end": "UPDATE generations SET finish_reason = 'end'",
    "an answer's parameters": "UPDATE generations SET params = '{}'",
    "an answer's temperature": "UPDATE generations SET params = replace(params, '0.7', '-0.7')",
    "an answer's log-likelihood": "UPDATE generations SET logprob = NULL",
    "an answer's tokens": "UPDATE generations SET tokens = '[\"a\"]'",
    "a prompt": "UPDATE prompts SET prompt = '[[\"user\"'",
    "a prompt of another kind": "UPDATE prompts SET prompt = CAST(x'5bff' AS BLOB)",
    "a sample": "UPDATE samples SET sample = '{\"id\": '",
    "a sample's choices": "UPDATE samples SET sample = replace(sample, '\"choices\":[]', '\"choices\":7')",
    "answers that are gone": "DELETE FROM generations WHERE key < '9'",
    "prompts that are gone": "DELETE FROM prompts",
    "samples that are gone": "DELETE FROM samples WHERE place > 1",
    "no table of records": "DROP TABLE records",
    "no table of answers": "DROP TABLE generations",
    "no table of prompts": "DROP TABLE prompts",
    "no table of samples": "DROP TABLE samples",
    "no table of settings": "DROP TABLE meta",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_told_by_what_reads_and_made_good_by_what_wrote(run: Path, whole: Path, name: str) -> None:
    with closing(sqlite3.connect(run / "journal.sqlite")) as connection:
        connection.execute(DAMAGE[name])
        connection.commit()
    with pytest.raises(UserError, match=r"journal\.sqlite.* is damaged"):
        read_all(run)
    with suppress(UserError):
        rescore(run)
    run_again(run)
    read_all(run)
    assert records(run) == records(whole)
    assert run_again(run) == 0


def test_rows_that_cannot_be_read_are_counted_and_the_first_is_named(run: Path) -> None:
    with closing(sqlite3.connect(run / "journal.sqlite")) as connection:
        connection.execute("UPDATE records SET detail = '' WHERE strategy = 'zero-shot' AND sample_id <> 'test-0-0'")
        connection.commit()
    said = r"the record of coin-flip, zero-shot, test-0-1, 0 and 2 more cannot be read \(Expecting value"
    with pytest.raises(UserError, match=said):
        records(run)


def test_the_commands_say_it_in_a_sentence(run: Path) -> None:
    with closing(sqlite3.connect(run / "journal.sqlite")) as connection:
        connection.execute("UPDATE records SET calls = '[\"nowhere\"]'")
        connection.commit()
    for args in (["show", run], ["report", run]):
        result = CliRunner().invoke(main, [str(arg) for arg in args])
        assert result.exit_code == 2, (args, result.output)
        assert "the answer nowhere cannot be read (it is not there): give the command" in result.output
    assert CliRunner().invoke(main, ["export", str(run)]).exit_code == 0


def test_a_damaged_setting_is_named_and_nothing_is_thrown_away(run: Path) -> None:
    with closing(sqlite3.connect(run / "journal.sqlite")) as connection:
        connection.execute("UPDATE meta SET value = '{' WHERE name = 'setting limit'")
        connection.commit()
    with pytest.raises(UserError, match="the setting limit cannot be read"):
        read_run(run)
    with pytest.raises(UserError, match="the setting limit cannot be read"):
        run_again(run)


@pytest.mark.parametrize("value", [None, "5", "[1]", '{"a": 1}', "null", '"x"', "[[]]", "-1", "1e99"])
def test_settings_of_another_kind_end_in_a_sentence_or_in_nothing(run: Path, value: str | None) -> None:
    with Journal.read(run) as journal:
        names = list(journal.settings())
    for name in names:
        with closing(sqlite3.connect(run / "journal.sqlite")) as connection:
            [kept] = connection.execute("SELECT value FROM meta WHERE name = ?", (f"setting {name}",)).fetchone()
            if value is None:
                connection.execute("DELETE FROM meta WHERE name = ?", (f"setting {name}",))
            else:
                connection.execute("UPDATE meta SET value = ? WHERE name = ?", (value, f"setting {name}"))
            connection.commit()
        for use in (read_all, rescore, read_all):
            with suppress(UserError):
                use(run)
        with closing(sqlite3.connect(run / "journal.sqlite")) as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"setting {name}", kept))
            connection.commit()
    assert run_again(run) == 0


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bytes_and_a_cut_end_in_a_sentence_or_in_nothing(run: Path, seed: int) -> None:
    chance = random.Random(seed)
    path = run / "journal.sqlite"
    data = bytearray(path.read_bytes())
    if seed % 4 == 0:
        del data[chance.randrange(len(data)) :]
    for _ in range(chance.choice((1, 10, 200))):
        if data:
            data[chance.randrange(len(data))] = chance.randrange(256)
    path.write_bytes(bytes(data))
    for use in (read_all, rescore, run_again, read_all):
        with suppress(UserError):
            use(run)


def test_a_folder_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "run" / "journal.sqlite").mkdir(parents=True)
    for folder in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "run"):
        with pytest.raises(UserError):
            run_again(folder)
        with pytest.raises(UserError):
            read_run(folder)


# ---------------------------------------------------------------- a medium that cannot be written


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that another user can read, and nobody but root can write."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    yield place
    for path in place.rglob("*"):
        path.chmod(0o755)
    shutil.rmtree(place)


HUMBLE = """
import ctypes, os, sys
for right in (1, 2):  # root's own, to write and to read whatever a file's mode says
    ctypes.CDLL(None).prctl(24, right, 0, 0, 0)
run = '''
import json, sys
from click.testing import CliRunner
from kshot.cli import main
done = [CliRunner().invoke(main, args) for args in json.loads(sys.argv[1])]
print(json.dumps([[one.exit_code, one.output] for one in done]))
'''
os.execv(sys.executable, [sys.executable, "-c", run, *sys.argv[1:]])
"""


def as_another(folder: Path, *commands: Sequence[str]) -> list[tuple[int, str]]:
    """Exit code and output of commands by a user whom files' modes bind."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", HUMBLE, json.dumps(commands)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, env=environment)
    return [(code, said) for code, said in json.loads(done.stdout.splitlines()[-1])]


@pytest.mark.parametrize("log", [False, True])
def test_a_run_that_cannot_be_written_is_read(whole: Path, readable: Path, log: bool) -> None:
    run = readable / "run"
    shutil.copytree(whole, run)
    expected = records(whole)
    if log:  # as a killed process leaves it: the newest record is in the log alone
        kill = (
            "import os, sqlite3; c = sqlite3.connect('journal.sqlite'); c.execute('PRAGMA wal_autocheckpoint=0'); "
            "c.execute(\"UPDATE records SET seconds = 77 WHERE strategy = 'zero-shot'\"); c.commit(); os._exit(0)"
        )
        subprocess.run([sys.executable, "-c", kill], cwd=run, check=True)
        (run / "journal.sqlite-shm").unlink()
        assert (run / "journal.sqlite-wal").stat().st_size
    for path in [*run.rglob("*"), run]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    names = sorted(path.name for path in run.iterdir())
    out = Path(tempfile.mkdtemp())
    out.chmod(0o777)
    for code, said in as_another(
        readable,
        *(["show", str(run), "--count", "20"], ["export", str(run), "--out", str(out), "--format", "csv"]),
        *(["compare", str(run), str(run)], ["report", str(run), "--out", str(out)]),
    ):
        assert code == 0, said
    rows = (out / "records.csv").read_text().splitlines()
    assert len(rows) == 1 + len(expected)
    assert sum(",77," in row for row in rows) == (4 if log else 0)
    assert (out / "report.html").is_file()
    shutil.rmtree(out)
    for code, said in as_another(readable, ["report", str(run)], ["export", str(run)], ["rescore", str(run)]):
        assert code == 2 and "cannot be written" in said, said
    assert sorted(path.name for path in run.iterdir()) == names
