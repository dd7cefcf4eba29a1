"""What a head, or a cloze, says of one input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Guess:
    """A head's answer to one input."""

    label: str
    probabilities: Mapping[str, float]  # by label, in the order of the labels; they sum to one


def guesses(labels: Sequence[str], rows: Sequence[Sequence[float]]) -> list[Guess]:
    """The likeliest label of every row of probabilities; of equal ones the first."""
    return [Guess(labels[row.index(max(row))], dict(zip(labels, row, strict=True))) for row in map(list, rows)]
