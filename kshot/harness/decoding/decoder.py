"""What an engine asks of a decoder, whichever way it runs its model."""

from __future__ import annotations

from typing import Protocol

from kshot.harness.decoding.sequence import TokenSequence


class StepDecoder(Protocol):
    """Decodes sequences in any order; one thread adds and steps."""

    def add(self, sequence: TokenSequence) -> None:
        """Puts a sequence in the queue."""

    def step(self) -> list[TokenSequence]:
        """Works for a while; returns what is finished by now. After an out-of-memory error, `restart` goes on.

        Raises NotFiniteError where the model's logits are no numbers.
        """

    def close(self) -> None:
        """Forgets everything in flight and frees the model, with all that was kept for it."""

    def __bool__(self) -> bool:
        """Whether there is anything to do."""


class Decoder(StepDecoder, Protocol):
    """One that runs a model of ours, pass by pass."""

    @property
    def rows(self) -> int:
        """Sequences that decode side by side, at most."""

    @property
    def passes(self) -> int:
        """Forward passes so far."""

    @property
    def decoding_passes(self) -> int:
        """Those in which rows got a token."""

    @property
    def row_passes(self) -> int:
        """Sum over passes of the rows that got a token: divided by decoding_passes * rows, how full it was."""

    def restart(self, rows: int) -> None:
        """Frees all keys and values and begins everything in flight again, with at most so many rows."""
