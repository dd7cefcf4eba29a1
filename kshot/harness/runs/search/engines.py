"""An engine that scores and another that proposes, as one: proposals go to the second, all else to the first."""

from __future__ import annotations

from kshot.prompts.search.trials import Proposal
from kshot.types import Engine, Generation, Request


class TwoEngines:
    """Two engines behind one door; a request's journal key has the id of the one that answers it (`id_of`)."""

    def __init__(self, scores: Engine, proposes: Engine) -> None:
        self.scores, self.proposes = scores, proposes
        self.id, self.chat, self.capacity = scores.id, scores.chat, scores.capacity
        self.waiting = {id(scores): 0, id(proposes): 0}

    def of(self, request: Request) -> Engine:
        """The engine that answers a request."""
        return self.proposes if isinstance(request, Proposal) else self.scores

    def id_of(self, request: Request) -> str:
        """Its id."""
        return self.of(request).id

    def submit(self, ticket: int, request: Request) -> None:
        """Passes a request on."""
        engine = self.of(request)
        engine.submit(ticket, request)
        self.waiting[id(engine)] += 1

    def collect(self) -> list[tuple[int, Generation]]:
        """What one of them has answered: the one that proposes first, as searches wait for it."""
        engine = self.proposes if self.waiting[id(self.proposes)] else self.scores
        found = engine.collect()
        self.waiting[id(engine)] -= len(found)
        return found

    def close(self) -> None:
        """Closes both."""
        try:
            self.scores.close()
        finally:
            self.proposes.close()


def as_one(scores: Engine, proposes: Engine) -> Engine:
    """The engine that scores, with one that proposes beside it; that is closed where it is the same again."""
    if proposes.id == scores.id:
        proposes.close()
        return scores
    return TwoEngines(scores, proposes)
