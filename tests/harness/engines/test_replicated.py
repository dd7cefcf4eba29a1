"""One engine out of replicas: all answered once whatever dies, and a mistake said as it was. Here without Ray.

Replicas are real ones in this process; what Ray would bring about, a death or a late answer, the test does.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from kshot.harness.engines import ENGINES, get_engine
from kshot.harness.engines.registry import engine
from kshot.harness.engines.replica import Event, Lost, Replica
from kshot.harness.engines.replicated import AHEAD, NAMED, ReplicatedEngine
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runner import Calls, Job, run_jobs
from kshot.types import Engine, EngineError, Generation, Program, Request, SamplingParams, UserError

Dies = Callable[[int, list[Request]], bool]


class InProcess:
    """Replicas of the engine of a specification, each of its own where several are given.

    `dies(number, requests)` says whether one dies in a step, with the requests that it has; `starts(number)` whether it
    comes up. Which of those at work ends first is drawn; `slow` is always the last.
    """

    def __init__(
        self,
        *specs: str,
        count: int = 3,
        dies: Dies = lambda at, requests: False,
        starts: Callable[[int], bool] = lambda at: True,
        slow: int | None = None,
    ) -> None:
        self.specs = specs if len(specs) > 1 else specs * count
        self.count = len(self.specs)
        self.dies, self.starts, self.slow = dies, starts, slow
        self.random = random.Random(0)
        self.replicas: dict[int, Replica] = {}
        self.has: dict[int, dict[int, Request]] = {}
        self.busy: dict[int, Callable[[], Event]] = {}
        self.largest = 0
        self.deaths: list[int] = []  # how many requests each dead one had
        self.closed = False

    def begin(self, at: int) -> None:
        self.replicas[at], self.has[at] = Replica(), {}
        self.busy[at] = lambda: self.replicas[at].make(self.specs[at], []) if self.starts(at) else Lost("no start")

    def work(self, at: int, requests: Sequence[tuple[int, Request]]) -> None:
        assert at not in self.busy, "one thing at a time"
        assert not set(self.has[at]) & {ticket for ticket, _ in requests}
        self.has[at].update(requests)
        self.largest = max(self.largest, len(self.has[at]))
        self.busy[at] = lambda: self.step(at, requests)

    def step(self, at: int, requests: Sequence[tuple[int, Request]]) -> Event:
        if self.dies(at, list(self.has[at].values())):
            self.deaths.append(len(self.has[at]))
            return Lost("killed")
        event = self.replicas[at].work(requests)
        for ticket, _ in [*getattr(event, "answers", ()), *getattr(event, "refused", ())]:
            del self.has[at][ticket]
        return event

    def wait(self) -> list[tuple[int, Event]]:
        assert self.busy, "waits for nothing"
        at = self.random.choice(sorted(set(self.busy) - {self.slow}) or sorted(self.busy))
        return [(at, self.busy.pop(at)())]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def picky() -> Iterator[None]:
    """An engine that echoes, refuses what has `refuse` in it, and fails on `break`; two at a time."""
    known = dict(ENGINES.entries)

    @engine
    def picky(*, capacity: int = 2) -> Engine:
        return Picky(capacity)

    yield
    ENGINES.entries = known


class Picky(ScriptedEngine):
    def __init__(self, capacity: int) -> None:
        super().__init__(lambda request: f"<{request.prompt}>", id="picky", capacity=capacity, order="random")

    def submit(self, ticket: int, request: Request) -> None:
        if "refuse" in str(request.prompt):
            raise UserError("that is too long; write less.")
        super().submit(ticket, request)

    def collect(self) -> list[tuple[int, Generation]]:
        for _, request in self.waiting:
            if request.prompt == "raise":
                raise ZeroDivisionError("of its own")
            if request.prompt == "fail":
                raise EngineError("out of memory with one row.")
            if request.prompt == "stall":
                return []
        return super().collect()


def answered(engine: Engine, prompts: Sequence[str]) -> dict[int, str]:
    """Each ticket's text, once."""
    for ticket, prompt in enumerate(prompts):
        engine.submit(ticket, Request(prompt))
    found: dict[int, str] = {}
    while done := engine.collect():
        for ticket, generation in done:
            assert ticket not in found, "answered twice"
            found[ticket] = generation.text
    return found


