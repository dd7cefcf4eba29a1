"""One engine out of several replicas of another: routes requests, outlives replicas that die, answers once.

While a replica works it is sent nothing; as soon as its step ends it gets what was routed to it since, before its
answers go on. It holds twice its capacity, so that it finds shared prefixes in what
waits; the rest is held here, and a replica that runs dry takes it from the others.

What a dead replica had is asked again; what died with two replicas is asked apart, in ever smaller company, until it is
by itself, so that a request that kills is found in a few deaths among hundreds and named. A replica that dies is
started again, at once and in the background. Concedes: a replica that hangs and does not die is waited for.
"""

from __future__ import annotations

import warnings
from bisect import insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from kshot.harness.engines.replica import Answered, Event, Failed, Lost, Made
from kshot.harness.engines.router import PrefixRouter
from kshot.types import EngineError, Generation, Request, UserError

AHEAD = 2  # requests that a replica holds, as a multiple of its capacity
SUSPECT = 2  # deaths after which a request is asked apart from those that had fewer
SHRINK = 16  # how much smaller the company of a suspect becomes with every death
NAMED = 4  # deaths after which a request that was by itself at the last is held to have caused them
STARTS = 2  # times in a row that a replica may fail to start again before it is given up
IN_A_ROW = 6  # deaths in a row without an answer, likewise

Ticketed = tuple[int, Request]


class Replicas(Protocol):
    """Replicas by number, each busy with one thing at a time; what comes of it is an event."""

    count: int

    def begin(self, at: int) -> None:
        """Starts a replica, in place of one that may have been there: a Made, Failed or Lost will come of it."""

    def work(self, at: int, requests: Sequence[Ticketed]) -> None:
        """Sends a replica requests to a step: an Answered, Failed or Lost will come of it."""

    def wait(self) -> list[tuple[int, Event]]:
        """Waits for at least one event."""

    def close(self) -> None:
        """Ends all replicas."""


@dataclass(eq=False)
class Slot:
    """A replica's place: what it is at, and what was given to it."""

    at: int
    state: Literal["starting", "idle", "working", "gone"] = "starting"
    capacity: int = 0
    held: list[Ticketed] = field(default_factory=list)  # routed to it and not yet sent, by ticket
    sent: dict[int, Request] = field(default_factory=dict)
    apart: bool = False  # what it was sent are suspects, which nothing is to join
    starts: int = 0  # failed starts in a row
    deaths: int = 0  # in a row, without an answer between

    @property
    def load(self) -> int:
        return len(self.held) + len(self.sent)

    @property
    def room(self) -> int:
        """How many more requests it may be sent."""
        return max(AHEAD * self.capacity - len(self.sent), 0) if self.state in ("idle", "working") else 0


@dataclass(frozen=True, slots=True)
class Suspect:
    """A request that died with several replicas, and in how large a company it may be asked again."""

    ticket: int
    request: Request
    company: int


