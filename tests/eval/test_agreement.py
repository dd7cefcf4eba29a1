"""Kappa against scikit-learn, a place's bias against SciPy's exact test, intervals against what they must cover."""

from __future__ import annotations

import math
import random

import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from kshot.eval.agreement import agreement, cohen_kappa, place_bias
from kshot.eval.statistics import wilson

RATINGS = ("1", "2", "3", "4", "5")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("quadratic", [False, True])
def test_kappa_is_scikit_learns(seed: int, quadratic: bool) -> None:
    generator = random.Random(seed)
    first = [generator.choice(RATINGS[: 2 + seed % 4]) for _ in range(60)]
    second = [a if generator.random() < 0.4 else generator.choice(RATINGS) for a in first]
    found = agreement(list(zip(first, second, strict=True)), RATINGS, quadratic=quadratic)
    expected = cohen_kappa_score(first, second, labels=RATINGS, weights="quadratic" if quadratic else None)
    assert found.kappa == pytest.approx(expected, abs=1e-9)
    assert found.share == sum(a == b for a, b in zip(first, second, strict=True)) / 60
    assert found.kappa_interval is not None and found.kappa in found.kappa_interval
    assert (found.share_interval.low, found.share_interval.high) == pytest.approx(
        (wilson(found.share * 60, 60).low, wilson(found.share * 60, 60).high)
    )


def test_kappa_of_the_textbook() -> None:
    """Landis and Koch's way of working it: 0.7 seen, 0.5 by chance."""
    cells = {("yes", "yes"): 20.0, ("yes", "no"): 5.0, ("no", "yes"): 10.0, ("no", "no"): 15.0}
    assert cohen_kappa(cells, ("yes", "no")) == pytest.approx((0.7 - 0.5) / 0.5)


def test_where_all_say_the_same_kappa_is_none() -> None:
    found = agreement([("yes", "yes")] * 9, ("yes", "no"))
    assert math.isnan(found.kappa) and found.kappa_interval is None and found.share == 1
    assert math.isnan(cohen_kappa({}, ("yes", "no")))


def test_one_side_that_says_the_same_of_all_agrees_by_chance() -> None:
    found = agreement([("yes", "yes")] * 9 + [("yes", "no")], ("yes", "no"))
    assert found.kappa == 0 and found.share == 0.9
    assert found.kappa_interval is None  # every resample's kappa is 0, which would look like certainty


def test_verdicts_on_one_sample_are_no_independent_ones() -> None:
    once = [("yes", "yes"), ("no", "no"), ("yes", "no"), ("no", "no"), ("no", "yes"), ("yes", "yes")] * 4
    each = list(range(len(once)))
    alone = agreement(once, ("yes", "no")).kappa_interval
    again = agreement(once * 5, ("yes", "no"), clusters=each * 5).kappa_interval
    wrong = agreement(once * 5, ("yes", "no")).kappa_interval
    assert alone and again and wrong
    assert again.half_width == pytest.approx(alone.half_width, rel=0.1)
    assert wrong.half_width < 0.7 * alone.half_width


def test_what_is_no_verdict_is_refused() -> None:
    for said in ([], [("yes", "perhaps")]):
        with pytest.raises(ValueError, match="pairs of verdicts"):
            agreement(said, ("yes", "no"))
    with pytest.raises(ValueError, match="no pair"):
        place_bias([])


def test_always_the_first_place() -> None:
    found = place_bias([("first", "first")] * 12)
    assert (found.first, found.consistent, found.both_first) == (1.0, 0.0, 12)
    assert found.p == pytest.approx(stats.binomtest(12, 12).pvalue)
    assert found.interval.high == 1


def test_an_oracle_has_no_bias_whatever_it_prefers() -> None:
    found = place_bias([("first", "second")] * 30 + [("second", "first")] * 2)
    assert (found.first, found.consistent, found.p) == (0.5, 1.0, 1.0)


def test_only_pairs_that_chose_a_place_are_tested() -> None:
    chosen = [("first", "first")] * 9 + [("second", "second")] * 2 + [("first", "second")] * 40
    found = place_bias(chosen)
    assert found.p == pytest.approx(stats.binomtest(9, 11).pvalue)
    assert found.first == pytest.approx((18 + 40) / 102)
    assert found.consistent == pytest.approx(40 / 51)
    assert found.first in found.interval
