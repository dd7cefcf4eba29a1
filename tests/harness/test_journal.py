"""The journal: one writer, readers beside it, all that is stored comes back, from earlier formats too."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from kshot.harness.journal import Journal, request_key
from kshot.harness.runs.view.store import Wanted, find
from kshot.harness.schema import FORMAT
from kshot.types import Generation, Message, Prediction, Record, Request, Sample, SamplingParams, Score, UserError
from tests.places import ROOT

HOT = SamplingParams(temperature=0.7)


def test_keys_name_what_changes_an_answer_and_nothing_else() -> None:
    def key(engine: str = "e", **fields: object) -> str:
        return request_key(engine, Request(**{"prompt": "p", **fields}))  # type: ignore[arg-type]

    assert key() == key(seed=5)  # greedy
    assert key(params=HOT) != key(params=HOT, seed=5)
    assert key() != key("other") != key(prompt="q")
    assert key(prompt=(Message("user", "p"),)) != key()
    assert key(continuation=" a") == key(continuation=" a", params=HOT, seed=3) != key(continuation=" b")
    assert key(logprobs=True) == key(logprobs=True, seed=5) != key()
    assert key(logprobs=True, continuation=" a") not in (key(logprobs=True), key(continuation=" a"))
    # scores behind blanks were of other tokens once: a run from then asks for them anew, and for nothing else
    assert key(continuation="a") == old_key("e", "p", "a")
    assert key(prompt="p ", continuation="a") != old_key("e", "p ", "a")


def old_key(engine: str, prompt: str, continuation: str) -> str:
    def hashed(value: object) -> str:
        return blake2b(json.dumps(value, separators=(",", ":")).encode(), digest_size=16).hexdigest()

    return hashed([engine, hashed(prompt), continuation])


def test_one_writer_at_a_time_and_readers_beside(tmp_path: Path) -> None:
    with Journal.open(tmp_path, {"a": 1}) as journal:
        with pytest.raises(UserError, match="in use by process"):
            Journal.open(tmp_path, {"a": 1})
        journal.put("k", Request("p"), Generation("text", "stop"))
        journal.commit()
        with Journal.read(tmp_path) as reader:
            assert reader.get("k") == Generation("text", "stop")
    Journal.open(tmp_path, {"a": 1}).close()


def test_other_settings_are_shown(tmp_path: Path) -> None:
    with Journal.open(tmp_path, {"limit": 10, "seed": 0}) as journal:
        journal.put("k", Request("p"), Generation("text", "stop"))
    with pytest.raises(UserError, match=r"other settings \(limit: 10 -> 20\)"):
        Journal.open(tmp_path, {"limit": 20, "seed": 0})


def test_a_run_without_an_answer_binds_nothing(tmp_path: Path) -> None:
    with Journal.open(tmp_path, {"limit": 10, "old": 0}) as journal:
        journal.add_samples("t", [Sample("s", "q", "t"), Sample("gone", "q", "t")])
        journal.note("names", "{}")
    with Journal.open(tmp_path, {"limit": 20}) as journal:
        assert journal.settings() == {"limit": 20}
        assert journal.noted("names") is None
        journal.add_samples("t", [Sample("s", "another", "t")])
        journal.add_samples("t", [Sample("s", "a third", "t")])
        assert list(journal.samples().values()) == [Sample("s", "a third", "t")]


def test_damage_and_a_full_disk_get_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "journal.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(UserError, match="damaged"):
        Journal.open(tmp_path / "bad", {})
    with pytest.raises(UserError, match="holds no run"):
        Journal.read(tmp_path / "none")
    with Journal.open(tmp_path / "full", {}) as journal:
        journal.put("first", Request("p"), Generation("kept", "stop"))
        journal.commit()
        pages = journal.connection.execute("PRAGMA page_count").fetchone()[0]
        journal.connection.execute(f"PRAGMA max_page_count={pages + 2}")
        with pytest.raises(UserError, match="free some disk space"):
            for index in range(500):
                journal.put(str(index), Request("p" * 500), Generation("x" * 500, "stop"))
        journal.connection.rollback()
    with Journal.read(tmp_path / "full") as journal:
        assert journal.get("first") == Generation("kept", "stop")


def test_what_is_stored_comes_back(tmp_path: Path) -> None:
    request = Request((Message("user", "a\x00b\ud800"),), SamplingParams(0.5, 0.9, 7, ("x", "\n")), 3, logprobs=True)
    generation = Generation("t\x00\ud800\u202e", "length", 1, 2, 3, -4.5, 6.25, (5, 0), (-0.1, -math.inf))
    sample = Sample("s", "q", "t", "r", ("a", "b"), "c")
    predictions = [
        Prediction("7", "ok", "stated", (1, 2)),
        Prediction(None, "truncated", rejected="none"),
        Prediction("7", "ok", "majority of 3", answers=("7", None, "7"), detail={"votes": {"7": 2}}),
        Prediction("a", "ok", "softmax", probabilities={"a": 0.75, "b": 0.25}, detail={"reward": None, "steps": ["1"]}),
    ]
    scores = [Score(1.0, True), Score(0.0, False), Score({"z": 0.5, "a": 0.25}, True), Score({"recall": 1 / 3}, True)]
    records = [
        Record("t", "s", "s", repeat, prediction, score, ("k",), 1, 2, 3, 0.5)
        for repeat, (prediction, score) in enumerate(zip(predictions, scores, strict=True))
    ]
    with Journal.open(tmp_path, {}) as journal:
        journal.put("k", request, generation)
        journal.add_samples("t", [sample])
        for record in records:
            journal.add_record(record)
    with Journal.read(tmp_path) as journal:
        assert journal.call("k") == (request, generation)
        assert journal.samples() == {("t", "s"): sample}
        assert list(journal.records()) == records
        assert [record.score.value for record in journal.records()] == [1, 0, 0.5, 1 / 3]
    with Journal.open(tmp_path, {}) as journal, pytest.raises(UserError, match="the data has changed"):
        journal.add_samples("t", [Sample("s", "another", "t")])
    sqlite3.connect(tmp_path / "journal.sqlite").close()


@pytest.mark.parametrize("version", [1, FORMAT + 1])
def test_a_journal_of_an_unknown_format_is_refused(tmp_path: Path, version: int) -> None:
    folder = tmp_path / "r"
    Journal.open(folder, {}).close()
    with closing(sqlite3.connect(folder / "journal.sqlite")) as connection:
        connection.execute(f"PRAGMA user_version={version}")
    for use in (lambda: Journal.open(folder, {}), lambda: Journal.read(folder)):
        with pytest.raises(UserError, match=f"format {version}, and this one reads 2 to {FORMAT}.: read it") as told:
            use()
        assert str(told.value).endswith("--run name.") and "\n" not in str(told.value)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A run of format 2."""
    shutil.copytree(ROOT / "tests/before/run", tmp_path / "old")
    return tmp_path / "old"


