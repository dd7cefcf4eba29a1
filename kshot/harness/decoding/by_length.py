"""Two decoders for one model: rows up to a length run side by side, longer ones alone (`rope.py` says why)."""

from __future__ import annotations

from kshot.harness.decoding.decoder import Decoder
from kshot.harness.decoding.sequence import TokenSequence


class DecoderByLength:
    """`short` decodes what ends within `length` tokens, `long` everything else."""

    def __init__(self, short: Decoder, long: Decoder, length: int) -> None:
        self.short = short
        self.long = long
        self.length = length

    @property
    def rows(self) -> int:
        return self.short.rows

    @property
    def passes(self) -> int:
        return self.short.passes + self.long.passes

    @property
    def decoding_passes(self) -> int:
        return self.short.decoding_passes + self.long.decoding_passes

    @property
    def row_passes(self) -> int:
        return self.short.row_passes + self.long.row_passes

    def add(self, sequence: TokenSequence) -> None:
        """Puts a sequence in the queue that it belongs to; a token that is drawn last is never read."""
        read = len(sequence.ids) + max(sequence.max_new - 1, 0)
        (self.short if read <= self.length else self.long).add(sequence)

    def step(self) -> list[TokenSequence]:
        """A pass over what runs side by side; once nothing does, a row of the others."""
        return self.short.step() if self.short else self.long.step()

    def restart(self, rows: int) -> None:
        """Begins everything in flight again."""
        self.short.restart(rows)
        self.long.restart(1)

    def close(self) -> None:
        """Forgets everything in flight and frees the model."""
        self.short.close()
        self.long.close()

    def __bool__(self) -> bool:
        return bool(self.short) or bool(self.long)
