"""How scores are distributed over many forms of a prompt, from few of the cells of the table forms x samples.

After PromptEval (Polo et al. 2024, arXiv 2405.17202, section 3): cells are drawn so that forms and samples are asked
equally often, and a Rasch model with a form's features fills in the others. Theirs fixes how far forms may lie apart
by one weak penalty, which at two samples a form makes the spread of noise the spread of forms; here the spreads are
weighed by how well each explains what was seen, so that quantiles come with intervals.

Meets: the mode against scikit-learn's logistic regression; quantiles and their intervals against whole grids, simulated
and measured (docs/many-forms.md). Concedes: a form's quality is one number, the same on every sample but for its
difficulty; scores between 0 and 1 are taken as shares, which makes intervals wide rather than narrow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from kshot.eval.statistics import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

QUANTILES = (5, 25, 50, 75, 95)
SPREADS = (0.05, 0.15, 0.3, 0.6, 1.0, 1.7, 3.0)
"""Standard deviations, in logits, that are weighed for forms, samples and features."""
DRAWS = 2_000
FEWEST = 8
"""Forms below which a distribution over forms is not estimated."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Mean scores over forms, as the whole grid would show them."""

    forms: int
    samples: int
    seen: int  # cells that were asked
    mean: float  # over forms
    mean_interval: Interval
    deviation: float  # between forms
    deviation_interval: Interval
    quantiles: Mapping[int, tuple[float, Interval]]  # percent of forms -> the score that these are at most
    means: Sequence[float]  # of each form
    intervals: Sequence[Interval]

    @property
    def share(self) -> float:
        """Of the grid's cells, those that were asked."""
        return self.seen / (self.forms * self.samples)


def balanced_cells(forms: int, samples: int, budget: int, *, seed: int = 0) -> NDArray[np.bool_]:
    """Which cells to ask, (forms, samples): `budget` of them, each form as often as any other and so the samples.

    Two-way balanced sampling (Polo et al. 2024, algorithm 2): the next cell is of a form asked least, and there of a
    sample asked least; of equals one is drawn. Samples may end one or two apart. A larger budget keeps a smaller one's
    cells. Raises ValueError.

    >>> cells = balanced_cells(100, 100, 200)
    >>> set(cells.sum(axis=0).tolist()), set(cells.sum(axis=1).tolist())
    ({2}, {2})
    """
    import numpy as np

    if not 0 <= budget <= forms * samples:
        raise ValueError(f"a budget of {budget} cells of {forms} x {samples}")
    rng = np.random.default_rng(seed)
    seen = np.zeros((forms, samples), dtype=bool)
    rows, columns = np.zeros(forms), np.zeros(samples)
    for _ in range(budget):
        row = int(rng.choice(np.flatnonzero(rows == rows.min())))
        free = np.where(seen[row], np.inf, columns)
        column = int(rng.choice(np.flatnonzero(free == free.min())))
        seen[row, column] = True
        rows[row] += 1
        columns[column] += 1
    return seen


