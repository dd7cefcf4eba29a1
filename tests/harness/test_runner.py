"""The runner: replay, resume, a bounded window, clear errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    Program,
    Request,
    SamplingParams,
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


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([], "it has nothing more to do, and requests are waiting"),
        ([(99, Generation("a", "stop"))], "it answered the ticket 99, which does not wait"),
        ([(0, "four")], "it answered 'four', which is no generation"),
        ([(0, Generation(4, "stop"))], "text is 4"),  # type: ignore[arg-type]
        ([(0, Generation("4", "eos"))], "finish_reason is 'eos'"),  # type: ignore[arg-type]
        ([(0, Generation("4", "stop", completion_tokens=1.5))], "completion_tokens is 1.5"),  # type: ignore[arg-type]
        ([(0, Generation("4", "stop", logprob=float("nan")))], "its log-likelihood is no number"),
    ],
)
def test_an_engine_that_answers_what_was_not_asked_has_failed(tmp_path: Path, answers: Any, said: str) -> None:
    engine = ScriptedEngine(reply)
    engine.collect = lambda: answers  # type: ignore[method-assign]
    jobs = load_plan(Plan(("coin-flip",), ("zero-shot",), limit=1)).jobs(chat=False)
    with Journal.open(tmp_path, {}) as journal, pytest.raises(EngineError, match=said):
        run_jobs(engine, jobs, journal, done=lambda *_: None)


def test_tokens_are_journaled_where_they_are_asked_for(tmp_path: Path) -> None:
    wants = Request("p", logprobs=True)
    said = Generation("a b", "stop", completion_tokens=2, logprob=-0.75, tokens=(17, 4), token_logprobs=(-0.5, -0.25))

    def both() -> Program[list[Generation]]:
        replies = yield [wants, Request("p"), Request("p", continuation=" c", logprobs=True)]
        return replies

    def answer(request: Request) -> Generation:
        if request.continuation is not None:
            return Generation(" c", "scored", logprob=-3.0, tokens=(9,), token_logprobs=(-3.0,))
        return said if request.logprobs else Generation("a b", "stop")

    engine = ScriptedEngine(answer)
    expected = run(engine, tmp_path, [Job("both", both)])
    assert expected["both"] == [answer(request) for request in engine.asked]
    assert len(engine.asked) == 3  # with and without tokens are two requests
    again = ScriptedEngine(answer)
    assert run(again, tmp_path, [Job("both", both)]) == expected
    assert again.asked == []


def test_replay_asks_no_engine(tmp_path: Path) -> None:
    made = jobs([(2, 3)])
    expected = run(ScriptedEngine(reply), tmp_path, made)
    results: dict[object, object] = {}
    with Journal.open(tmp_path, {"engine": "scripted"}) as journal:
        replay("scripted", made, journal, done=lambda job, result, calls: results.update({job.key: result}))
        assert results == expected
        with pytest.raises(UserError, match="new: the journal has no answer"):
            replay("scripted", [Job("new", lambda: chain("unknown", 1))], journal, done=lambda *_: None)
