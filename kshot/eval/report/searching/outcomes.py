"""What a search came to, as values: a report is a function of these and of the test's records."""

from __future__ import annotations

from dataclasses import dataclass

from kshot.types import Generation

BEST_HUMAN, RANDOM, FEW_SHOT = "best-human", "random", "few-shot"


@dataclass(frozen=True, slots=True)
class Spent:
    """What some of a search's requests took, as if it had been alone."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    def plus(self, reply: Generation) -> Spent:
        """With one request more."""
        return Spent(
            self.requests + 1,
            self.prompt_tokens + reply.prompt_tokens,
            self.cached_tokens + reply.cached_tokens,
            self.completion_tokens + reply.completion_tokens,
            self.seconds + reply.seconds,
        )

    @property
    def tokens(self) -> int:
        """Those read and those written; what was at hand from before counts too."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Tried:
    """A candidate of a search."""

    spec: str
    text: str  # what is new in it, for people
    how: str
    parent: int | None  # the candidate that it was made of, by its place
    born: int  # scorings spent before it
    samples: int  # validation samples that it was tried on
    value: float | None  # the mean of what the search maximised; None: as low as can be
    score: float  # the mean of the task's score


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """A search that has ended."""

    task: str
    method: str  # its specification
    seed: int
    objective: str
    train: int  # samples that it learned from
    validation: int  # and chose on
    budget: int
    scorings: int
    proposals: int
    unusable: int
    best: int  # the winner's place among those tried
    tried: tuple[Tried, ...]
    out_of_bag: float | None  # what the choice is worth on samples that did not choose; None: too few judge
    low: float  # its 95% interval
    high: float
    judging: int  # validation samples that had no part in who was tried on all of them
    tested: tuple[str, ...]  # specifications that the test has, the winner's first
    proposing: Spent = Spent()
    scoring: Spent = Spent()
    notes: tuple[str, ...] = ()

    @property
    def winner(self) -> Tried:
        """The candidate that was chosen."""
        return self.tried[self.best]

    @property
    def spec(self) -> str:
        """The winner's specification."""
        return self.winner.spec

    @property
    def trajectory(self) -> list[tuple[int, float]]:
        """(Scorings spent, validation score of the best so far), of candidates that were tried on all samples.

        A candidate counts from when its own scorings can have been over; under halving others came between.
        """
        whole = [one for one in self.tried if one.samples == self.winner.samples]
        found: list[tuple[int, float]] = []
        best = float("-inf")
        for one in sorted(whole, key=lambda each: each.born):
            value = one.value if one.value is not None else -1e300
            if value > best:
                best = value
                found.append((min(one.born + one.samples, self.scorings), one.score))
        return [*found, (self.scorings, self.winner.score)] if found and found[-1][0] < self.scorings else found
