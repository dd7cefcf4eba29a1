"""The table of the lecture's Water-or-Normal experiment: 721 Pokemon of generations 1 to 6 (`pokemon.tsv`)."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

STATS = ("hp", "attack", "defense", "sp_attack", "sp_defense", "speed")
"""The columns of `Pokemon.stats`. The lecture's seventh, `total`, is their sum."""


@dataclass(frozen=True, slots=True, eq=False)
class Pokemon:
    """Rows in the order of the Pokedex."""

    numbers: NDArray[np.int64]  # Pokedex numbers, from 1
    names: NDArray[np.str_]
    types: NDArray[np.str_]  # the first type
    stats: NDArray[np.float64]  # (rows, 6)

    def only(self, *types: str) -> Pokemon:
        """The rows whose first type is one of these."""
        kept = np.isin(self.types, types)
        return Pokemon(self.numbers[kept], self.names[kept], self.types[kept], self.stats[kept])


def load_pokemon() -> Pokemon:
    """The whole table."""
    text = resources.files("kshot.classic.data").joinpath("pokemon.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines()[2:]]  # below where it is from and the headings
    return Pokemon(
        numbers=np.array([int(row[0]) for row in rows]),
        names=np.array([row[1] for row in rows]),
        types=np.array([row[2] for row in rows]),
        stats=np.array([row[3:] for row in rows], dtype=float),
    )
