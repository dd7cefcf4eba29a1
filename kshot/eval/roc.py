"""Do stated probabilities tell one label from the others? The area under the ROC curve, which no threshold enters.

Meets: ties count one half; checked against scikit-learn's roc_auc_score. Concedes: the interval is the percentile
bootstrap over samples, and a draw that lacks a label is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kshot.eval.statistics import CHUNK, Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Area:
    """The area under the ROC curve of some samples."""

    value: float
    interval: Interval  # 95%
    tied: float  # share of the pairs, one sample of the label and one of another, whose probabilities are equal
    positive: str | None  # of two labels the one whose probability it is; None for the mean of each against the rest


def roc_auc(scores: Sequence[float] | NDArray[np.float64], positive: Sequence[bool] | NDArray[np.bool_]) -> float:
    """The probability that a positive sample scores higher than a negative one, a tie counting one half.

    The Mann-Whitney U over the number of pairs (Hanley and McNeil 1982, Radiology 143:29). nan where all are alike.

    >>> roc_auc([0.1, 0.4, 0.35, 0.8], [False, False, True, True])
    0.75
    """
    import numpy as np
    from scipy import stats

    values, hit = np.asarray(scores, dtype=float), np.asarray(positive, dtype=bool)
    if values.shape != hit.shape or values.ndim != 1:
        raise ValueError(f"{len(values)} scores and {len(hit)} labels")
    hits = int(hit.sum())
    pairs = hits * (len(hit) - hits)
    if not pairs:
        return float("nan")
    return float((stats.rankdata(values)[hit].sum() - hits * (hits + 1) / 2) / pairs)


def resampled(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """`roc_auc` of many resamples at once, which take each sample so many times: counts (resamples, samples)."""
    import numpy as np

    order = np.argsort(scores, kind="stable")
    starts = np.unique(scores[order], return_index=True)[1]
    hits, misses = (
        np.add.reduceat(counts[:, order] * chosen[order], starts, axis=1).astype(float)
        for chosen in (positive, ~positive)
    )  # (resamples, distinct scores)
    beaten = np.cumsum(misses, axis=1) - misses / 2
    with np.errstate(invalid="ignore"):  # nan where a resample lacks a label
        areas: NDArray[np.float64] = (hits * beaten).sum(axis=1) / (hits.sum(axis=1) * misses.sum(axis=1))
    return areas


def tied_pairs(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[int, int]:
    """(pairs of a positive and a negative sample that score the same, all such pairs)."""
    import numpy as np

    _, place = np.unique(scores, return_inverse=True)
    hits, misses = np.bincount(place, weights=positive), np.bincount(place, weights=~positive)
    return int((hits * misses).sum()), int(positive.sum() * (~positive).sum())


def area(
    probabilities: Sequence[Sequence[Mapping[str, float]]],
    targets: Sequence[str],
    *,
    draws: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> Area:
    """The area of probabilities by label: a row a sample, in it one mapping a repeat, whose areas are averaged.

    Of two labels the last in the alphabet is the positive one, as in scikit-learn. Of more it is the macro mean of each
    label against the rest (Provost and Domingos 2001, without weights). Raises ValueError where the targets have one
    label alone, or a label lacks a probability.
    """
    import numpy as np

    labels = sorted(set(targets))
    if len(labels) < 2 or len(targets) != len(probabilities):
        raise ValueError(f"{len(labels)} labels among {len(targets)} targets of {len(probabilities)} samples")
    repeats = min(map(len, probabilities))
    asked = labels[1:] if len(labels) == 2 else labels
    try:  # (labels, repeats, samples)
        table = np.array([[[row[r][name] for row in probabilities] for r in range(repeats)] for name in asked], float)
    except KeyError as error:
        raise ValueError(f"a sample has no probability of {error}") from None
    hit = np.array([[target == name for target in targets] for name in asked])

    rng, n = np.random.default_rng(seed), len(targets)
    each = [(one, hits) for rows, hits in zip(table, hit, strict=True) for one in rows]
    rows = max(1, CHUNK // n)
    means = []
    for start in range(0, draws, rows):
        drawn = [np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(min(rows, draws - start))]
        means.append(np.mean([resampled(one, hits, np.stack(drawn)) for one, hits in each], axis=0))
    found = np.concatenate(means)
    found = found[np.isfinite(found)]
    ends = np.quantile(found, [(1 - level) / 2, (1 + level) / 2]) if len(found) else (0.0, 1.0)
    ties = [tied_pairs(one, hits) for one, hits in each]
    tied = sum(same for same, _ in ties) / sum(pairs for _, pairs in ties)
    interval = Interval(float(ends[0]), float(ends[1]))
    value = float(np.mean([roc_auc(one, hits) for one, hits in each]))
    return Area(value, interval, tied, asked[0] if len(labels) == 2 else None)
