"""What a search's requests cost, proposals and scorings apart.

Counted as if the search were alone: what it shares with another, which a run asks once, counts in full for both. All of
it comes from the answers, so that a search that is read again from its journal costs what it did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from kshot.eval.report.searching.outcomes import Spent
from kshot.program import Done, advance
from kshot.prompts.search.trials import Proposal
from kshot.types import Generation, Program, Request

T = TypeVar("T")


@dataclass(slots=True)
class Meter:
    """What a search has cost so far."""

    proposals: Spent = field(default_factory=Spent)
    scorings: Spent = field(default_factory=Spent)

    def take(self, requests: Sequence[Request], replies: Sequence[Generation]) -> None:
        """What was asked at once."""
        for request, reply in zip(requests, replies, strict=True):
            if isinstance(request, Proposal):
                self.proposals = self.proposals.plus(reply)
            else:
                self.scorings = self.scorings.plus(reply)


def metered(program: Program[T], meter: Meter) -> Program[T]:
    """The same program, its requests counted."""
    step = advance(program)
    while not isinstance(step, Done):
        replies = yield step
        meter.take(step, replies)
        step = advance(program, replies)
    return step.result
