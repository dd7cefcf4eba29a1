"""How good the best of many candidates really is, where it was chosen by the very samples that it is judged on.

The best of 30 equal prompts on 32 samples looks 15 points better than it is. The out-of-bag estimate says what is left:
samples are drawn with replacement, the best on those is chosen again, and is judged on the samples that were not drawn
(the leave-one-out bootstrap of Efron 1983, JASA 78, pages 316 to 331, of the choice itself, as Tsamardinos et al. 2018,
arXiv 1708.07180, correct the choice of a model's configuration).

Meets: searches that give candidates up, whose scores are ragged. Who was tried to the end was decided on the first
samples, those that the others were tried on: these choose, and judge nothing. Without bias where candidates are equal
(tests/eval/test_selection_bias.py, by simulation).
Concedes: it is about the choice among the candidates that there are. Where later ones were made of earlier ones' scores
(`edits`, `opro`, `demos`, `reinforce`), all have been shaped by all of the samples, those out of bag too: that part of
the optimism stays, and only samples that the search never had show it. A choice on a draw sees 63% of the samples, so
that where candidates truly differ the estimate is a little low. Candidates that were given up are not chosen again.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kshot.eval.statistics import Interval, indices, mean_interval
from kshot.types import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class SelectionBias:
    """The score of a chosen candidate, before and after its being chosen is accounted for: shares of 0 to 1."""

    best: int  # the chosen candidate
    naive: float  # its mean score on the samples that chose it
    out_of_bag: float  # what the choice is worth on samples that it has not seen; nan where no two samples judge
    interval: Interval  # of `out_of_bag`, 95%
    candidates: int  # that were tried at all
    finalists: int  # of these, those on all samples
    samples: int
    judging: int  # of the samples, those that had no part in who became a finalist

    @property
    def optimism(self) -> float:
        """By how much the naive score is too high."""
        return self.naive - self.out_of_bag


def selection_bias(
    values: Sequence[Sequence[float]],
    scores: Sequence[Sequence[float]] | None = None,
    *,
    best: int | None = None,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> SelectionBias:
    """What the choice of the candidate with the highest mean value is worth, by the out-of-bag estimate.

    `values` has a row a candidate, the values by which it was chosen on the first samples, as many as it was tried on;
    `scores` likewise by which it is judged (the same, where it is left out). Of equals the first is chosen. `best`: the
    one that was chosen, where by something else. `clusters`, one a sample: those that stand or fall together are drawn
    together. Raises UserError where there is no
    candidate, a row of scores is not as long as its values, or a value is no number.

    >>> found = selection_bias([[1, 0, 1, 0] * 8, [0, 1, 1, 1] * 8])
    >>> found.best, found.naive, round(found.out_of_bag, 2)
    (1, 0.75, 0.72)
    """
    import numpy as np

    scores = values if scores is None else scores
    n = max((len(row) for row in values), default=0)
    if not n or [len(row) for row in values] != [len(row) for row in scores]:
        raise UserError("the choice of a candidate needs one at least, and as many scores as values of each.")
    final = [at for at, row in enumerate(values) if len(row) == n]
    decided = max((len(row) for row in values if len(row) < n), default=0)  # samples on which some were given up
    chosen_by = np.array([values[at] for at in final], dtype=float)  # (finalists, samples)
    judged_by = np.array([scores[at] for at in final], dtype=float)
    if np.isnan(chosen_by).any() or not np.isfinite(judged_by).all():
        raise UserError("a candidate has a value that is no number; the choice cannot be made again.")
    winner = final[int(chosen_by.mean(axis=1).argmax())] if best is None else best
    groups = indices(list(range(n - decided)) if clusters is None else list(clusters)[decided:])
    outside, squares = out_of_bag(chosen_by, judged_by, groups, np.random.default_rng(seed), resamples)
    known = ~np.isnan(outside)
    kept = [group for group, is_known in zip(groups, known, strict=True) if is_known]
    interval = interval_of(outside[known], squares[known], kept if clusters is not None else None)
    return SelectionBias(
        *(winner, float(np.mean(scores[winner])), float(outside[known].mean()) if kept else math.nan, interval),
        *(sum(map(bool, values)), len(final), n, n - decided),
    )


def interval_of(outside: NDArray[Any], squares: NDArray[Any], clusters: Sequence[int] | None) -> Interval:
    """The interval of the mean of out-of-bag scores, given their squares' means as well.

    That of the samples' means is too narrow by itself: on other draws others are chosen, whose errors average out, and
    the one that was chosen has its own. So it is no narrower than that of single scores, as spread as those are.
    """
    if len(outside) < 2:
        return Interval(0.0, 1.0)
    from scipy import stats

    between = mean_interval(outside.tolist(), clusters=clusters)
    mean, count = float(outside.mean()), len(outside)
    half = float(stats.t.ppf(0.975, count - 1)) * math.sqrt(max(float(squares.mean()) - mean**2, 0.0) / (count - 1))
    return Interval(min(between.low, max(0.0, mean - half)), max(between.high, min(1.0, mean + half)))


def out_of_bag(
    values: NDArray[Any], scores: NDArray[Any], groups: Sequence[int], rng: Any, resamples: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """For each of the last samples: the mean score there of what is chosen without it, and of its square. (samples,)

    Groups, one a sample, are drawn with replacement, as many as there are; the samples before the last ones always
    choose. nan where a sample was in every draw.
    """
    import numpy as np

    n = values.shape[1]
    judging = slice(n - len(groups), n)
    worst = np.isneginf(values)  # what was infinitely bad stays so, and 0 times it would be no number
    finite = np.where(worst, 0.0, values)
    count = max(groups) + 1
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=resamples)[:, list(groups)]  # (resamples, judging)
    weights = np.hstack([np.ones((resamples, n - len(groups))), drawn])
    means = weights @ finite.T / weights.sum(axis=1, keepdims=True)  # (resamples, finalists)
    means[(weights @ worst.T) > 0] = -np.inf
    chosen = means.argmax(axis=1)
    out = drawn == 0
    times = out.sum(axis=0)
    found = scores[chosen][:, judging] * out
    nothing = np.full(len(groups), np.nan)
    first, second = (
        np.divide((found**power).sum(axis=0), times, out=nothing.copy(), where=times > 0) for power in (1, 2)
    )
    return first, second
