"""How far apart the scores of several forms of one prompt are, and how far chance alone would put them.

Meets: paired, as the forms were asked the same samples: of forms that are alike any could have had any of a sample's
scores, so these are exchanged within each sample (Fisher 1935, section 21, for more than two; Sclar et al. 2023, arXiv
2310.11324, give the bare range). Concedes: by Monte Carlo, and by its normal limit from `LIMIT` samples on that tell
forms apart.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kshot.eval.statistics import CHUNK, LIMIT, cochran_q, indices

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DRAWS = 2_000

COCHRAN, EXCHANGE = "Cochran's Q", "exchange"
"""The tests of `exchanged`: the one for enough independent scores of 0 and 1, the other for all else."""

FEWEST = 24
"""Scores of samples that tell forms apart, below which Q is far from chi-squared (Tate and Brown 1970, JASA 65:155)."""


@dataclass(frozen=True, slots=True)
class Chance:
    """What chance alone does to the means of forms that are alike."""

    expected: float  # mean range, highest minus lowest mean
    limit: float  # the range that 95 of 100 draws stay within
    p: float  # that the means are as far apart as they are, by `test`
    test: str = EXCHANGE


def exchanged(
    table: Sequence[Sequence[float]], clusters: Sequence[Hashable] | None = None, *, draws: int = DRAWS, seed: int = 0
) -> Chance:
    """The range of means by chance, from scores (samples, forms), exchanged within samples or within whole clusters.

    p is Cochran's Q where scores are 0 or 1 and samples independent, else the share of exchanges whose means lie as far
    apart (by the sum of their squared distances), the observed one counted. Raises ValueError for fewer than two forms.

    >>> chance = exchanged([[1, 0]] * 10 + [[1, 1]] * 10)
    >>> round(chance.expected, 2), chance.p < 0.01  # 10 coins: |heads - tails| is 2.46 on average, of 20 samples
    (0.12, True)
    """
    import numpy as np

    scores = np.asarray(table, dtype=float)
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise ValueError("a spread needs the scores of two forms or more on the same samples")
    n, forms = scores.shape
    units = scores
    if clusters is not None:
        groups = np.asarray(indices(clusters))
        units = np.zeros((int(groups.max()) + 1, forms))
        np.add.at(units, groups, scores)
    telling = units[np.ptp(units, axis=1) > 1e-12]
    if not len(telling):
        return Chance(0.0, 0.0, 1.0)
    rng = np.random.default_rng(seed)
    if len(telling) >= LIMIT:
        spread = float(np.sqrt(telling.var(axis=1, ddof=1).sum()))
        sums = rng.standard_normal((draws, forms)) * spread
    else:
        sums = in_pieces(lambda rows: rng.permuted(np.tile(telling, (rows, 1, 1)), axis=2).sum(1), telling.size, draws)
    found = chance_of(sums / n, telling.sum(axis=0) / n)
    if clusters is None and telling.size >= FEWEST and bool(np.isin(scores, (0.0, 1.0)).all()):
        return Chance(found.expected, found.limit, cochran_q(scores.T.tolist())[1], COCHRAN)
    return found


def apart(groups: Sequence[Sequence[float]], *, draws: int = DRAWS, seed: int = 0) -> Chance:
    """The same for forms that were asked different samples: all scores are exchanged between all.

    Raises ValueError for fewer than two forms, or one without a score.
    """
    import numpy as np

    sizes = np.array([len(group) for group in groups])
    if len(sizes) < 2 or not sizes.all():
        raise ValueError("a spread needs the scores of two forms or more")
    scores = np.concatenate([np.asarray(group, dtype=float) for group in groups])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rng = np.random.default_rng(seed)
    if len(scores) >= LIMIT:
        means = rng.standard_normal((draws, len(sizes))) * float(scores.std()) / np.sqrt(sizes)
    else:
        means = in_pieces(
            lambda rows: np.add.reduceat(rng.permuted(np.tile(scores, (rows, 1)), axis=1), starts, axis=1) / sizes,
            scores.size,
            draws,
        )
    return chance_of(means, np.add.reduceat(scores, starts) / sizes)


def in_pieces(draw: Callable[[int], NDArray[np.float64]], size: int, draws: int) -> NDArray[np.float64]:
    """All draws, so many at once as hold `CHUNK` numbers of `size` each."""
    import numpy as np

    rows = max(1, CHUNK // size)
    return np.concatenate([draw(min(rows, draws - start)) for start in range(0, draws, rows)])


def chance_of(means: NDArray[np.float64], observed: NDArray[np.float64]) -> Chance:
    """The ranges of means (draws, forms), and how many draws are as far apart as what was observed."""
    import numpy as np

    ranges, distances = np.ptp(means, axis=1), means.var(axis=1)
    reached = int((distances >= observed.var() - 1e-12).sum())
    return Chance(float(ranges.mean()), float(np.quantile(ranges, 0.95)), (1 + reached) / (1 + len(means)))