class ReplicatedEngine:
    """An engine around replicas that all make the same one. Raises what a replica says where one cannot be made.

    Its id, and whether it takes messages, are the replicas' own: what they answer is what one of them would. Raises
    EngineError where their ids differ.
    """

    def __init__(self, replicas: Replicas, *, by_prefix: bool = True) -> None:
        self.replicas = replicas
        self.router = PrefixRouter(by_prefix)
        self.slots = [Slot(at) for at in range(replicas.count)]
        self.answers: list[tuple[int, Generation]] = []
        self.refused: list[tuple[int, str]] = []
        self.failure: EngineError | UserError | None = None
        self.died: Counter[int] = Counter()  # by ticket, the replicas that died with it
        self.suspects: list[Suspect] = []
        self.lost_with = ""  # why the last replica was given up
        self.warned: set[str] = set()
        self.closed = False
        self.id, self.chat, self.capacity = "", True, 0
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def add_up(self) -> None:
        """The capacity is all replicas' together."""
        self.capacity = sum(slot.capacity for slot in self.slots if slot.state != "gone")

    def start(self) -> None:
        """Starts all replicas at once, and waits for every one."""
        for slot in self.slots:
            self.replicas.begin(slot.at)
        while any(slot.state == "starting" for slot in self.slots):
            for at, event in self.replicas.wait():
                if isinstance(event, Failed):
                    self.warn(event.warned)
                    raise UserError(event.sentence) if event.mistake else EngineError(event.sentence)
                if isinstance(event, Lost):
                    raise EngineError(f"{name_of(at)} was lost while it loaded ({event.reason}).")
                self.take(self.slots[at], event)
                if self.failure:
                    raise self.failure

    # ------------------------------------------------------------ requests

    def submit(self, ticket: int, request: Request) -> None:
        """Routes a request; whether its engine can take it, `collect` will tell."""
        self.place(ticket, request)

    def place(self, ticket: int, request: Request) -> None:
        """Holds a request for the replica that it is routed to; where there is none left, for nobody."""
        among = [s.at for s in self.slots if s.state in ("idle", "working")] or [
            s.at for s in self.slots if s.state == "starting"
        ]
        if not among:  # `collect` says so
            among = [0]
        at = self.router.route(request.prompt, [slot.load for slot in self.slots], among)
        insort(self.slots[at].held, (ticket, request), key=ticket_in)

    def collect(self) -> list[tuple[int, Generation]]:
        """Waits until some request is answered; [] where none waits.

        Raises UserError for a request that a replica's engine refused, EngineError where one fails, where a request
        kills replicas, or where no replica is left.
        """
        while True:
            if self.answers:  # before all that is raised: what was answered is kept
                answers, self.answers = self.answers, []
                return answers
            if self.refused:
                ticket, sentence = self.refused.pop(0)
                refusal = UserError(sentence)
                refusal.ticket = ticket
                raise refusal
            if self.failure:
                failure, self.failure = self.failure, None
                raise failure
            if self.closed or not (self.suspects or any(slot.load for slot in self.slots)):
                return []
            if all(slot.state == "gone" for slot in self.slots):
                raise EngineError(f"no replica is left: {self.lost_with}")
            self.feed()
            for at, event in self.replicas.wait():
                self.take(self.slots[at], event)
            self.feed()  # they go on while the answers are read

    def feed(self) -> None:
        """Gives every replica that does nothing something to do, where there is something for it."""
        for slot in self.slots:
            if slot.state != "idle":
                continue
            batch = self.batch_for(slot)
            if batch or slot.sent:
                slot.sent.update(batch)
                slot.state = "working"
                self.replicas.work(slot.at, batch)

    def batch_for(self, slot: Slot) -> list[Ticketed]:
        """What a replica is to be sent beside what it has."""
        if slot.apart and slot.sent:
            return []
        slot.apart = bool(self.suspects and not slot.sent)
        if slot.apart:
            company = self.suspects[0].company
            alike = [suspect for suspect in self.suspects if suspect.company == company]
            self.suspects = [s for s in self.suspects if s.company != company] + alike[company:]
            return [(suspect.ticket, suspect.request) for suspect in alike[:company]]
        if self.suspects and slot is self.drained():
            return []
        if not slot.held and len(slot.sent) < (slot.capacity + 1) // 2:
            self.take_from_others(slot)
        batch, slot.held = slot.held[: slot.room], slot.held[slot.room :]
        return batch

    def drained(self) -> Slot | None:
        """The replica that is to come empty for suspects; None where another takes them, or will soon."""
        if any(slot.apart or slot.state == "starting" for slot in self.slots if slot.state != "gone"):
            return None
        return next(slot for slot in self.slots if slot.state != "gone")

    def take_from_others(self, slot: Slot) -> None:
        """Moves half of what the busiest replica has no room for to one that runs dry."""
        busiest = max(self.slots, key=lambda other: len(other.held) - other.room)
        excess = max(len(busiest.held) - busiest.room, 0)
        kept = len(busiest.held) - min((excess + 1) // 2, slot.capacity)
        moved, busiest.held = busiest.held[kept:], busiest.held[:kept]
        slot.held = moved
        for _, request in moved:
            self.router.moved(request.prompt, slot.at)

    # ------------------------------------------------------------ events

    def take(self, slot: Slot, event: Event) -> None:
        """Notes what came of a replica's last step, or start."""
        if isinstance(event, Lost):
            self.bury(slot, event.reason)
            return
        self.warn(event.warned)
        if isinstance(event, Made):
            self.welcome(slot, event)
        elif isinstance(event, Answered):
            self.note(slot, event)
        elif slot.state == "starting":
            self.give_up(slot, event.sentence)
        else:
            slot.state = "idle"
            self.failure = UserError(event.sentence) if event.mistake else EngineError(event.sentence)

    def welcome(self, slot: Slot, made: Made) -> None:
        """A replica is there. It fails all where it is another engine than the others are."""
        if self.id and (made.id, made.chat) != (self.id, self.chat):
            slot.state = "gone"
            self.failure = EngineError(
                f"{name_of(slot.at)} is {made.id} and another is {self.id}: give all machines the same model, in the "
                "same precision."
            )
            return
        self.id, self.chat, slot.capacity, slot.state, slot.starts = made.id, made.chat, made.capacity, "idle", 0
        self.add_up()

    def note(self, slot: Slot, event: Answered) -> None:
        """A step has ended."""
        slot.state, slot.capacity = "idle", event.capacity
        self.add_up()
        if event.answers:
            slot.deaths = 0
        for ticket in [*(ticket for ticket, _ in event.answers), *(ticket for ticket, _ in event.refused)]:
            slot.sent.pop(ticket, None)
            self.died.pop(ticket, None)
        self.answers += event.answers
        self.refused += event.refused
        if slot.sent and not (event.answers or event.refused):
            self.failure = EngineError(f"{name_of(slot.at)} has nothing more to do, and requests are waiting for it.")

    # ------------------------------------------------------------ deaths

    def bury(self, slot: Slot, reason: str) -> None:
        """A replica is lost: what it had is asked again, and another is started in its place."""
        started = slot.state != "starting"
        sent, held = slot.sent, slot.held
        slot.sent, slot.held, slot.apart = {}, [], False
        self.router.forget(slot.at)
        slot.deaths += 1
        slot.starts += not started
        if slot.starts >= STARTS or slot.deaths >= IN_A_ROW:
            self.give_up(slot, f"{name_of(slot.at)} was lost {slot.deaths} times in a row ({reason}).")
        else:
            slot.state = "starting"
            again = f"; its {len(sent)} requests are asked again" if sent else ""
            warnings.warn(f"{name_of(slot.at)} was lost ({reason}){again}, and it is started again.", stacklevel=3)
            self.replicas.begin(slot.at)
        for ticket, request in sent.items():
            self.died[ticket] += 1
            if len(sent) == 1 and self.died[ticket] >= NAMED:
                self.failure = poisonous(ticket, request, self.died[ticket], reason)
            elif self.died[ticket] >= SUSPECT:
                self.suspects.append(Suspect(ticket, request, max(1, len(sent) // SHRINK)))
            else:
                self.place(ticket, request)
        for ticket, request in held:
            self.place(ticket, request)

    def give_up(self, slot: Slot, sentence: str) -> None:
        """Goes on without a replica; what is held for it goes to the others."""
        slot.state, self.lost_with = "gone", sentence
        self.add_up()
        left = sum(other.state != "gone" for other in self.slots)
        if left:
            warnings.warn(f"{name_of(slot.at)} is given up, {left} are left: {sentence}", stacklevel=3)
        held, slot.held = slot.held, []
        for ticket, request in held:
            self.place(ticket, request)

    def warn(self, said: Sequence[str]) -> None:
        """Passes on what replicas warn of, once for all of them."""
        for text in said:
            if text not in self.warned:
                self.warned.add(text)
                warnings.warn(text, stacklevel=4)

    def close(self) -> None:
        """Ends all replicas, and drops what waits."""
        self.closed = True
        for slot in self.slots:
            slot.held, slot.sent = [], {}
        self.suspects, self.answers, self.refused, self.failure = [], [], [], None
        self.replicas.close()


def ticket_in(ticketed: Ticketed) -> int:
    """What requests are held in the order of."""
    return ticketed[0]


def name_of(at: int) -> str:
    """A replica as its user counts."""
    return f"replica {at + 1}"


def poisonous(ticket: int, request: Request, deaths: int, reason: str) -> EngineError:
    """What is said of a request that kills replicas."""
    prompt = request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content
    error = EngineError(
        f"{deaths} replicas died with one request, the last of them with nothing else to do ({reason}); its prompt "
        f"ends in {prompt[-60:]!r}: leave its sample out, or give replicas more memory."
    )
    error.ticket = ticket
    return error