PROMPTS = [f"{'shots ' * (20 * (n % 3))}question {n}" for n in range(120)]
TEXTS = {n: f"<{prompt}>" for n, prompt in enumerate(PROMPTS)}


@pytest.mark.parametrize("by_prefix", [True, False])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_all_are_answered_once_and_none_holds_too_many(picky: None, count: int, by_prefix: bool) -> None:
    replicas = InProcess("picky:capacity=3", count=count)
    engine = ReplicatedEngine(replicas, by_prefix=by_prefix)
    assert (engine.id, engine.chat, engine.capacity) == ("picky", True, 3 * count)
    assert answered(engine, PROMPTS) == TEXTS
    assert replicas.largest == 3 * AHEAD
    assert engine.collect() == []
    engine.close()
    assert replicas.closed


def test_one_that_is_slow_loses_what_it_was_not_sent_yet(picky: None) -> None:
    replicas = InProcess("picky:capacity=3", count=2, slow=0)
    engine = ReplicatedEngine(replicas)
    for ticket, prompt in enumerate(PROMPTS):
        engine.submit(ticket, Request(prompt))
    assert min(slot.load for slot in engine.slots) > 30
    done = [ticket for _ in range(110) for ticket, _ in engine.collect()]
    assert len(done) >= 110  # all but what the slow one had been sent, none of it answered so far
    assert len(replicas.has[0]) == 3 * AHEAD
    while more := engine.collect():
        done += [ticket for ticket, _ in more]
    assert sorted(done) == sorted(TEXTS)


@pytest.mark.filterwarnings("ignore:replica . was lost")
@pytest.mark.parametrize("seed", range(6))
def test_whatever_dies_all_are_answered_once(picky: None, seed: int) -> None:
    draw = random.Random(seed)
    replicas = InProcess("picky:capacity=4", dies=lambda at, requests: len(requests) > 1 and draw.random() < 0.15)
    engine = ReplicatedEngine(replicas)
    assert answered(engine, PROMPTS) == TEXTS
    assert len(replicas.deaths) > 4
    assert sum(replicas.deaths) > 10  # some of them had much to lose


@pytest.mark.parametrize(("count", "capacity"), [(1, 2), (2, 4), (3, 60)])
@pytest.mark.filterwarnings("ignore:replica . was lost")
def test_a_request_that_kills_is_named_among_many_in_a_few_deaths(
    picky: None, tmp_path: Path, count: int, capacity: int
) -> None:
    def ask(prompt: str) -> Program[str]:
        [generation] = yield [Request(prompt)]
        return generation.text

    prompts = [*PROMPTS, "the poison"]
    random.Random(0).shuffle(prompts)
    jobs: list[Job[str]] = [Job(("task", n), lambda p=prompt: ask(p)) for n, prompt in enumerate(prompts)]  # type: ignore[misc]
    replicas = InProcess(f"picky:capacity={capacity}", count=count, dies=lambda at, has: Request("the poison") in has)
    engine, asked, ended = ReplicatedEngine(replicas), list[str](), Counter[object]()

    def done(job: Job[str], result: str, calls: Calls) -> None:
        ended[job.key] += 1

    with Journal.open(tmp_path, {"engine": engine.id}) as journal:
        with pytest.raises(
            EngineError, match=rf"^task, {prompts.index('the poison')}: \d replicas died .* 'the poison'"
        ):
            run_jobs(engine, jobs, journal, done=done, on_ask=asked.append)
        [[kept]] = journal.connection.execute("SELECT count(*) FROM generations")
    assert NAMED <= len(replicas.deaths) <= NAMED + 1
    assert replicas.deaths[-1] == 1
    assert kept == sum(ended.values()) == len(ended)
    assert len(asked) == len(set(asked))
    again = ReplicatedEngine(InProcess("picky", count=1))  # without it what was kept is not asked again
    asked.clear()
    with Journal.open(tmp_path, {"engine": engine.id}) as journal:
        run_jobs(again, jobs, journal, done=done, on_ask=asked.append)
    assert len(asked) == len(prompts) - kept


