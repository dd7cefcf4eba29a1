"""The spread over seeds: noise against exchange and simulation, two spreads against SciPy and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from kshot.eval.repeats import variance_parts
from kshot.eval.seeds import BROWN_FORSYTHE, RANKED_PAIRS, compare_spreads, over_seeds
from kshot.eval.spread import exchanged


def test_noise_is_what_exchanging_gives() -> None:
    rng = np.random.default_rng(0)
    table = rng.binomial(1, rng.uniform(0.2, 0.9, (60, 1)), (60, 5)).astype(float)
    drawn = rng.permuted(np.tile(table, (4_000, 1, 1)), axis=2).mean(axis=1)
    found = over_seeds(table.tolist())
    assert found.noise == pytest.approx(math.sqrt(drawn.var(axis=1, ddof=1).mean()), rel=0.02)
    assert found.p == exchanged(table.tolist()).p
    clusters = (np.arange(60) // 3).tolist()
    sums = table.reshape(20, 3, 5).sum(axis=1)
    drawn = rng.permuted(np.tile(sums, (4_000, 1, 1)), axis=2).sum(axis=1) / 60
    assert over_seeds(table.tolist(), clusters).noise == pytest.approx(
        math.sqrt(drawn.var(axis=1, ddof=1).mean()), rel=0.02
    )


def test_what_is_beyond_noise_is_what_was_put_in_and_the_variance_part_of_seeds() -> None:
    rng = np.random.default_rng(1)
    squares, parts = [], []
    for _ in range(200):
        chances = np.clip(0.6 + rng.normal(0, 0.08, 10), 0, 1)
        table = rng.binomial(1, chances, (100, 10)).astype(float)
        found = over_seeds(table.tolist(), draws=10)
        squares.append(found.deviation**2 - found.noise**2)
        parts.append(variance_parts(table[..., None].tolist()).seeds)
        assert found.beyond**2 == pytest.approx(max(0.0, squares[-1]))
        # the method of moments takes the rest's mean square, and the exchange the whole within a sample
        assert found.beyond**2 == pytest.approx(parts[-1], abs=5e-4)
    assert math.sqrt(np.mean(squares)) == pytest.approx(0.08, rel=0.08)


def test_seeds_that_are_alike_have_nothing_beyond_noise_on_average() -> None:
    rng = np.random.default_rng(2)
    left = []
    for _ in range(200):
        found = over_seeds(rng.binomial(1, 0.7, (80, 6)).tolist(), draws=10)
        left.append(found.deviation**2 - found.noise**2)
    assert abs(np.mean(left)) < 3 * np.std(left) / math.sqrt(200)


def test_seeds_of_their_own_go_by_levenes_test_about_medians() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.6, 0.1, 10), rng.normal(0.7, 0.04, 12)
    found = compare_spreads(a.tolist(), b.tolist(), paired=False)
    assert (found.p, found.test) == (float(stats.levene(a, b, center="median").pvalue), BROWN_FORSYTHE)
    assert found.ratio == pytest.approx(a.std(ddof=1) / b.std(ddof=1)) and found.ratio in found.interval
    turned = compare_spreads(b.tolist(), a.tolist(), paired=False)
    assert turned.interval.low == pytest.approx(1 / found.interval.high) and turned.p == found.p


def tables(ratio: float, together: float, count: int) -> np.ndarray:
    """(count, 2, seeds): scores of ten seeds on two sides that go together."""
    rng = np.random.default_rng(4)
    shared, own = rng.standard_normal((count, 1, 10)), rng.standard_normal((count, 2, 10))
    both: np.ndarray = math.sqrt(together) * shared + math.sqrt(1 - together) * own
    found: np.ndarray = both * np.array([ratio, 1.0])[None, :, None] * 0.05 + 0.6
    return found


@pytest.mark.parametrize("paired", [True, False])
def test_size_power_and_coverage(paired: bool) -> None:
    together = 0.8 if paired else 0.0
    alike = [compare_spreads(*t.tolist(), paired=paired) for t in tables(1.0, together, 200)]
    assert np.mean([one.p < 0.05 for one in alike]) <= 0.09
    assert np.mean([1.0 in one.interval for one in alike]) >= 0.88
    apart = [compare_spreads(*t.tolist(), paired=paired) for t in tables(2.5, together, 200)]
    assert np.mean([one.p < 0.05 for one in apart]) >= (0.8 if paired else 0.4)
    assert np.mean([2.5 in one.interval for one in apart]) >= 0.88


def test_the_same_seeds_are_told_apart_better_by_pairs() -> None:
    found = [
        [compare_spreads(*table.tolist(), paired=paired).p < 0.05 for table in tables(1.6, 0.9, 200)]
        for paired in (True, False)
    ]
    assert np.mean(found[0]) > np.mean(found[1]) + 0.2
    assert compare_spreads(*tables(1.0, 0.5, 1)[0].tolist(), paired=True).test == RANKED_PAIRS


def test_where_nothing_spreads_nothing_is_claimed() -> None:
    found = compare_spreads([0.5] * 5, [0.5] * 5, paired=True)
    assert math.isnan(found.ratio) and found.p == 1.0
    found = compare_spreads([0.4, 0.5, 0.6], [0.5] * 3, paired=True)
    assert found.ratio == math.inf and found.interval.high == math.inf
    with pytest.raises(ValueError, match="3 or more"):
        compare_spreads([0.4, 0.5], [0.5, 0.6], paired=False)
    with pytest.raises(ValueError, match="pairs as many"):
        compare_spreads([0.4, 0.5, 0.6], [0.5, 0.6, 0.7, 0.8], paired=True)
