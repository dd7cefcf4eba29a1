"""Intervals and paired tests of values that are no mean over samples, such as BLEU or macro-F1: by their counts.

Meets: a value is a function of counts that add up over samples, so that resampling is one product of matrices.
Concedes: intervals are percentile bootstraps, rough for few samples; p-values are by Monte Carlo, never below
1 / (1 + draws).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kshot.eval.statistics import Interval, Paired, indices

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DRAWS = 1_000
RANDOMISED = "approximate randomisation"
CHUNK = 4_000_000  # numbers held at once

Counts = Mapping[Any, float]
"""What is counted of a sample; counts of several add up."""

Total = Callable[[Counts], float]
"""What makes a value of counts."""


def added(counts: Sequence[Counts]) -> dict[Any, float]:
    """The sum of counts."""
    found: dict[Any, float] = {}
    for each in counts:
        for key, value in each.items():
            found[key] = found.get(key, 0.0) + value
    return found


def mean(counts: Counts) -> float:
    """Of values that were added up as "sum", with their number as "n"."""
    return counts["sum"] / counts["n"]


def value_of(counts: Sequence[Counts], total: Total) -> float:
    """The value of a corpus."""
    return total(added(counts))


def corpus_interval(
    counts: Sequence[Counts],
    total: Total,
    *,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    draws: int = DRAWS,
    level: float = 0.95,
) -> Interval:
    """The percentile bootstrap of a corpus' value, samples (or whole clusters) drawn with replacement.

    Koehn 2004 (W04-3250, section 3) for BLEU. One sample alone says nothing: its interval is its value.
    """
    import numpy as np

    keys, [table] = tables([counts], clusters)
    rng = np.random.default_rng(seed)
    values = [total(named(keys, row)) for weights in drawn(len(table), draws, rng) for row in weights @ table]
    low, high = np.nanquantile(np.asarray(values), [(1 - level) / 2, (1 + level) / 2], method="nearest")
    return Interval(float(low), float(high))


def corpus_paired(
    a: Sequence[Counts],
    b: Sequence[Counts],
    total: Total,
    *,
    higher: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    draws: int = DRAWS,
    level: float = 0.95,
) -> Paired:
    """Two corpora over the same samples compared, a minus b; `higher` says by sample how much better a's own value is.

    The interval is a paired bootstrap (Koehn 2004, section 4); p is by approximate randomisation, in which each sample
    (or cluster) changes sides with probability a half (Noreen 1989; Riezler and Maxwell 2005, W05-0908).
    """
    import numpy as np

    if len(a) != len(b) or not len(a):
        raise ValueError(f"counts of {len(a)} and {len(b)} samples cannot be paired")
    keys, (first, second) = tables([a, b], clusters)
    rng, units = np.random.default_rng(seed), len(first)

    def difference(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
        return total(named(keys, left)) - total(named(keys, right))

    seen = difference(first.sum(axis=0), second.sum(axis=0))
    resampled = [
        difference(*pair) for weights in drawn(units, draws, rng)
        for pair in zip(weights @ first, weights @ second, strict=True)
    ]  # fmt: skip
    low, high = np.nanquantile(np.asarray(resampled), [(1 - level) / 2, (1 + level) / 2])
    reached, whole = 0, first.sum(axis=0) + second.sum(axis=0)
    for rows in pieces(units, draws):
        kept = rng.integers(0, 2, size=(rows, units)).astype(float)
        mine = kept @ first + (1 - kept) @ second
        reached += sum(abs(difference(row, whole - row)) >= abs(seen) - 1e-12 for row in mine)
    return Paired(
        n=len(a),
        difference=seen,
        interval=Interval(float(low), float(high)),
        p=(1 + reached) / (1 + draws),
        only_a=sum(each > 0 for each in higher),
        only_b=sum(each < 0 for each in higher),
        clusters=None if clusters is None else units,
        test=RANDOMISED,
        spread=float(np.nanstd(resampled)) * float(np.sqrt(units)),
    )


def tables(
    corpora: Sequence[Sequence[Counts]], clusters: Sequence[Hashable] | None
) -> tuple[list[Hashable], list[NDArray[np.float64]]]:
    """All keys, and each corpus' counts as (units, keys), a unit being a sample or a cluster."""
    import numpy as np

    keys = list(dict.fromkeys(key for corpus in corpora for each in corpus for key in each))
    at = {key: column for column, key in enumerate(keys)}
    groups = list(range(len(corpora[0]))) if clusters is None else indices(clusters)
    found = []
    for corpus in corpora:
        table = np.zeros((max(groups) + 1, len(keys)))
        for unit, each in zip(groups, corpus, strict=True):
            for key, value in each.items():
                table[unit, at[key]] += value
        found.append(table)
    return keys, found


def pieces(units: int, draws: int) -> Iterator[int]:
    """The draws that are held at once, of so many units each, until all are made."""
    rows = max(1, CHUNK // max(1, units))
    for start in range(0, draws, rows):
        yield min(rows, draws - start)


def drawn(units: int, draws: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """How often each unit is drawn, in pieces of (draws, units)."""
    for rows in pieces(units, draws):
        yield rng.multinomial(units, [1 / units] * units, size=rows)


def named(keys: Sequence[Hashable], row: NDArray[np.float64]) -> dict[Hashable, float]:
    """A row of sums by key."""
    return dict(zip(keys, row.tolist(), strict=True))
