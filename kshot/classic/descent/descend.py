"""Going down a loss by an optimiser: on the whole batch, on mini-batches or on single rows, and the way kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kshot.classic.data.inputs import Array, Labels
from kshot.classic.descent.optimizers import Optimizer
from kshot.classic.descent.schedules import Schedule, constant

Rows = NDArray[np.intp] | slice
"""Which rows a loss is taken over."""

RowsObjective = Callable[[Array, Rows], tuple[float, Array]]
"""(weights, rows) -> (mean loss over those rows, its gradient). A surface without data ignores the rows."""

ALL: Rows = slice(None)


@dataclass(frozen=True, slots=True)
class Descent:
    """Where an optimiser went; one entry before the first update and one after every `every` updates."""

    updates: NDArray[np.intp]  # made so far
    path: Array  # the weights, (entries, *weights)
    losses: Array  # over all rows
    slopes: Array  # the Euclidean norm of the gradient over all rows

    @property
    def weights(self) -> Array:
        """Where it ended."""
        last: Array = self.path[-1]
        return last

    def updates_to(self, loss: float) -> int | None:
        """Updates until the loss over all rows was at or below `loss` for good; None where it ended above."""
        above = np.flatnonzero(~(self.losses <= loss))
        first = above[-1] + 1 if len(above) else 0
        return int(self.updates[first]) if first < len(self.updates) else None


def one_epoch(rows: int, batch_size: int, random: np.random.Generator, *, least: int = 1) -> list[Labels]:
    """All rows once in a new order, in parts of `batch_size`; a last part of fewer than `least` joins the one before.

    >>> [len(part) for part in one_epoch(9, 4, np.random.default_rng(0))]
    [4, 4, 1]
    >>> [len(part) for part in one_epoch(9, 4, np.random.default_rng(0), least=2)]
    [4, 5]
    """
    order = random.permutation(rows)
    parts = [order[first : first + batch_size] for first in range(0, rows, batch_size)]
    if len(parts) > 1 and len(parts[-1]) < least:
        parts[-2:] = [np.concatenate(parts[-2:])]
    return parts


def batches(rows: int, batch_size: int, random: np.random.Generator) -> Iterator[Labels]:
    """Endless mini-batches, epoch after epoch. Raises ValueError where there are fewer rows than a batch has."""
    if not 1 <= batch_size <= rows:
        raise ValueError(f"batch_size is {batch_size}; it must be from 1 to the {rows} rows.")
    while True:
        yield from one_epoch(rows, batch_size, random)


def descend(
    objective: RowsObjective,
    start: Array,
    optimizer: Optimizer,
    *,
    updates: int,
    draw: Iterator[Labels] | None = None,
    schedule: Schedule = constant,
    tol: float = 0.0,
    every: int = 1,
) -> Descent:
    """Goes down by `updates` updates, each on the next rows of `draw` (see `batches`; None: all rows every time).

    Stops where an entry's gradient over all rows is `tol` or shorter, and where the loss left all bounds. The optimiser
    should be a new one; its lr is put back afterwards. Raises ValueError.

    >>> from kshot.classic.descent.optimizers import SGD
    >>> found = descend(lambda w, rows: (float(w @ w), 2 * w), np.array([1.0]), SGD(lr=0.25), updates=3)
    >>> found.path.ravel().tolist()
    [1.0, 0.5, 0.25, 0.125]
    """
    if updates < 1 or every < 1:
        raise ValueError(f"updates is {updates} and every is {every}; both must be at least 1.")
    lr, w = optimizer.lr, np.array(start, dtype=np.float64)
    kept: list[tuple[int, Array, float, float]] = []
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # steps that are too large end in inf, which is kept
            for t in range(updates + 1):
                seen = draw is None or t % every == 0 or t == updates
                loss, whole = objective(w, ALL) if seen else (0.0, w)
                if t % every == 0 or t == updates:
                    kept.append((t, w.copy(), loss, float(np.linalg.norm(whole))))
                    if not np.isfinite(loss) or kept[-1][3] <= tol:
                        break
                if t < updates:
                    optimizer.lr = schedule(lr, t)
                    optimizer.step(w, whole if draw is None else objective(w, next(draw))[1])
    finally:
        optimizer.lr = lr
    made, path, losses, slopes = zip(*kept, strict=True)
    return Descent(np.array(made), np.array(path), np.array(losses), np.array(slopes))
