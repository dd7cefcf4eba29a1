"""The distribution over forms from few cells: the mode against scikit-learn, quantiles against whole grids."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from kshot.eval.many_forms import QUANTILES, balanced_cells, distribution, features_of, fitted, one_hot

SPREAD = 1.3


def grid(seed: int, *, forms: int = 60, samples: int = 60) -> tuple[np.ndarray, list[list[float]]]:
    """A grid of scores, and features of its forms that account for most of what tells them apart."""
    rng = np.random.default_rng(seed)
    names = [[f"t{rng.integers(4)}", f"s{rng.integers(6)}", f"c{rng.integers(4)}"] for _ in range(forms)]
    features = one_hot(names)
    quality = 0.8 + np.asarray(features) @ rng.normal(0, 0.6, len(features[0])) + rng.normal(0, 0.4, forms)
    chances = 1 / (1 + np.exp(-(quality[:, None] + rng.normal(0, SPREAD, samples)[None])))
    return (rng.uniform(size=(forms, samples)) < chances).astype(float), features


@pytest.mark.parametrize(
    ("forms", "samples", "budget"), [(100, 100, 200), (7, 30, 90), (30, 7, 90), (5, 4, 20), (9, 4, 0)]
)
def test_cells_are_balanced_both_ways(forms: int, samples: int, budget: int) -> None:
    cells = balanced_cells(forms, samples, budget)
    assert cells.sum() == budget
    assert np.ptp(cells.sum(axis=1)) <= 1 and np.ptp(cells.sum(axis=0)) <= 2
    more = balanced_cells(forms, samples, min(budget + 3, forms * samples))
    assert (more | cells == more).all()  # what was asked stays of use
    assert budget in (0, 20) or (balanced_cells(forms, samples, budget, seed=1) != cells).any()


def test_the_mode_is_that_of_a_penalised_logistic_regression() -> None:
    scores, features = grid(0, forms=20, samples=15)
    seen = balanced_cells(20, 15, 150)
    design = features_of(features, 20)
    fit = fitted(np.where(seen, scores, 0.0), seen, design, (SPREAD,) * 3)
    rows, columns = np.nonzero(seen)
    dense = np.hstack([design[rows, 1:], np.eye(15)[columns]])
    theirs = LogisticRegression(C=SPREAD**2, tol=1e-10, max_iter=10_000).fit(dense, scores[seen])
    ours = np.concatenate([fit.effects[1:], fit.difficulty])
    assert ours == pytest.approx(theirs.coef_[0], abs=2e-3)
    assert fit.effects[0] == pytest.approx(theirs.intercept_[0], abs=2e-3)


@pytest.mark.parametrize("right", [10, 20, 31])
def test_the_evidence_is_the_integral(right: int) -> None:
    """Of one form on 40 samples, integrated numerically: over what all have in common, and over each difficulty."""
    seen, scores = np.ones((1, 40), dtype=bool), (np.arange(40) < right).astype(float)[None]
    fit = fitted(scores, seen, features_of(None, 1), (1.0, 0.6, 1.0))
    common = np.linspace(-8, 8, 4_001)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    chance = (1 / (1 + np.exp(-(common[:, None] + 0.6 * nodes)))) @ (weights / weights.sum())
    prior = np.exp(-(common**2) / (2 * 10_001)) / np.sqrt(2 * np.pi * 10_001)  # the constant's variance and the form's
    exact = (chance**right * (1 - chance) ** (40 - right) * prior).sum() * (common[1] - common[0])
    assert fit.evidence == pytest.approx(float(np.log(exact)), abs=0.15)


def errors(scores: np.ndarray, seen: np.ndarray, features: list[list[float]] | None) -> tuple[np.ndarray, list[bool]]:
    """How far quantiles are from the whole grid's, and whether their intervals hold them."""
    truth = np.percentile(scores.mean(axis=1), QUANTILES)
    found = distribution(np.where(seen, scores, np.nan).tolist(), features, draws=200)
    values = np.array([found.quantiles[at][0] for at in QUANTILES])
    return np.abs(values - truth), [bool(at in found.quantiles[q][1]) for at, q in zip(truth, QUANTILES, strict=True)]


def test_quantiles_of_a_grid_from_a_twentieth_of_it() -> None:
    ours, plain, naive, held = [], [], [], []
    for seed in range(8):
        scores, features = grid(seed)
        seen = balanced_cells(60, 60, 180, seed=seed)  # three samples a form
        error, holds = errors(scores, seen, features)
        ours.append(error)
        held += holds
        plain.append(errors(scores, seen, None)[0])
        bare = np.nanmean(np.where(seen, scores, np.nan), axis=1)
        naive.append(np.abs(np.percentile(bare, QUANTILES) - np.percentile(scores.mean(axis=1), QUANTILES)))
    assert np.mean(ours) < 0.07 and np.mean(plain) < 0.09
    assert np.mean(naive) > 2 * np.mean(ours)  # the means of three answers lie far apart by chance
    assert np.mean(held) >= 0.85


def test_forms_that_are_alike_are_not_spread_by_noise() -> None:
    rng = np.random.default_rng(1)
    scores = np.tile(rng.binomial(1, 0.7, 60), (60, 1)).astype(float)  # each form has the very same answers
    seen = balanced_cells(60, 60, 240)
    found = distribution(np.where(seen, scores, np.nan).tolist(), draws=200)
    assert found.quantiles[95][0] - found.quantiles[5][0] < 0.15
    assert scores.mean() in found.mean_interval
    assert found.share == pytest.approx(240 / 3600)


def test_a_whole_grid_gives_its_own_quantiles() -> None:
    scores, _ = grid(3, forms=12, samples=30)
    found = distribution(scores.tolist())
    means = scores.mean(axis=1)
    assert found.means == pytest.approx(means.tolist()) and found.deviation == pytest.approx(means.std(ddof=1))
    for at in QUANTILES:
        value, interval = found.quantiles[at]
        assert value == pytest.approx(np.percentile(means, at)) == interval.low == interval.high
    assert found.share == 1.0


def test_it_is_the_same_each_time_and_fractions_are_taken() -> None:
    scores, features = grid(4, forms=10, samples=12)
    table = np.where(balanced_cells(10, 12, 60), scores * 0.5, np.nan).tolist()
    assert distribution(table, features, draws=50) == distribution(table, features, draws=50)
    assert 0.05 < distribution(table, draws=50).mean < 0.6


@pytest.mark.parametrize(
    ("table", "features", "said"),
    [
        ([[1.0]] * 7, None, "8 forms or more"),
        ([[np.nan]] * 8, None, "nothing was asked"),
        ([[2.0]] * 8, None, "outside of"),
        ([[1.0, np.nan]] * 8, [[1.0]] * 7, "features of 7 forms, and there are 8"),
    ],
)
def test_what_has_no_distribution_is_refused(
    table: list[list[float]], features: list[list[float]] | None, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        distribution(table, features)
    with pytest.raises(ValueError, match="a budget of 7 cells"):
        balanced_cells(2, 3, 7)
