"""The runner: drives all programs at once, hands the engine what they ask, sends each answer back.

No barrier between samples, strategies or tasks: a program goes on as soon as its own requests are
answered. Programs are started lazily, so that memory does not grow with their number. An answer is in
the journal before its program sees it; what the journal has is not asked again; identical requests in
flight are asked once. Concedes: programs run in this thread, so a slow one holds up the others.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from kshot.harness.damage import UNREADABLE
from kshot.harness.journal import Journal, request_key
from kshot.harness.rows import check_generation
from kshot.program import Done, advance
from kshot.types import Engine, EngineError, Generation, Program, Request, UserError

T = TypeVar("T")
Calls = list[tuple[str, Generation]]
Reuse = Callable[[str, Request], tuple[Generation, str] | None]
"""Of a key and its request, the answer that another run has, and that run's name."""
WINDOW = 4  # requests kept with the engine, as a multiple of its capacity, for it to find shared prefixes in


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """A program to run, and the key that its errors and its result go by."""

    key: Hashable
    program: Callable[[], Program[T]]


@dataclass(eq=False)
class Flight(Generic[T]):
    """A program in flight: what it asked last, and what has come back."""

    job: Job[T]
    program: Program[T]
    number: int  # of the programs started before it
    calls: Calls = field(default_factory=list)
    asked: list[str] = field(default_factory=list)  # keys of its last requests, in order
    replies: dict[str, Generation] = field(default_factory=dict)
    missing: int = 0


@dataclass(slots=True)
class Progress:
    """How far a run has come."""

    started: int = 0
    done: int = 0
    in_flight: int = 0  # requests with the engine
    asked: int = 0  # requests sent to the engine
    replayed: int = 0  # requests that the journal answered
    reused: int = 0  # requests that another run's journal answered
    generated_tokens: int = 0
    stage: str = ""  # what the jobs are for, where it is not attempts at samples


class Run(Generic[T]):
    """One pass over jobs. Use `run_jobs`."""

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        done: Callable[[Job[T], T, Calls], None],
        progress: Callable[[Progress], None] | None,
        on_ask: Callable[[str], None] | None,
        reuse: Reuse | None = None,
        id_of: Callable[[Request], str] | None = None,
    ) -> None:
        self.engine = engine
        self.id_of = id_of or (lambda _: engine.id)
        self.journal = journal
        self.done = done
        self.on_progress = progress or (lambda _: None)
        self.on_ask = on_ask or (lambda _: None)
        self.reuse = reuse or (lambda *_: None)
        self.progress = Progress()
        self.waiters: dict[str, list[Flight[T]]] = {}  # request key -> programs that wait for it
        self.tickets: dict[int, tuple[str, Request]] = {}

    def advance(self, flight: Flight[T], replies: list[Generation] | None) -> None:
        """Runs a program until it asks something that has no answer yet, or to its end."""
        while True:
            try:
                step = advance(flight.program, replies)
            except UserError as error:
                raise UserError(f"{describe(flight.job.key)}: {error}") from error
            if isinstance(step, Done):
                self.progress.done += 1
                self.done(flight.job, step.result, flight.calls)
                return
            if self.ask(flight, step):
                return
            replies = self.take(flight)

    def ask(self, flight: Flight[T], requests: Sequence[Request]) -> bool:
        """Looks requests up and submits what is missing. Whether there is anything to wait for."""
        flight.asked = [request_key(self.id_of(request), request) for request in requests]
        flight.replies = {}
        flight.missing = 0
        for key, request in zip(flight.asked, requests, strict=True):
            if key in flight.replies:
                continue
            if key in self.waiters:
                if flight not in self.waiters[key]:
                    self.waiters[key].append(flight)
                    flight.missing += 1
                continue
            known = self.journal.replayed(key, request)
            if known is not None:
                flight.replies[key] = known
                self.progress.replayed += 1
                continue
            taken = self.reuse(key, request)
            if taken is not None:
                self.journal.put(key, request, *taken)
                flight.replies[key] = taken[0]
                self.progress.reused += 1
                continue
            self.submit(flight, key, request)
        return flight.missing > 0

    def submit(self, flight: Flight[T], key: str, request: Request) -> None:
        self.on_ask(key)
        ticket = ticket_of(flight.number, self.progress.asked)
        try:
            self.engine.submit(ticket, request)
        except UserError as error:
            raise UserError(f"{describe(flight.job.key)}: {error}") from error
        self.waiters[key] = [flight]
        flight.missing += 1
        self.tickets[ticket] = (key, request)
        self.progress.asked += 1

    @staticmethod
    def take(flight: Flight[T]) -> list[Generation]:
        """The replies in the order of the requests, also noted as the program's calls."""
        replies = [flight.replies[key] for key in flight.asked]
        flight.calls.extend(zip(flight.asked, replies, strict=True))
        return replies

    def collect(self) -> None:
        """Lets the engine work, journals its answers, then lets their programs go on."""
        try:
            answers = self.engine.collect()
        except (UserError, EngineError) as error:
            if error.ticket is None or error.ticket not in self.tickets:
                raise
            asking = self.waiters[self.tickets[error.ticket][0]][0]
            kind = UserError if isinstance(error, UserError) else EngineError
            raise kind(f"{describe(asking.job.key)}: {error}") from error
        if not answers:
            raise EngineError("it has nothing more to do, and requests are waiting for it.")
        ready: list[Flight[T]] = []
        for ticket, generation in answers:
            if ticket not in self.tickets:
                raise EngineError(f"it answered the ticket {ticket!r:.40}, which does not wait.")
            try:
                check_generation(generation)
            except UNREADABLE as error:
                raise EngineError(f"it answered {generation!r:.80}, which is no generation ({error}).") from error
            key, request = self.tickets.pop(ticket)
            self.journal.put(key, request, generation)
            self.progress.generated_tokens += generation.completion_tokens
            for flight in self.waiters.pop(key):
                flight.replies[key] = generation
                flight.missing -= 1
                if not flight.missing:
                    ready.append(flight)
        self.journal.commit()  # before a program goes on: what a kill loses was never seen
        for flight in ready:
            self.advance(flight, self.take(flight))

    def go(self, jobs: Iterable[Job[T]], window: int) -> None:
        """Starts programs while there is room, and collects until all are done."""
        waiting = iter(jobs)
        exhausted = False
        while not exhausted or self.tickets:
            while not exhausted and max(len(self.tickets), self.progress.started - self.progress.done) < window:
                job = next(waiting, None)
                if job is None:
                    exhausted = True
                    break
                self.progress.started += 1
                self.advance(Flight(job, job.program(), self.progress.started - 1), None)
                if not self.tickets:
                    self.journal.commit_sometimes()
                    self.on_progress(self.progress)
            if self.tickets:
                self.collect()
            self.progress.in_flight = len(self.tickets)
            self.on_progress(self.progress)


