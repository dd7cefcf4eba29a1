"""Statistics against SciPy, statsmodels, enumeration and published tables."""

from __future__ import annotations

import itertools
import math
import random
import sys
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from kshot.eval import power
from kshot.eval import statistics as ours

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


def test_smallest_detectable_is_what_simulation_finds() -> None:
    n, discordant = 60, 0.4
    difference = power.smallest_detectable(n, discordant=discordant)
    rng = np.random.default_rng(2)
    up, down = (discordant + difference) / 2, (discordant - difference) / 2
    counts = rng.multinomial(n, [up, down, 1 - up - down], size=4_000)
    found = sum(ours.mcnemar_exact(int(b), int(c)) < 0.05 for b, c, _ in counts) / 4_000
    assert found == pytest.approx(0.8, abs=0.02)


def test_smallest_detectable_nears_connors_formula() -> None:
    # Connor 1987, Biometrics 43:207: n = (z_a sqrt(psi) + z_b sqrt(psi - d^2))^2 / d^2
    difference = power.smallest_detectable(2_000, discordant=0.3)
    needed = (1.959964 * math.sqrt(0.3) + 0.841621 * math.sqrt(0.3 - difference**2)) ** 2 / difference**2
    assert needed == pytest.approx(2_000, rel=0.05)
    assert power.smallest_detectable(5) == 1.0  # six discordant samples are the fewest that can reach 5%
    assert power.smallest_detectable(100, discordant=0.0) < 0.1


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
    found = ours.majority_expectations(answers, targets, range(1, 8), seed=1)
    truth = [[brute(a, t, n) for n in range(1, 8)] for a, t in zip(answers, targets, strict=True)]
    assert found == pytest.approx(np.array(truth), abs=0.03)
    assert found.mean(axis=0) == pytest.approx(np.mean(truth, axis=0), abs=0.01)
    assert found[:, [0, -1]] == pytest.approx(np.array(truth)[:, [0, -1]], abs=1e-12)  # one draw, and all: exact
    assert (found == ours.majority_expectations(answers, targets, range(1, 8), seed=1)).all()
    assert ours.majority_expectations([], [], [1, 2]).shape == (0, 2)


def test_majority_expectations_by_hand() -> None:
    answers = [["8", "9", "9"], ["8", "8", "9"], ["8", None, None], [None, None, None]]
    found = ours.majority_expectations(answers, ["8"] * 4, [3, 1, 2, 3])
    assert found[:, 0].tolist() == found[:, 3].tolist() == [0, 1, 1, 0]
    assert found[:, 1] == pytest.approx([1 / 3, 2 / 3, 1 / 3, 0])
    assert found[:, 2] == pytest.approx([1 / 3, 2 / 3, 2 / 3, 0], abs=0.05)
    fifteen = [str(at % 17) for at in range(100)]  # 15 answers have 6 votes each and share the win
    assert ours.majority_expectations([fifteen], ["3"], [100])[0, 0] == pytest.approx(1 / 15)


@pytest.mark.parametrize("n", [0, 4, -1])
def test_a_majority_of_more_than_there_are_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=f"majority of {n} cannot be had from 3"):
        ours.majority_expectations([["8", "8", "9"]], ["8"], [n])


def test_ten_thousand_draws_of_ten_thousand_samples_take_under_a_second() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, 10_000).tolist(), rng.integers(0, 2, 10_000).tolist()
    ours.paired(a[:10], b[:10])  # imports
    start = time.perf_counter()
    ours.paired(a, b)
    assert time.perf_counter() - start < 1


def test_importing_statistics_imports_nothing_heavy() -> None:
    import subprocess

    code = (
        "import sys, kshot.eval.statistics; print([m for m in ('scipy', 'numpy', 'statsmodels') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_power_over_all_counts_equals_power_over_those_that_turn_up() -> None:
    n, difference, discordant, level = 300, 0.08, 0.25, 0.05
    counts = np.arange(n + 1)  # all of them, one by one, with the exact test's own p
    rejects = [[2 * min(stats.binom.cdf(b, m, 0.5), stats.binom.sf(b - 1, m, 0.5)) <= level for b in range(m + 1)]
               for m in counts]  # fmt: skip
    up = (discordant + difference) / (2 * discordant)
    expected = sum(
        stats.binom.pmf(m, n, discordant) * (stats.binom.pmf(np.arange(m + 1), m, up) * rejects[m]).sum()
        for m in counts
    )
    assert power.mcnemar_power(n, difference, discordant, level) == pytest.approx(float(expected), abs=1e-9)
