"""Differences of differences: against numpy done directly, and how often their intervals cover the truth."""

from __future__ import annotations

import numpy as np
import pytest

from kshot.eval.statistics import SIGN_FLIPS, interaction, paired


def scores(rng: np.random.Generator, n: int, rates: tuple[float, ...]) -> list[list[float]]:
    """Four rows of 0 and 1 on the same samples, some of which are harder than others for all four."""
    hard = rng.normal(0, 0.15, n)
    return [(rng.random(n) < np.clip(rate + hard, 0, 1)).astype(float).tolist() for rate in rates]


def test_equals_the_bootstrap_done_directly() -> None:
    rng = np.random.default_rng(0)
    a1, b1, a2, b2 = scores(rng, 150, (0.8, 0.4, 0.6, 0.5))
    found = interaction(a1, b1, a2, b2)
    each = np.array(a1) - np.array(b1) - np.array(a2) + np.array(b2)
    assert found.difference == pytest.approx(each.mean())
    assert (found.only_a, found.only_b, found.n) == ((each > 0).sum(), (each < 0).sum(), 150)
    drawn = each[np.random.default_rng(1).integers(0, 150, (20_000, 150))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert found.interval.low == pytest.approx(low, abs=0.012)
    assert found.interval.high == pytest.approx(high, abs=0.012)
    signs = np.random.default_rng(2).choice([-1, 1], (20_000, 150))
    p = (np.abs((signs * each).mean(axis=1)) >= abs(each.mean()) - 1e-12).mean()
    assert found.p == pytest.approx(p, abs=0.01)
    assert found.test == SIGN_FLIPS
    assert found.spread == pytest.approx(each.std(ddof=1))


def test_without_a_second_difference_it_is_the_first() -> None:
    rng = np.random.default_rng(3)
    a, b = scores(rng, 80, (0.7, 0.5))
    found, plain = interaction(a, b, b, b), paired(a, b)
    assert found.difference == pytest.approx(plain.difference)
    assert found.interval.low == pytest.approx(plain.interval.low, abs=0.03)
    turned = interaction(b, b, a, b)
    assert turned.difference == pytest.approx(-found.difference)
    assert turned.p == pytest.approx(found.p, abs=0.02)


def test_clusters_are_drawn_whole() -> None:
    rng = np.random.default_rng(4)
    rows = scores(rng, 40, (0.8, 0.4, 0.6, 0.5))
    five = [np.repeat(row, 5).tolist() for row in rows]  # each sample five times over
    alone = interaction(*rows)
    blind = interaction(*five)
    whole = interaction(*five, clusters=np.repeat(np.arange(40), 5).tolist())
    assert whole.clusters == 40
    assert whole.interval.half_width == pytest.approx(alone.interval.half_width, rel=0.1)
    assert blind.interval.half_width < 0.6 * whole.interval.half_width


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    """600 runs: three standard errors are 2.7%, and the percentile bootstrap of 100 samples falls a little short."""
    rng = np.random.default_rng(5)
    hard = np.clip(np.random.default_rng(6).normal(0, 0.15, 200_000), -1, 1)
    truth = sum(sign * np.clip(rate + hard, 0, 1).mean() for sign, rate in ((1, 0.8), (-1, 0.4), (-1, 0.6), (1, 0.5)))
    found = [interaction(*scores(rng, 100, (0.8, 0.4, 0.6, 0.5)), draws=600, seed=at) for at in range(600)]
    covered = np.mean([truth in one.interval for one in found])
    assert 0.915 < covered < 0.98
    none = [interaction(*scores(rng, 100, (0.6, 0.4, 0.6, 0.4)), draws=600, seed=at) for at in range(400)]
    assert np.mean([one.p < 0.05 for one in none]) < 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


def test_where_all_samples_agree_the_interval_is_not_a_point() -> None:
    one, nothing = [1.0] * 10, [0.0] * 10
    most = interaction(one, nothing, nothing, one)  # as far apart as can be
    assert most.difference == 2.0
    assert most.interval.high == pytest.approx(2.0)
    assert 0 < most.interval.low < 1.5
    same = interaction(one, nothing, one, nothing)
    assert same.difference == 0.0
    assert same.interval.low == pytest.approx(-same.interval.high)
    assert same.interval.high > 0.3
    assert same.p == 1.0


def test_what_cannot_be_paired_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be paired"):
        interaction([1], [1], [1], [1, 0])
    with pytest.raises(ValueError, match="cannot be paired"):
        interaction([], [], [], [])
    with pytest.raises(ValueError, match="cannot be paired"):
        interaction([1, 0], [1, 0], [1, 0], [1, 0], clusters=["a"])
