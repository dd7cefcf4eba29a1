"""What a search's requests cost, proposals and scorings apart.

Counted as if the search were alone: what it shares with another, which a run asks once, counts in full for both. All of
it comes from the answers, so that a search that is read again from its journal costs what it did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from kshot.program import Done, advance
from kshot.prompts.search.trials import Proposal
from kshot.types import Generation, Program, Request

T = TypeVar("T")


@dataclass(slots=True)
class Cost:
    """What some requests took."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    def add(self, reply: Generation) -> None:
        """One more."""
        self.requests += 1
        self.prompt_tokens += reply.prompt_tokens
        self.cached_tokens += reply.cached_tokens
        self.completion_tokens += reply.completion_tokens
        self.seconds += reply.seconds


@dataclass(frozen=True, slots=True)
class Meter:
    """What a search has cost so far."""

    proposals: Cost = field(default_factory=Cost)
    scorings: Cost = field(default_factory=Cost)

    def take(self, requests: Sequence[Request], replies: Sequence[Generation]) -> None:
        """What was asked at once."""
        for request, reply in zip(requests, replies, strict=True):
            (self.proposals if isinstance(request, Proposal) else self.scorings).add(reply)


def metered(program: Program[T], meter: Meter) -> Program[T]:
    """The same program, its requests counted."""
    step = advance(program)
    while not isinstance(step, Done):
        replies = yield step
        meter.take(step, replies)
        step = advance(program, replies)
    return step.result