@pytest.mark.filterwarnings("ignore:replica . was lost")
def test_what_died_with_two_is_asked_apart_and_answered(picky: None) -> None:
    deaths: Counter[int] = Counter()

    def dies(at: int, requests: list[Request]) -> bool:
        if Request(PROMPTS[7]) in requests and deaths.total() < 2:
            deaths[at] += 1
            return True
        return False

    replicas = InProcess("picky:capacity=8", count=2, dies=dies)
    engine = ReplicatedEngine(replicas)
    assert answered(engine, PROMPTS) == TEXTS
    assert deaths.total() == 2
    assert not engine.died


def test_a_refusal_names_its_request_and_the_others_go_on(picky: None, tmp_path: Path) -> None:
    engine = ReplicatedEngine(InProcess("picky"))
    for ticket, prompt in enumerate(["one", "refuse me", "two"]):
        engine.submit(ticket, Request(prompt))
    found: list[int] = []
    with pytest.raises(UserError, match=r"^that is too long; write less\.$") as raised:
        while True:
            found += [ticket for ticket, _ in engine.collect()]
    assert raised.value.ticket == 1
    while done := engine.collect():
        found += [ticket for ticket, _ in done]
    assert sorted(found) == [0, 2]

    def ask(prompt: str) -> Program[None]:
        yield [Request(prompt)]

    jobs: list[Job[None]] = [Job((prompt, "few-shot"), lambda p=prompt: ask(p)) for prompt in ("a", "refuse")]  # type: ignore[misc]
    said = pytest.raises(UserError, match=r"^refuse, few-shot: that is too long; write less\.$")
    with Journal.open(tmp_path, {"engine": engine.id}) as journal, said:
        run_jobs(engine, jobs, journal, done=lambda *_: None)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("fail", r"^out of memory with one row\.$"),
        ("raise", r"^ZeroDivisionError: of its own\.$"),
        ("stall", "^replica 1 has nothing more to do"),
    ],
)
def test_an_engine_that_fails_within_fails_without(picky: None, prompt: str, said: str) -> None:
    engine = ReplicatedEngine(InProcess("picky"))
    engine.submit(0, Request(prompt))
    with pytest.raises(EngineError, match=said):
        engine.collect()
    engine.close()
    assert engine.collect() == []


def test_a_users_own_file_that_fails_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from kshot.harness.engines.scripted import ScriptedEngine\n\n"
        "def echo(*, capacity: int = 2):\n"
        "    return ScriptedEngine(lambda request: request.missing, capacity=capacity)\n"
    )
    engine = ReplicatedEngine(InProcess(f"{path}:echo"))
    engine.submit(0, Request("p"))
    with pytest.raises(EngineError, match=r"mine\.py, line 4: AttributeError"):
        engine.collect()


def test_a_mistake_in_what_is_within_is_said_as_it_is(picky: None) -> None:
    replicas = InProcess("scripted:order=fofo")
    with pytest.raises(UserError, match=r"^unknown order 'fofo': did you mean lifo or fifo"):
        ReplicatedEngine(replicas)
    assert replicas.closed


def test_replicas_that_are_different_engines_are_refused() -> None:
    replicas = InProcess("scripted:reply=a", "scripted:reply=b")
    ids = [get_engine(spec).id for spec in replicas.specs]
    with pytest.raises(EngineError) as raised:
        ReplicatedEngine(replicas)
    assert all(id in str(raised.value) for id in ids)
    assert replicas.closed


