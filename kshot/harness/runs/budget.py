"""Which samples a strategy is asked where there is not the budget for all: a share, spread evenly over both."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from kshot.eval.many_forms import balanced_cells
from kshot.types import Sample


def within_budget(samples: Sequence[Sample], strategies: Sequence[str], name: str, share: float) -> Sequence[Sample]:
    """The samples that one of the strategies is asked, in order; each strategy at least one, all together the share.

    The same strategies on as many samples are asked the same ones again.
    """
    if share >= 1:
        return samples
    cells = drawn(len(strategies), len(samples), max(len(strategies), round(share * len(strategies) * len(samples))))
    return [sample for sample, asked in zip(samples, cells[list(strategies).index(name)], strict=True) if asked]


@lru_cache(maxsize=64)
def drawn(strategies: int, samples: int, budget: int) -> Any:
    """The cells, drawn once a task and not once a strategy."""
    return balanced_cells(strategies, samples, budget)
