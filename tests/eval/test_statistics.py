"""Statistics against SciPy, statsmodels, enumeration and published tables."""

from __future__ import annotations

import itertools
import math
import random
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.contingency_tables import cochrans_q, mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from kshot.eval import repeats
from kshot.eval import statistics as ours

counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))

# Newcombe 1998, Statistics in Medicine 17:857, table I, method 3 (score without continuity correction)
NEWCOMBE = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0000, 0.1611),
    (1, 29, 0.0061, 0.1718),
]


@pytest.mark.parametrize(("successes", "n", "low", "high"), NEWCOMBE)
def test_wilson_gives_the_published_table(successes: int, n: int, low: float, high: float) -> None:
    interval = ours.wilson(successes, n)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
@settings(max_examples=200, deadline=None)
def test_wilson_equals_statsmodels(case: tuple[int, int], level: float) -> None:
    successes, n = case
    low, high = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    interval = ours.wilson(successes, n, level)
    assert interval.low == pytest.approx(max(low, 0.0), abs=1e-9)
    assert interval.high == pytest.approx(min(high, 1.0), abs=1e-9)


def test_wilson_at_the_edges() -> None:
    assert ours.wilson(0, 0) == ours.Interval(0.0, 1.0)
    assert ours.wilson(0, 7).low == 0.0
    assert ours.wilson(7, 7).high == 1.0
    for successes, n in [(3, 2), (-1, 4)]:
        with pytest.raises(ValueError, match="successes"):
            ours.wilson(successes, n)


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


def test_interval_of_fractions_is_students() -> None:
    values = np.random.default_rng(3).beta(2, 3, size=35)
    low, high = stats.t.interval(0.95, 34, values.mean(), stats.sem(values))
    interval = ours.mean_interval(values.tolist())
    assert (interval.low, interval.high) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))
    assert ours.mean_interval([1, 0, 1, 1]) == ours.wilson(3, 4)
    assert ours.mean_interval([0.5] * 10) == ours.wilson(5, 10)


def test_clustered_error_equals_statsmodels() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(20), rng.integers(1, 6, size=20))
    values = (rng.random(len(groups)) < rng.random(20)[groups]).astype(float)
    fit = sm.OLS(values, np.ones(len(values))).fit(cov_type="HC0")
    # statsmodels' factor is G/(G-1) * (n-1)/(n-k); with k = 1 the second part is 1
    clustered = fit.get_robustcov_results(cov_type="cluster", groups=groups, use_t=True)
    low, high = clustered.conf_int()[0]
    interval = ours.mean_interval(values.tolist(), clusters=groups.tolist())
    assert (interval.low, interval.high) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))


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


@given(st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=200, deadline=None)
def test_mcnemar_equals_statsmodels(b: int, c: int) -> None:
    theirs = 1.0 if b + c == 0 else float(mcnemar([[9, b], [c, 4]], exact=True).pvalue)
    assert ours.mcnemar_exact(b, c) == pytest.approx(theirs, abs=1e-9)


def test_mcnemar_gives_a_hand_worked_example() -> None:
    # 12 discordant, 2 against 10: twice (1 + 12 + 66) / 4096
    assert ours.mcnemar_exact(2, 10) == pytest.approx(2 * 79 / 4096, abs=1e-12)
    assert ours.mcnemar_exact(0, 0) == 1.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_holm_equals_statsmodels(pvalues: list[float]) -> None:
    assert ours.holm(pvalues) == pytest.approx(list(multipletests(pvalues, method="holm")[1]), abs=1e-9)


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
    from mlxtend.evaluate import mcnemar as their_mcnemar
    from mlxtend.evaluate import mcnemar_table

    rng = np.random.default_rng(100 + seed)
    truth = np.ones(60, dtype=int)
    first, second, third = ((rng.random(60) < share).astype(int) for share in (0.4, 0.55, 0.7))
    _, expected = their_mcnemar(mcnemar_table(truth, first, second), exact=True)
    assert ours.mcnemar_exact(int((first > second).sum()), int((second > first).sum())) == pytest.approx(
        min(float(expected), 1.0), abs=1e-9
    )
    q, p = their_q(truth, first, second, third)
    assert ours.cochran_q([first, second, third]) == pytest.approx((float(q), float(p)), abs=1e-9)


def test_paired_of_binary_scores() -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.random(200) < 0.6).astype(float), (rng.random(200) < 0.45).astype(float)
    result = ours.paired(a.tolist(), b.tolist(), seed=4)
    assert result.difference == pytest.approx(a.mean() - b.mean())
    assert (result.only_a, result.only_b) == (int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum()))
    table = [[int((a * b).sum()), result.only_a], [result.only_b, int(((1 - a) * (1 - b)).sum())]]
    assert result.p == pytest.approx(float(mcnemar(table, exact=True).pvalue), abs=1e-9)
    theirs = stats.bootstrap((a - b,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2))
    assert result.interval.low == pytest.approx(theirs.confidence_interval.low, abs=0.006)
    assert result.interval.high == pytest.approx(theirs.confidence_interval.high, abs=0.006)
    assert ours.paired(a.tolist(), b.tolist(), seed=4) == result


def test_paired_of_fractions_equals_scipys_permutation_test() -> None:
    rng = np.random.default_rng(9)
    a, b = rng.integers(0, 5, 40) / 4, rng.integers(0, 4, 40) / 4
    theirs = stats.permutation_test(
        (a, b),
        lambda x, y: float((x - y).mean()),
        permutation_type="samples",
        n_resamples=9_999,
        vectorized=False,
        rng=np.random.default_rng(1),
    )
    assert ours.paired(a.tolist(), b.tolist(), draws=20_000).p == pytest.approx(theirs.pvalue, abs=0.015)


