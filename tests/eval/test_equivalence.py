"""Two one-sided tests: their size and power by simulation, the score test against a search, a published power."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.weightstats import DescrStatsW

from kshot.eval import power
from kshot.eval.equivalence import BOOTSTRAP, BOUND, SCORE, Equivalence, equivalence, score_p, score_statistic


def scores(up: int, down: int, n: int) -> list[float]:
    return [1.0] * up + [-1.0] * down + [0.0] * (n - up - down)


@pytest.mark.parametrize("difference", [-0.3, -0.05, 0.0, 0.04, 0.2])
@pytest.mark.parametrize(("up", "down", "n"), [(12, 3, 50), (3, 12, 50), (1, 0, 44), (0, 7, 30), (60, 55, 400)])
def test_the_score_statistic_maximises_the_likelihood(up: int, down: int, n: int, difference: float) -> None:
    """Tango's closed form against a search for the discordant share that is likeliest under the difference."""

    def against(share: float) -> float:  # minus the log-likelihood of (up, down, rest), down's share given
        cells = [share + difference, share, 1 - 2 * share - difference]
        return -sum(
            count * math.log(max(cell, 1e-300)) for count, cell in zip((up, down, n - up - down), cells, strict=True)
        )

    low, high = max(0.0, -difference), (1 - difference) / 2
    best = optimize.minimize_scalar(against, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    variance = n * (2 * best + difference * (1 - difference))
    expected = (up - down - n * difference) / math.sqrt(variance)
    assert score_statistic(up, down, n, difference) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_at_no_difference_it_is_mcnemars() -> None:
    assert score_statistic(14, 4, 60, 0.0) == pytest.approx((14 - 4) / math.sqrt(18))


@pytest.mark.parametrize(
    ("n", "discordant", "margin"), [(50, 0.2, 0.1), (100, 0.1, 0.05), (400, 0.3, 0.05), (400, 0.1, 0.05)]
)
def test_size_and_power_of_scores_of_0_and_1(n: int, discordant: float, margin: float) -> None:
    rng = np.random.default_rng(0)

    def shown(difference: float) -> float:
        up = (discordant + difference) / 2
        counts = rng.multinomial(n, [up, discordant - up, 1 - discordant], size=2_000)
        found = [max(score_p(int(b), int(c), n, margin), score_p(int(c), int(b), n, margin)) for b, c, _ in counts]
        return float(np.mean(np.array(found) <= 0.05))

    assert shown(margin) <= 0.06 and shown(-margin) <= 0.06  # three standard errors above 5% at most
    assert shown(0.0) == pytest.approx(power.equivalence_power(n, math.sqrt(discordant), margin), abs=0.04)


@pytest.mark.parametrize("units", [15, 40])
def test_size_and_power_of_clusters(units: int) -> None:
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(units), 4).tolist()
    spread = math.sqrt(0.08**2 + 0.1**2 / 4)

    def shown(difference: float) -> float:
        means = rng.normal(difference, 0.08, (200, units, 1)) + rng.normal(0, 0.1, (200, units, 4))
        tables = means.reshape(200, -1)
        found = [equivalence(each.tolist(), 0.05, clusters=clusters, draws=1_000) for each in tables]
        assert {one.test for one in found} == {BOOTSTRAP} and found[0].clusters == units
        return float(np.mean([one.shown for one in found]))

    assert shown(0.05) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)
    assert shown(0.0) == pytest.approx(power.equivalence_power(units, spread, 0.05), abs=0.1)


def test_clusters_that_are_not_told_apart_would_be_shown_too_often() -> None:
    rng = np.random.default_rng(2)
    tables = (rng.normal(0.05, 0.08, (100, 10, 1)) + rng.normal(0, 0.01, (100, 10, 8))).reshape(100, -1)
    clusters = np.repeat(np.arange(10), 8).tolist()
    apart = np.mean([equivalence(t.tolist(), 0.05, draws=500).shown for t in tables])
    whole = np.mean([equivalence(t.tolist(), 0.05, clusters=clusters, draws=500).shown for t in tables])
    assert whole <= 0.12 < apart


