"""Clustered errors, Cochran's Q, false discovery rate, sample sizes, calibration, repeats: against other libraries."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.contingency_tables import cochrans_q
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from kshot.eval import power
from kshot.eval import statistics as ours
from kshot.eval.calibration import brier, expected_calibration_error, reliability
from kshot.eval.repeats import pass_at_k, variance_parts

counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.floats(0.5, 0.999))
@settings(max_examples=200, deadline=None)
def test_clopper_pearson_equals_statsmodels_and_scipy(case: tuple[int, int], level: float) -> None:
    interval = ours.clopper_pearson(*case, level)
    assert (interval.low, interval.high) == pytest.approx(proportion_confint(*case, 1 - level, "beta"), abs=1e-9)
    exact = stats.binomtest(*case).proportion_ci(level, method="exact")
    assert (interval.low, interval.high) == pytest.approx((exact.low, exact.high), abs=1e-9)


@pytest.mark.parametrize(
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 5 (Clopper-Pearson)
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_clopper_pearson_gives_the_published_table(successes: int, n: int, low: float, high: float) -> None:
    interval = ours.clopper_pearson(successes, n)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=3, max_size=60))
@settings(max_examples=100, deadline=None)
def test_standard_errors_equal_scipy_and_statsmodels(rows: list[tuple[float, int]]) -> None:
    values, clusters = [value for value, _ in rows], [cluster for _, cluster in rows]
    assert ours.standard_error(values) == pytest.approx(stats.sem(values), abs=1e-9)
    if len(set(clusters)) > 1:
        fit = OLS(np.array(values), np.ones(len(values))).fit(
            cov_type="cluster", cov_kwds={"groups": np.array(clusters), "use_correction": False}
        )
        # the square roots lose half the digits, so the variances are compared where they are almost nothing
        assert ours.standard_error(values, clusters) ** 2 == pytest.approx(float(fit.bse[0]) ** 2, abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=100, deadline=None)
def test_benjamini_hochberg_equals_statsmodels(pvalues: list[float]) -> None:
    expected = multipletests(pvalues, method="fdr_bh")[1].tolist()
    assert ours.benjamini_hochberg(pvalues) == pytest.approx(expected, abs=1e-9)


def test_benjamini_hochberg_gives_the_papers_example() -> None:
    # Benjamini and Hochberg 1995, section 4.1: 15 comparisons, four rejected at q = 0.05 (Bonferroni: three)
    ps = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528]
    ps += [0.7590, 1.0]
    assert sum(p <= 0.05 for p in ours.benjamini_hochberg(ps)) == 4
    assert sum(p <= 0.05 for p in ours.holm(ps)) == 3


@pytest.mark.parametrize("seed", range(20))
def test_cochran_q_equals_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = (rng.random((2 + seed % 5, 40)) < 0.2 + 0.1 * (seed % 4)).astype(float)
    expected = cochrans_q(table.T)
    assert ours.cochran_q(table.tolist()) == pytest.approx((expected.statistic, expected.pvalue), abs=1e-9)


def test_cochran_q_of_two_is_mcnemar_without_correction() -> None:
    first, second = [1] * 10 + [0] * 4 + [1] * 6, [0] * 10 + [1] * 4 + [1] * 6
    q, p = ours.cochran_q([first, second])
    assert q == pytest.approx((10 - 4) ** 2 / 14)
    assert p == pytest.approx(stats.chi2.sf(q, 1))
    assert ours.cochran_q([[1, 0], [1, 0]]) == (0.0, 1.0)
    with pytest.raises(ValueError, match="0 or 1"):
        ours.cochran_q([[0.5, 1], [1, 0]])


def test_cochran_q_gives_a_published_example() -> None:
    # Kuncheva 2004, Combining Pattern Classifiers, section 1.4.4: three classifiers right on 84, 92 and 92 of 100
    patterns = {(1, 1, 1): 80, (1, 1, 0): 2, (1, 0, 0): 2, (0, 1, 1): 9, (0, 1, 0): 1, (0, 0, 1): 3, (0, 0, 0): 3}
    table = np.array([pattern for pattern, count in patterns.items() for _ in range(count)]).T
    assert table.sum(axis=1).tolist() == [84, 92, 92]
    q, p = ours.cochran_q(table.tolist())
    assert q == pytest.approx(256 / 34, abs=1e-12)  # 2 (3 (84^2 + 92^2 + 92^2) - 268^2) / (3 * 268 - 770), by hand
    assert (round(q, 4), round(p, 3)) == (7.5294, 0.023)


@pytest.mark.parametrize("seed", range(10))
def test_paired_tests_equal_mlxtend(seed: int) -> None:
    from mlxtend.evaluate import cochrans_q as their_q
    from mlxtend.evaluate import mcnemar, mcnemar_table

    rng = np.random.default_rng(100 + seed)
    truth = np.ones(60, dtype=int)
    first, second, third = ((rng.random(60) < share).astype(int) for share in (0.4, 0.55, 0.7))
    _, expected = mcnemar(mcnemar_table(truth, first, second), exact=True)
    assert ours.mcnemar_exact(int((first > second).sum()), int((second > first).sum())) == pytest.approx(
        min(float(expected), 1.0), abs=1e-9
    )
    q, p = their_q(truth, first, second, third)
    assert ours.cochran_q([first, second, third]) == pytest.approx((float(q), float(p)), abs=1e-9)


def test_brier_and_calibration_of_an_example_by_hand() -> None:
    said, came = [0.1, 0.1, 0.8, 0.8, 0.8], [0, 1, 1, 1, 0]
    assert brier(said, came) == pytest.approx((0.01 + 0.81 + 0.04 + 0.04 + 0.64) / 5, abs=1e-12)  # Brier 1950
    # Naeini et al. 2015: bins of 2 and 3, |0.1 - 1/2| and |0.8 - 2/3|
    assert expected_calibration_error(said, came) == pytest.approx(2 / 5 * 0.4 + 3 / 5 * (0.8 - 2 / 3), abs=1e-12)


@pytest.mark.parametrize(("difference", "discordant"), [(0.1, 0.2), (0.2, 0.3), (-0.3, 0.5), (0.05, 0.06)])
def test_the_samples_needed_reach_the_power_and_fewer_do_not(difference: float, discordant: float) -> None:
    n = power.samples_needed(difference, discordant=discordant)
    assert power.mcnemar_power(n, abs(difference), discordant) >= 0.8
    assert power.mcnemar_power(int(0.9 * n), abs(difference), discordant) < 0.8
    rng = np.random.default_rng(0)
    up = (discordant + abs(difference)) / 2
    drawn = rng.multinomial(n, [up, discordant - up, 1 - discordant], size=2000)
    found = np.mean([ours.mcnemar_exact(int(b), int(c)) <= 0.05 for b, c, _ in drawn])
    assert found == pytest.approx(0.8, abs=0.05)
    with pytest.raises(ValueError, match="no sample size"):
        power.samples_needed(0.3, discordant=0.2)


def test_calibration_equals_scikit_learn() -> None:
    calibration = pytest.importorskip("sklearn.calibration")
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    said = rng.random(400)
    came = (rng.random(400) < said**2).astype(float)
    bins = reliability(said, came, 10)
    frequency, mean = calibration.calibration_curve(came, said, n_bins=10)
    assert [one.frequency for one in bins] == pytest.approx(frequency, abs=1e-9)
    assert [one.probability for one in bins] == pytest.approx(mean, abs=1e-9)
    assert brier(said, came) == pytest.approx(metrics.brier_score_loss(came, said), abs=1e-9)
    expected = sum(one.n * abs(p - f) for one, p, f in zip(bins, mean, frequency, strict=True)) / 400
    assert expected_calibration_error(said, came) == pytest.approx(expected, abs=1e-9)
    assert sum(one.n for one in reliability([0.0, 1.0, 1.0], [0, 1, 1])) == 3
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        brier([1.2], [1])


@pytest.mark.parametrize(("n", "right", "k"), [(6, 2, 3), (7, 0, 2), (5, 5, 1), (8, 3, 6), (4, 1, 4)])
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(n: int, right: int, k: int) -> None:
    draws = [1] * right + [0] * (n - right)
    subsets = list(itertools.combinations(draws, k))
    assert pass_at_k(n, right, k) == pytest.approx(sum(map(any, subsets)) / len(subsets), abs=1e-12)


def test_variance_parts_find_what_was_put_in() -> None:
    rng = np.random.default_rng(2)
    true = {"samples": 4.0, "seeds": 1.0, "interaction": 0.5, "draws": 2.0}
    found: dict[str, list[float]] = {name: [] for name in true}
    errors, means = [], []
    for _ in range(400):
        table = (
            rng.normal(0, 2, (40, 1, 1))
            + rng.normal(0, 1, (1, 6, 1))
            + rng.normal(0, 0.5**0.5, (40, 6, 1))
            + rng.normal(0, 2**0.5, (40, 6, 3))
        )
        parts = variance_parts(table.tolist())
        for name, seen in found.items():
            seen.append(getattr(parts, name))
        errors.append(parts.standard_error**2)
        means.append(table.mean())
    for name, value in true.items():
        assert np.mean(found[name]) == pytest.approx(value, abs=4 * np.std(found[name]) / math.sqrt(400) + 0.01)
    assert np.mean(errors) == pytest.approx(np.var(means), rel=0.2)


def test_variance_parts_of_one_seed_and_draw_are_the_plain_standard_error() -> None:
    generator = random.Random(3)
    values = [generator.random() for _ in range(30)]
    parts = variance_parts([[[value]] for value in values])
    assert parts.standard_error == pytest.approx(ours.standard_error(values), abs=1e-12)
    with pytest.raises(ValueError, match="as many seeds"):
        variance_parts([[[1.0, 2.0]], [[1.0]]])
