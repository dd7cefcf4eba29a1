"""The mean over tasks, against Newcombe's interval of two proportions' difference and by how often it covers."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from kshot.eval.macro import macro
from kshot.eval.statistics import Interval, wilson


@pytest.mark.parametrize(("a", "n", "b", "m"), [(56, 70, 48, 80), (9, 10, 3, 10), (10, 10, 0, 20), (5, 56, 0, 29)])
def test_two_proportions_give_newcombes_interval(a: int, n: int, b: int, m: int) -> None:
    """Of a mean of p and -q, the double is a difference; Newcombe 1998, whose table II has these pairs (method 10)."""
    p, q = wilson(a, n), wilson(b, m)
    mean, interval = macro([(a / n, p), (-b / m, Interval(-q.high, -q.low))])
    low, high = confint_proportions_2indep(a, n, b, m, method="newcomb", compare="diff")
    assert 2 * mean == pytest.approx(a / n - b / m)
    assert (2 * interval.low, 2 * interval.high) == pytest.approx((low, high), abs=1e-9)


def test_it_covers_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    shares, sizes = np.array([0.2, 0.5, 0.7, 0.9, 0.97]), np.array([20, 40, 30, 25, 30])
    held = 0
    for _ in range(2000):
        counts = rng.binomial(sizes, shares)
        _, interval = macro([(c / n, wilson(int(c), int(n))) for c, n in zip(counts, sizes, strict=True)])
        held += shares.mean() in interval
    assert 0.935 < held / 2000 < 0.975


def test_one_task_keeps_its_own_interval_and_none_is_refused() -> None:
    assert macro([(0.5, Interval(0.2, 0.9))]) == (0.5, Interval(0.2, 0.9))
    with pytest.raises(ValueError, match="no estimates"):
        macro([])


def test_tasks_that_are_all_right_are_not_certain() -> None:
    mean, interval = macro([(1.0, wilson(20, 20))] * 4)
    assert mean == 1.0 and interval.low == pytest.approx(1 - (1 - wilson(20, 20).low) / 2) and interval.high == 1.0