def test_of_fractions_it_is_what_two_t_tests_find() -> None:
    rng = np.random.default_rng(3)
    for centre in (0.0, 0.02, 0.045):
        values = np.clip(rng.normal(centre, 0.2, 200), -1, 1)
        found = equivalence(values.tolist(), 0.05)
        theirs = DescrStatsW(values).ttost_mean(-0.05, 0.05)[0]
        assert found.p == pytest.approx(theirs, abs=0.012)
        low, high = stats.ttest_1samp(values, 0).confidence_interval(0.9)
        assert (found.interval.low, found.interval.high) == pytest.approx((low, high), abs=0.003)


def inside(found: Equivalence) -> bool:
    return -found.margin <= found.interval.low and found.interval.high <= found.margin


def test_it_is_shown_just_where_the_interval_lies_within() -> None:
    rng = np.random.default_rng(4)
    outcomes = set()
    for _ in range(150):
        n = int(rng.integers(20, 600))
        up, down, _ = rng.multinomial(n, [0.06, 0.05, 0.89])
        found = equivalence(scores(int(up), int(down), n), 0.05)
        assert found.shown == inside(found)
        outcomes.add(found.shown)
    assert outcomes == {True, False}


def test_it_is_the_same_the_other_way_about() -> None:
    one, other = equivalence(scores(30, 20, 300), 0.08), equivalence(scores(20, 30, 300), 0.08)
    assert one.p == pytest.approx(other.p) and one.interval.low == pytest.approx(-other.interval.high)
    assert one.test == SCORE


def test_where_nothing_differs_the_number_of_samples_decides() -> None:
    few, many = equivalence([0.0] * 50, 0.05), equivalence([0.0] * 60, 0.05)
    assert (few.test, few.shown, many.shown) == (BOUND, False, True)  # 0.95^50 = 0.077, 0.95^60 = 0.046
    assert few.p == pytest.approx(0.95**50) and inside(many) and not inside(few)
    assert equivalence([0.0] * 600, 0.05, clusters=["one"] * 600).p == pytest.approx(0.95)
    assert equivalence([1.0] * 20, 0.05).p == 1.0


@pytest.mark.parametrize(
    ("values", "margin", "clusters", "said"),
    [
        ([], 0.1, None, "0 differences"),
        ([0.0], 0.0, None, "margin is 0"),
        ([2.0], 0.1, None, "between -1 and 1"),
        ([math.nan], 0.1, None, "between -1 and 1"),
        ([0.0, 1.0], 0.1, ["a"], "2 differences and 1 clusters"),
    ],
)
def test_what_cannot_be_tested_is_refused(
    values: list[float], margin: float, clusters: list[str] | None, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        equivalence(values, margin, clusters=clusters)


def test_power_is_the_published_one() -> None:
    """PowerTOST's example: CV 30%, ratio 0.95, 40 subjects give 0.8158, there with 38 degrees of freedom."""
    deviation = math.sqrt(2 * math.log(1 + 0.3**2))
    found = power.equivalence_power(40, deviation, math.log(1.25), difference=math.log(0.95))
    assert found == pytest.approx(0.8158, abs=0.001)


@pytest.mark.parametrize(("spread", "margin", "difference"), [(0.3, 0.05, 0.0), (0.5, 0.1, 0.02), (0.2, 0.3, 0.0)])
def test_the_samples_for_it_reach_the_power_and_fewer_do_not(spread: float, margin: float, difference: float) -> None:
    n = power.samples_for_equivalence(spread, margin, difference=difference)
    assert power.equivalence_power(n, spread, margin, difference=difference) >= 0.8
    assert power.equivalence_power(n - 1, spread, margin, difference=difference) < 0.8
    rng = np.random.default_rng(5)
    drawn = rng.normal(difference, spread, (4_000, n))
    means, errors = drawn.mean(axis=1), drawn.std(axis=1, ddof=1) / math.sqrt(n)
    half = stats.t.ppf(0.95, n - 1) * errors
    expected = power.equivalence_power(n, spread, margin, difference=difference)
    assert np.mean((means - half > -margin) & (means + half < margin)) == pytest.approx(expected, abs=0.03)


def test_no_number_of_samples_shows_what_is_not_so() -> None:
    with pytest.raises(ValueError, match="does not lie within"):
        power.samples_for_equivalence(0.3, 0.05, difference=0.05)
    assert (
        power.equivalence_power(100, 0.0, 0.05) == 1.0 and power.equivalence_power(100, 0.0, 0.05, difference=0.1) == 0
    )