def columns_of(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Each table's columns with their types."""
    with closing(sqlite3.connect(folder / "journal.sqlite")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: [(row[1], row[2]) for row in connection.execute(f"PRAGMA table_info({table})")] for table in tables
        }


def stored(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "journal.sqlite")) as connection:
        return connection.execute(query).fetchall()


def test_an_earlier_journal_is_read_without_being_written(old: Path) -> None:
    before = (old / "journal.sqlite").read_bytes()
    assert stored(old, "PRAGMA user_version") == [(2,)]
    with Journal.read(old) as journal:
        calls, records = list(journal.calls()), list(journal.records())
        assert [(len(calls),)] == stored(old, "SELECT count(*) FROM generations")
        assert [(len(records),)] == stored(old, "SELECT count(*) FROM records") == [(80,)]
        for key, request, generation in calls:
            assert not request.logprobs and generation.tokens == generation.token_logprobs == ()
            assert journal.get(key) == generation and journal.call(key) == (request, generation)
        count, found = find(journal, Wanted(outcome="right"), limit=1000, offset=0)
        assert found == [record for record in records if record.score.value == 1] and len(found) == count > 0
    assert (old / "journal.sqlite").read_bytes() == before
    assert {path.name for path in old.iterdir()} == {"journal.sqlite", "run.json"}