def ticket_of(program: int, request: int) -> int:
    """A request's ticket. An engine prefers low ones, so that programs that were begun first end first."""
    return program << 32 | request


def describe(key: Hashable) -> str:
    """A job's key as words: its parts side by side."""
    return ", ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def run_jobs(
    engine: Engine,
    jobs: Iterable[Job[T]],
    journal: Journal,
    *,
    done: Callable[[Job[T], T, Calls], None],
    progress: Callable[[Progress], None] | None = None,
    on_ask: Callable[[str], None] | None = None,
    window: int | None = None,
    reuse: Reuse | None = None,
    id_of: Callable[[Request], str] | None = None,
) -> Progress:
    """Runs every job's program to its end; `done` gets each result with the calls that led to it.

    `reuse` is looked in for what the journal does not have. `id_of` gives the id that a request's key has where not
    all are answered by one engine (default: the engine's own).
    `window` bounds the requests with the engine (default: four times its capacity). Raises UserError,
    with the job's key, for a request that can never be answered; EngineError where the engine fails;
    KeyboardInterrupt passes through. In every case what was answered is in the journal.
    """
    run = Run(engine, journal, done, progress, on_ask, reuse, id_of)
    try:
        run.go(jobs, window or WINDOW * engine.capacity)
    finally:
        journal.commit()
    return run.progress


class ReplayEngine:
    """An engine that knows nothing: for a replay, where every answer must come from the journal."""

    chat = True
    capacity = 1_000_000

    def __init__(self, id: str) -> None:
        self.id = id

    def submit(self, ticket: int, request: Request) -> None:
        """Raises UserError: the journal had no answer."""
        raise UserError("the journal has no answer to one of its requests; run the benchmark again to complete it.")

    def collect(self) -> list[tuple[int, Generation]]:
        """Nothing waits."""
        return []

    def close(self) -> None:
        """Nothing is held."""


def replay(
    engine_id: str, jobs: Iterable[Job[T]], journal: Journal, *, done: Callable[[Job[T], T, Calls], None]
) -> Any:
    """Runs programs on the journal alone: no model is asked. Raises UserError where an answer is missing."""
    return run_jobs(ReplayEngine(engine_id), jobs, journal, done=done)
