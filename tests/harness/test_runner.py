"""The runner and its journal: replay, resume, one writer, clear errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal, request_key
from kshot.harness.runner import Job, replay, run_jobs
from kshot.harness.runs.plan import Plan, load_plan
from kshot.program import gather, reseed
from kshot.types import (
    EngineError,
    Generation,
    Message,
    Prediction,
    Program,
    Record,
    Request,
    Sample,
    SamplingParams,
    Score,
    UserError,
)

HOT = SamplingParams(temperature=0.7)


def reply(request: Request) -> str:
    assert isinstance(request.prompt, str)
    return f"<{request.prompt}/{request.seed}>"


def chain(name: str, steps: int) -> Program[str]:
    """Sequential: each prompt goes on from the last reply."""
    text = name
    for _ in range(steps):
        [generation] = yield [Request(text)]
        text += generation.text
    return text


def draws(name: str, n: int) -> Program[list[str]]:
    """Side by side: the same prompt with n seeds."""

    def one() -> Program[str]:
        [generation] = yield [Request(name, HOT)]
        return generation.text

    return gather(reseed(one(), seed) for seed in range(n))


def jobs(shapes: list[tuple[int, int]]) -> list[Job[object]]:
    made: list[Job[object]] = []
    for index, (steps, n) in enumerate(shapes):
        made.append(Job(("chain", index), lambda i=index, s=steps: chain(f"c{i % 3}", s)))  # type: ignore[misc]
        made.append(Job(("draws", index), lambda i=index, n=n: draws(f"d{i}", n)))  # type: ignore[misc]
    return made


def run(
    engine: ScriptedEngine, folder: Path, made: list[Job[object]], window: int | None = None
) -> dict[object, object]:
    results: dict[object, object] = {}
    with Journal.open(folder, {"engine": engine.id}) as journal:
        run_jobs(
            engine, made, journal, done=lambda job, result, calls: results.update({job.key: result}), window=window
        )
    return results


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shapes=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=8),
    window=st.integers(1, 30),
    order=st.sampled_from(["fifo", "lifo", "random"]),
)
def test_order_and_window_change_no_result(
    shapes: list[tuple[int, int]], window: int, order: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    expected = run(ScriptedEngine(reply), tmp_path_factory.mktemp("a"), jobs(shapes))
    engine = ScriptedEngine(reply, order=order)
    assert run(engine, tmp_path_factory.mktemp("b"), jobs(shapes), window) == expected
    keys = [request_key("scripted", request) for request in engine.asked]
    assert len(keys) == len(set(keys))  # nothing is asked twice, in flight or after


def test_a_stopped_run_resumes_without_asking_again(tmp_path: Path) -> None:
    shapes = [(3, 4)] * 6
    expected = run(ScriptedEngine(reply), tmp_path / "whole", jobs(shapes))
    asked: list[str] = []

    class Dies(ScriptedEngine):
        def collect(self) -> list[tuple[int, Generation]]:
            if len(asked) + len(self.asked) - len(self.waiting) > 17:
                raise KeyboardInterrupt
            return super().collect()

    first = Dies(reply)
    with pytest.raises(KeyboardInterrupt):
        run(first, tmp_path / "cut", jobs(shapes), window=5)
    waiting = [request for _, request in first.waiting]
    answered = {request_key("scripted", r) for r in first.asked} - {request_key("scripted", r) for r in waiting}
    second = ScriptedEngine(reply, order="lifo")
    assert run(second, tmp_path / "cut", jobs(shapes), window=30) == expected
    assert not answered & {request_key("scripted", r) for r in second.asked}


def test_memory_is_bounded_by_the_window(tmp_path: Path) -> None:
    started = finished = most = 0

    def count() -> Iterator[Job[str]]:
        nonlocal started, most
        for index in range(3000):
            started += 1
            most = max(most, started - finished)
            yield Job(index, lambda index=index: chain(f"x{index}", 2))  # type: ignore[misc]

    def done(*_: object) -> None:
        nonlocal finished
        finished += 1

    with Journal.open(tmp_path, {}) as journal:
        run_jobs(ScriptedEngine(reply), count(), journal, done=done, window=20)
    assert finished == 3000
    assert most <= 21


def test_what_has_begun_goes_before_what_has_not(tmp_path: Path) -> None:
    class Watched(ScriptedEngine):
        tickets: dict[int, str] = {}  # noqa: RUF012 (of this test's only engine)

        def submit(self, ticket: int, request: Request) -> None:
            assert ticket not in self.tickets
            self.tickets[ticket] = str(request.prompt)
            super().submit(ticket, request)

    with Journal.open(tmp_path, {}) as journal:
        made = [Job(index, lambda index=index: chain(f"p{index}.", 3)) for index in range(30)]  # type: ignore[misc]
        run_jobs(Watched(reply), made, journal, done=lambda *_: None, window=8)
    asked = [Watched.tickets[ticket].partition(".")[0] for ticket in sorted(Watched.tickets)]
    assert asked == [f"p{index}" for index in range(30) for _ in range(3)]


def test_what_waits_longest_for_itself_goes_first() -> None:
    strategies = ("few-shot:max_new_tokens=16", "least-to-most", "chain-of-thought")
    loaded = load_plan(Plan(("word-problems",), strategies, limit=2))
    order = [str(job.key[1]).partition(":")[0] for job in loaded.jobs(chat=False) if isinstance(job.key, tuple)]
    assert order == [name for name in ("least-to-most", "chain-of-thought", "few-shot") for _ in range(2)]


def test_errors_name_the_job(tmp_path: Path) -> None:
    class Refuses(ScriptedEngine):
        def submit(self, ticket: int, request: Request) -> None:
            raise UserError("the prompt needs 9 tokens and the model's context holds 4; shorten it.")

    with (
        Journal.open(tmp_path, {}) as journal,
        pytest.raises(UserError, match="gsm8k, few-shot, 7, 0: the prompt needs"),
    ):
        run_jobs(
            Refuses(reply), [Job(("gsm8k", "few-shot", "7", 0), lambda: chain("a", 1))], journal, done=lambda *_: None
        )


def test_an_engine_error_keeps_what_was_answered(tmp_path: Path) -> None:
    class Breaks(ScriptedEngine):
        def collect(self) -> list[tuple[int, Generation]]:
            if len(self.waiting) == 2:
                raise EngineError("out of memory")
            return super().collect()

    engine = Breaks(reply)
    with pytest.raises(EngineError):
        run(engine, tmp_path, jobs([(1, 3)] * 3))
    with Journal.read(tmp_path) as journal:
        kept = [r for r in engine.asked if journal.get(request_key("scripted", r))]
    assert len(kept) == len(engine.asked) - 2


def test_replay_asks_no_engine(tmp_path: Path) -> None:
    made = jobs([(2, 3)])
    expected = run(ScriptedEngine(reply), tmp_path, made)
    results: dict[object, object] = {}
    with Journal.open(tmp_path, {"engine": "scripted"}) as journal:
        replay("scripted", made, journal, done=lambda job, result, calls: results.update({job.key: result}))
        assert results == expected
        with pytest.raises(UserError, match="new: the journal has no answer"):
            replay("scripted", [Job("new", lambda: chain("unknown", 1))], journal, done=lambda *_: None)


def test_keys_name_what_changes_an_answer_and_nothing_else() -> None:
    def key(engine: str = "e", **fields: object) -> str:
        return request_key(engine, Request(**{"prompt": "p", **fields}))  # type: ignore[arg-type]

    assert key() == key(seed=5)  # greedy
    assert key(params=HOT) != key(params=HOT, seed=5)
    assert key() != key("other") != key(prompt="q")
    assert key(prompt=(Message("user", "p"),)) != key()
    assert key(continuation=" a") == key(continuation=" a", params=HOT, seed=3) != key(continuation=" b")


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
    Journal.open(tmp_path, {"limit": 10, "seed": 0}).close()
    with pytest.raises(UserError, match=r"other settings \(limit: 10 -> 20\)"):
        Journal.open(tmp_path, {"limit": 20, "seed": 0})


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
    request = Request((Message("user", "a\x00b\ud800"),), SamplingParams(0.5, 0.9, 7, ("x", "\n")), 3)
    generation = Generation("t\x00\ud800\u202e", "length", 1, 2, 3, -4.5, 6.25)
    sample = Sample("s", "q", "t", "r", ("a", "b"), "c")
    record = Record("t", "s", "s", 0, Prediction("7", "ok", {"span": [1, 2]}), Score(1.0, True), ("k",), 1, 2, 3, 0.5)
    with Journal.open(tmp_path, {}) as journal:
        journal.put("k", request, generation)
        journal.add_samples("t", [sample])
        journal.add_record(record)
    with Journal.read(tmp_path) as journal:
        assert journal.call("k") == (request, generation)
        assert journal.samples() == {("t", "s"): sample}
        assert list(journal.records()) == [record]
    with Journal.open(tmp_path, {}) as journal, pytest.raises(UserError, match="the data has changed"):
        journal.add_samples("t", [Sample("s", "another", "t")])
    sqlite3.connect(tmp_path / "journal.sqlite").close()


def test_a_journal_of_another_format_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    Journal.open(folder, {}).close()
    with sqlite3.connect(folder / "journal.sqlite") as connection:
        connection.execute("PRAGMA user_version=1")
    for use in (lambda: Journal.open(folder, {}), lambda: Journal.read(folder)):
        with pytest.raises(UserError, match="another version of kshot"):
            use()


def test_draws_of_a_prompt_store_it_once(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "r", {}) as journal:
        requests = [Request("x" * 5000, SamplingParams(temperature=1.0), seed=seed) for seed in range(20)]
        for request in requests:
            journal.put(request_key("e", request), request, Generation("y", "stop"))
        assert [journal.call(request_key("e", request))[0] for request in requests] == requests
        assert journal.connection.execute("SELECT count(*) FROM prompts").fetchone() == (1,)