def test_clusters_widen_the_interval_and_raise_p() -> None:
    rng = random.Random(0)
    a, b, clusters = [], [], []
    for cluster in range(30):
        better = rng.random() < 0.65
        for _ in range(10):
            a.append(1.0 if better else 0.0)
            b.append(0.0 if better else 1.0)
            clusters.append(cluster)
    loose, tight = ours.paired(a, b, clusters=clusters), ours.paired(a, b)
    ratio = (loose.interval.high - loose.interval.low) / (tight.interval.high - tight.interval.low)
    assert ratio == pytest.approx(math.sqrt(10), rel=0.1)  # ten copies are worth one sample
    # flipping clusters is McNemar on one sample a cluster
    assert loose.p == pytest.approx(ours.mcnemar_exact(loose.only_a // 10, loose.only_b // 10), abs=0.015)
    assert loose.p > 2 * tight.p
    assert loose.clusters == 30


def test_no_spread_still_has_an_interval() -> None:
    result = ours.paired([1.0] * 20, [1.0] * 20)
    assert result.interval.high == pytest.approx(1 - 0.025 ** (1 / 20)) == -result.interval.low
    assert result.p == 1.0
    assert ours.paired([1.0] * 20, [0.0] * 20).interval.high == 1.0
    with pytest.raises(ValueError, match="paired"):
        ours.paired([1.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="no samples"):
        ours.paired([], [])


def test_interval_covers_and_the_test_holds_its_level() -> None:
    rng = np.random.default_rng(11)
    covered = rejected = 0
    runs = 300
    for seed in range(runs):
        shared = rng.random(80)
        a, b = shared + rng.normal(0, 0.2, 80) < 0.6, shared + rng.normal(0, 0.2, 80) < 0.6
        result = ours.paired(a.astype(float).tolist(), b.astype(float).tolist(), seed=seed, draws=1_000)
        covered += 0.0 in result.interval
        rejected += result.p < 0.05
    assert stats.binomtest(covered, runs, 0.95).pvalue > 0.001
    assert stats.binomtest(rejected, runs, 0.05, alternative="greater").pvalue > 0.001


def brute(answers: list[str | None], target: str, n: int) -> float:
    """Every subset, counted."""
    scores = []
    for subset in itertools.combinations(answers, n):
        votes = Counter(answer for answer in subset if answer is not None)
        best = [answer for answer, count in votes.items() if count == max(votes.values())]
        scores.append(1 / len(best) if target in best else 0.0)
    return sum(scores) / len(scores)


def test_majority_expectations_equal_enumeration() -> None:
    answers = [["8", "8", "9", None, "7", "9", "8"], [None] * 7, ["1", "2", "2", None, None, "1", "3"]]
    targets = ["8", "1", "1"]
    found = repeats.majority_expectations(answers, targets, range(1, 8), seed=1)
    truth = [[brute(a, t, n) for n in range(1, 8)] for a, t in zip(answers, targets, strict=True)]
    assert found == pytest.approx(np.array(truth), abs=0.03)
    assert found.mean(axis=0) == pytest.approx(np.mean(truth, axis=0), abs=0.01)
    assert found[:, [0, -1]] == pytest.approx(np.array(truth)[:, [0, -1]], abs=1e-12)  # one draw, and all: exact
    assert (found == repeats.majority_expectations(answers, targets, range(1, 8), seed=1)).all()
    assert repeats.majority_expectations([], [], [1, 2]).shape == (0, 2)


def test_majority_expectations_by_hand() -> None:
    answers = [["8", "9", "9"], ["8", "8", "9"], ["8", None, None], [None, None, None]]
    found = repeats.majority_expectations(answers, ["8"] * 4, [3, 1, 2, 3])
    assert found[:, 0].tolist() == found[:, 3].tolist() == [0, 1, 1, 0]
    assert found[:, 1] == pytest.approx([1 / 3, 2 / 3, 1 / 3, 0])
    assert found[:, 2] == pytest.approx([1 / 3, 2 / 3, 2 / 3, 0], abs=0.05)
    fifteen = [str(at % 17) for at in range(100)]  # 15 answers have 6 votes each and share the win
    assert repeats.majority_expectations([fifteen], ["3"], [100])[0, 0] == pytest.approx(1 / 15)


@pytest.mark.parametrize("n", [0, 4, -1])
def test_a_majority_of_more_than_there_are_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=f"majority of {n} cannot be had from 3"):
        repeats.majority_expectations([["8", "8", "9"]], ["8"], [n])


def test_importing_statistics_imports_nothing_heavy() -> None:
    import subprocess

    code = (
        "import sys, kshot.eval.statistics; print([m for m in ('scipy', 'numpy', 'statsmodels') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_of_very_many_fractions_the_limit_is_what_resampling_comes_to(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    a, b = rng.random(3_000), rng.random(3_000) + 0.012
    limit = ours.paired(a.tolist(), b.tolist())
    monkeypatch.setattr(ours, "LIMIT", 10**9)
    drawn = ours.paired(a.tolist(), b.tolist())
    assert limit.p == pytest.approx(drawn.p, abs=0.02)
    assert limit.interval.low == pytest.approx(drawn.interval.low, abs=0.002)
    assert limit.interval.high == pytest.approx(drawn.interval.high, abs=0.002)
    assert limit.p == pytest.approx(stats.ttest_rel(a, b).pvalue, abs=0.005)