def distribution(
    table: Sequence[Sequence[float]],
    features: Sequence[Sequence[float]] | None = None,
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Distribution:
    """The distribution of mean scores over forms, from a table (forms, samples) of scores in [0, 1], nan if not asked.

    logit P(right) = m + features w + form + difficulty, each with a normal prior whose spread is weighed over a grid by
    its Laplace marginal likelihood. What was seen counts as it is; the rest is drawn, so that a whole table gives its
    own quantiles, with no interval. `features`, a row each form (which separator, which case), lets forms that have one
    in common lend to each other. Raises ValueError for fewer than eight forms, or where nothing was seen.
    """
    import numpy as np

    scores = np.asarray(table, dtype=float)
    if scores.ndim != 2 or len(scores) < FEWEST:
        raise ValueError(f"a distribution over forms takes {FEWEST} forms or more on the same samples")
    seen = ~np.isnan(scores)
    if not seen.any() or scores[seen].min() < 0 or scores[seen].max() > 1:
        raise ValueError("nothing was asked, or a score lies outside of [0, 1]")
    design = features_of(features, len(scores))
    if seen.all():
        means = scores.mean(axis=1)[None]  # (draws, forms)
    else:
        fits = fits_of(np.where(seen, scores, 0.0), seen, design)
        weights = np.exp(np.array([fit.evidence for fit in fits]) - max(fit.evidence for fit in fits))
        rng = np.random.default_rng(seed)
        counts = rng.multinomial(draws, weights / weights.sum())
        drawn = [whole(scores, seen, design, fit, int(n), rng) for fit, n in zip(fits, counts, strict=True) if n]
        means = np.concatenate(drawn)
    ends = ((1 - level) / 2, (1 + level) / 2)

    def summed(values: NDArray[np.float64]) -> tuple[float, Interval]:
        low, high = np.quantile(values, ends)
        return float(values.mean()), Interval(float(low), float(high))

    per_form = [summed(column) for column in means.T]
    quantiles = dict(zip(QUANTILES, map(summed, np.percentile(means, QUANTILES, axis=1)), strict=True))
    centre, deviation = summed(means.mean(axis=1)), summed(means.std(axis=1, ddof=1))
    forms, samples = scores.shape
    values, intervals = [value for value, _ in per_form], [interval for _, interval in per_form]
    return Distribution(forms, samples, int(seen.sum()), *centre, *deviation, quantiles, values, intervals)


def features_of(features: Sequence[Sequence[float]] | None, forms: int) -> NDArray[np.float64]:
    """The design, (forms, 1 + features + forms): a constant, the features about their means, and one for each form."""
    import numpy as np

    given = np.zeros((forms, 0)) if features is None else np.asarray(features, dtype=float)
    if given.ndim != 2 or len(given) != forms:
        raise ValueError(f"features of {len(given)} forms, and there are {forms}")
    return np.hstack([np.ones((forms, 1)), given - given.mean(axis=0), np.eye(forms)])


def one_hot(names: Sequence[Sequence[str]]) -> list[list[float]]:
    """Features of forms that are described by names, a column each value of each place."""
    columns = [(at, value) for at, place in enumerate(zip(*names, strict=True)) for value in dict.fromkeys(place)]
    return [[float(row[at] == value) for at, value in columns] for row in names]


@dataclass(frozen=True, slots=True)
class FormFit:
    """The model's mode for given spreads, and how sure it is."""

    effects: NDArray[np.float64]  # of the design's columns
    difficulty: NDArray[np.float64]  # of samples
    precision: NDArray[np.float64]  # of the effects, samples averaged over
    own: NDArray[np.float64]  # precision of each sample's, given the effects
    cross: NDArray[np.float64]  # (columns, samples)
    evidence: float  # log marginal likelihood, by Laplace


def fits_of(scores: NDArray[np.float64], seen: NDArray[np.bool_], design: NDArray[np.float64]) -> list[FormFit]:
    """The model at every combination of spreads; that of features only where there are any."""
    forms = len(scores)
    has_features = design.shape[1] > 1 + forms
    found: list[FormFit] = []
    for form, sample, feature in product(SPREADS, SPREADS[2:], SPREADS[1::2] if has_features else (1.0,)):
        start = found[-1] if found else None
        found.append(fitted(scores, seen, design, (form, sample, feature), start))
    return found


def fitted(
    scores: NDArray[np.float64],
    seen: NDArray[np.bool_],
    design: NDArray[np.float64],
    spreads: tuple[float, float, float],
    start: FormFit | None = None,
) -> FormFit:
    """The mode by Newton's method, samples eliminated: each cell has one, so that their block is diagonal."""
    import numpy as np

    (forms, samples), columns = scores.shape, design.shape[1]
    form, sample, feature = spreads
    prior = np.array([1e-4, *[feature**-2] * (columns - 1 - forms), *[form**-2] * forms])
    effects = np.zeros(columns) if start is None else start.effects.copy()
    difficulty = np.zeros(samples) if start is None else start.difficulty.copy()

    def objective(effects: NDArray[np.float64], difficulty: NDArray[np.float64]) -> float:
        logits = (design @ effects)[:, None] + difficulty[None]
        fit = (scores * logits - np.logaddexp(0, logits))[seen].sum()
        return float(fit - (prior * effects**2).sum() / 2 - (difficulty**2).sum() / (2 * sample**2))

    value = objective(effects, difficulty)
    for _ in range(50):
        chances = 1 / (1 + np.exp(-((design @ effects)[:, None] + difficulty[None])))
        weights = np.where(seen, chances * (1 - chances), 0.0)
        left = np.where(seen, scores - chances, 0.0)
        slope = design.T @ left.sum(axis=1) - prior * effects
        own_slope = left.sum(axis=0) - difficulty / sample**2
        own = weights.sum(axis=0) + sample**-2
        cross = design.T @ weights
        precision = (design.T * weights.sum(axis=1)) @ design + np.diag(prior) - (cross / own) @ cross.T
        step = np.linalg.solve(precision, slope - cross @ (own_slope / own))
        own_step = (own_slope - step @ cross) / own
        size = 1.0
        while (new := objective(effects + size * step, difficulty + size * own_step)) < value - 1e-9 and size > 1e-4:
            size /= 2
        effects, difficulty = effects + size * step, difficulty + size * own_step
        gain, value = new - value, new
        if gain < 1e-8:
            break
    logdet = float(np.linalg.slogdet(precision)[1] + np.log(own).sum())
    evidence = value + (float(np.log(prior).sum()) - 2 * samples * math.log(sample) - logdet) / 2
    return FormFit(effects, difficulty, precision, own, cross, evidence)


def whole(
    scores: NDArray[np.float64],
    seen: NDArray[np.bool_],
    design: NDArray[np.float64],
    fit: FormFit,
    draws: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Each form's mean over all samples, (draws, forms): what was seen as it is, the rest as the model draws it."""
    import numpy as np

    found = np.where(seen, scores, 0.0).sum(axis=1)
    root = np.linalg.cholesky(fit.precision)
    means = np.zeros((draws, len(scores)))
    for at in range(draws):
        offset = np.linalg.solve(root.T, rng.standard_normal(len(root)))
        own = rng.standard_normal(len(fit.own)) / np.sqrt(fit.own) - (offset @ fit.cross) / fit.own
        logits = (design @ (fit.effects + offset))[:, None] + (fit.difficulty + own)[None]
        chances = np.where(seen, 0.0, 1 / (1 + np.exp(-logits)))
        variance = (chances * (1 - chances)).sum(axis=1)  # of the scores that were not seen, each 0 or 1
        rest = chances.sum(axis=1) + np.sqrt(variance) * rng.standard_normal(len(scores))
        means[at] = np.clip((found + np.clip(rest, 0, (~seen).sum(axis=1))) / scores.shape[1], 0, 1)
    return means