def test_one_that_dies_while_it_loads_fails_at_once() -> None:
    with pytest.raises(EngineError, match=r"^replica 2 was lost while it loaded \(no start\)"):
        ReplicatedEngine(InProcess("scripted", count=2, starts=lambda at: at == 0))


def test_one_that_cannot_be_started_again_is_given_up_and_the_last_one_told(picky: None) -> None:
    up = {0, 1}
    dying: deque[int] = deque()
    replicas = InProcess(
        "picky", count=2, starts=lambda at: at in up, dies=lambda at, has: bool(dying) and at == dying[0]
    )
    engine = ReplicatedEngine(replicas)
    for ticket, prompt in enumerate(PROMPTS):
        engine.submit(ticket, Request(prompt))
    found = [ticket for _ in range(10) for ticket, _ in engine.collect()]
    up.discard(1)
    dying.append(1)
    with pytest.warns(UserWarning) as warned:
        found += [ticket for _ in range(90) for ticket, _ in engine.collect()]
    said = "\n".join(str(one.message) for one in warned)
    assert "replica 2 was lost (killed); its 4 requests are asked again, and it is started again." in said
    assert "replica 2 is given up, 1 are left: replica 2 was lost 3 times in a row (no start)." in said
    assert engine.capacity == 2
    up.clear()
    dying[0] = 0
    with pytest.warns(UserWarning), pytest.raises(EngineError, match="no replica is left: replica 1 was lost 3 times"):
        while done := engine.collect():
            found += [ticket for ticket, _ in done]
    assert len(found) == len(set(found)) >= 100


def test_what_a_replica_warns_of_is_said_once() -> None:
    spec, known = "warns", dict(ENGINES.entries)

    @engine
    def warns(*, chat: bool = True) -> Engine:
        import warnings

        warnings.warn("a row at a time.", stacklevel=1)
        warnings.warn("not for users", DeprecationWarning, stacklevel=1)
        return ScriptedEngine(lambda request: "x")

    try:
        with pytest.warns(UserWarning, match="a row at a time") as warned:
            ReplicatedEngine(InProcess(spec))
    finally:
        ENGINES.entries = known
    assert [str(one.message) for one in warned] == ["a row at a time."]


def test_a_capacity_that_shrinks_is_known(picky: None) -> None:
    replicas = InProcess("picky:capacity=8", count=2)
    engine = ReplicatedEngine(replicas)
    replicas.replicas[0].engine.capacity = 1
    assert answered(engine, PROMPTS) == TEXTS
    assert engine.capacity == 9


def test_its_texts_are_those_of_the_engine_within(tiny_folder: Path) -> None:
    """A tiny model, draws and scores among them."""
    spec = f"transformers:model={tiny_folder},batch=3"
    prompts = [f"{'abc ' * (n % 4)}{n}" for n in range(12)]
    requests = [Request(p, SamplingParams(0.9, 0.95, 8), seed=n) for n, p in enumerate(prompts)]
    requests += [Request(p, continuation=" yes") for p in prompts[:4]]

    def all_of(engine: Engine) -> dict[int, tuple[str, str, int, object]]:
        for ticket, request in enumerate(requests):
            engine.submit(ticket, request)
        found: dict[int, tuple[str, str, int, object]] = {}
        while done := engine.collect():
            for ticket, one in done:
                logprob = pytest.approx(one.logprob, abs=1e-4)
                found[ticket] = (one.text, one.finish_reason, one.completion_tokens, logprob)
        return found

    alone, together = get_engine(spec), ReplicatedEngine(InProcess(spec, count=2))
    assert together.id == alone.id
    assert all_of(together) == all_of(alone)
    assert len({text for text, *_ in all_of(alone).values()}) > 8
    alone.close()
