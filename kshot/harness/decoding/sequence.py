"""One request as tokens: what is asked, and what has been decoded of it so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kshot.types import FinishReason, SamplingParams


@dataclass(eq=False)
class TokenSequence:
    """A prompt's tokens with those that follow it, drawn one by one or given to be scored."""

    ticket: int
    ids: list[int]
    params: SamplingParams
    seed: int
    targets: list[int] | None = None  # the continuation to score; ids then end before its last token
    max_new: int = 0
    logprobs: bool = False  # whether its tokens are to be told one by one
    out: list[int] = field(default_factory=list)
    token_logprobs: list[float] = field(default_factory=list)  # natural log, of `out` or of `targets`
    finish: FinishReason | None = None
    cached: int = 0  # of the prompt's tokens, those whose keys and values were already at hand
    seconds: float = 0.0

    @property
    def prompt_tokens(self) -> int:
        return len(self.ids) if self.targets is None else len(self.ids) + 1 - len(self.targets)

    @property
    def completion(self) -> list[int]:
        """The tokens that follow the prompt."""
        return self.out if self.targets is None else self.targets

    @property
    def logprob(self) -> float:
        return sum(self.token_logprobs)

    def rewind(self) -> None:
        """Forgets what has been decoded. The same tokens come again: a draw depends on its seed and position alone."""
        self.out, self.token_logprobs, self.finish, self.cached = [], [], None, 0


def conclude(sequence: TokenSequence, end_ids: frozenset[int], stopped: Callable[[TokenSequence], bool]) -> None:
    """Sets the finish reason where the sequence has come to its end."""
    if sequence.out[-1] in end_ids or stopped(sequence):
        sequence.finish = "stop"
    elif len(sequence.out) >= sequence.max_new:
        sequence.finish = "length"
