"""Spearman's rho against SciPy, every permutation and simulated coverage."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from kshot.eval.ranks import spearman


@pytest.mark.parametrize("kinds", [3, 1000])
@pytest.mark.parametrize("n", [5, 24, 100])
def test_rho_is_scipys_with_ties_and_without(n: int, kinds: int) -> None:
    rng = np.random.default_rng(n + kinds)
    for _ in range(5):
        a, b = rng.integers(kinds, size=(2, n))
        if np.ptp(a) and np.ptp(b):
            found = spearman(a.tolist(), b.tolist(), draws=200)
            assert found.rho == pytest.approx(float(stats.spearmanr(a, b).statistic))
            assert found.rho in found.interval


def test_p_of_few_pairs_is_that_of_every_permutation() -> None:
    a, b = [1.0, 2.0, 2.0, 4.0, 5.0, 6.0], [2.0, 1.0, 3.0, 5.0, 4.0, 6.0]
    rho = stats.spearmanr(a, b).statistic
    every = [stats.spearmanr(a, order).statistic for order in itertools.permutations(b)]
    # SciPy's two-sided p: twice the smaller tail
    expected = 2 * min(np.mean(np.array(every) >= rho - 1e-9), np.mean(np.array(every) <= rho + 1e-9))
    assert spearman(a, b).p == pytest.approx(min(1.0, float(expected)))


@pytest.mark.parametrize("correlation", [0.0, 0.6])
@pytest.mark.parametrize("n", [10, 24])
def test_the_interval_covers(n: int, correlation: float) -> None:
    """Of normal pairs, whose rho is 6 / pi asin(r / 2)."""
    rng = np.random.default_rng(n)
    rho = 6 / np.pi * np.arcsin(correlation / 2)
    covered = 0
    for _ in range(500):
        a, noise = rng.standard_normal((2, n))
        b = correlation * a + np.sqrt(1 - correlation**2) * noise
        covered += float(rho) in spearman(a.tolist(), b.tolist(), draws=2).interval
    assert 0.91 <= covered / 500 <= 0.98


def test_perfect_agreement_still_has_a_lower_end() -> None:
    found = spearman(range(10), range(10), draws=99)
    next_lower = spearman(range(10), [1, 0, *range(2, 10)], draws=99)
    assert found.rho == pytest.approx(1.0) and found.interval.high == 1.0
    assert found.interval.low == pytest.approx(next_lower.interval.low)
    turned = spearman(range(10), range(10, 0, -1), draws=99)
    assert turned.interval.low == -1.0 and turned.interval.high == pytest.approx(-found.interval.low)


@pytest.mark.parametrize(
    ("a", "b"), [([1, 2, 3], [1, 2, 3]), ([1, 1, 1, 1], [1, 2, 3, 4]), ([1, 2, 3, 4], [1, 2]), ([1, 2, 3, np.nan],) * 2]
)
def test_what_has_no_order_is_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(ValueError, match=r"four|4 pairs|order"):
        spearman(a, b)