def test_an_earlier_records_detail_becomes_its_fields(old: Path) -> None:
    with Journal.read(old) as journal:
        records = {(r.task, r.strategy, r.sample_id, r.repeat): r for r in journal.records()}
    query = "SELECT task, strategy, sample_id, repeat, detail, value, answered FROM records"
    for *key, text, value, answered in stored(old, query):
        detail, record = json.loads(text), records[tuple(key)]
        prediction = record.prediction
        assert prediction.rule == detail.pop("rule")
        assert prediction.span == (tuple(span) if (span := detail.pop("span")) else None)
        assert prediction.rejected == detail.pop("rejected", None)
        assert prediction.answers == tuple(detail.pop("answers", ()))
        assert (prediction.probabilities, prediction.detail) == ({}, detail)
        assert record.score == Score({"accuracy": value}, bool(answered))
    assert any(record.prediction.answers for record in records.values())


def test_an_earlier_journal_that_goes_on_gets_todays_tables_and_keeps_its_answers(old: Path, tmp_path: Path) -> None:
    new = Generation("t", "stop", tokens=(1,), token_logprobs=(-1.0,))
    with Journal.read(old) as journal:
        settings, calls, records = journal.settings(), list(journal.calls()), list(journal.records())
        with Journal.open(old, settings) as writer:
            writer.put("new", Request("p", logprobs=True), new)
            writer.add_record(replace(records[0], repeat=7, score=Score({"f1": 0.5}, True)))
            writer.commit()
            assert [call for call in journal.calls() if call[0] != "new"] == calls  # who began to read before goes on
            assert [record for record in journal.records() if record.repeat != 7] == records
    Journal.open(tmp_path / "new", {}).close()
    assert columns_of(old) == columns_of(tmp_path / "new")
    assert stored(old, "PRAGMA user_version") == [(FORMAT,)]
    Journal.open(old, settings).close()  # and again, with nothing left to add
    with Journal.read(old) as journal:
        assert [call for call in journal.calls() if call[0] != "new"] == calls
        assert journal.call("new") == (Request("p", logprobs=True), new)
        assert [record for record in journal.records() if record.repeat != 7] == records


def test_an_earlier_journal_that_is_refused_stays_as_it_is(old: Path) -> None:
    with pytest.raises(UserError, match="other settings"):
        Journal.open(old, {"another": 1})
    assert stored(old, "PRAGMA user_version") == [(2,)]
    with Journal.read(old) as journal:
        settings = journal.settings()
    try:
        Journal.open(old, {"another": 1})
    except UserError:
        Journal.open(old, settings).close()  # nothing is locked, even while the error is at hand


def test_a_detail_of_another_kind_is_kept_as_it_is(tmp_path: Path) -> None:
    """A user's own strategy may have kept anything under these names."""
    kept = {"rule": "mine", "answers": "7 or 8", "probabilities": [0.5], "rejected": None}
    record = Record("t", "s", "s", 0, Prediction("7", "ok", detail=kept), Score(1.0, True), ())
    with Journal.open(tmp_path, {}) as journal:
        journal.add_record(record)
        [found] = journal.records()
        journal.add_record(found)
        assert list(journal.records()) == [found]
    assert found.prediction == Prediction("7", "ok", "mine", detail={"answers": "7 or 8", "probabilities": [0.5]})
    with pytest.raises(UserError, match="rule"):
        Prediction("7", "ok", kept)  # type: ignore[arg-type]


def test_draws_of_a_prompt_store_it_once(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "r", {}) as journal:
        requests = [Request("x" * 5000, SamplingParams(temperature=1.0), seed=seed) for seed in range(20)]
        for request in requests:
            journal.put(request_key("e", request), request, Generation("y", "stop"))
        assert [journal.call(request_key("e", request))[0] for request in requests] == requests
        assert journal.connection.execute("SELECT count(*) FROM prompts").fetchone() == (1,)
