"""Smallest detectable differences and sample sizes: against simulation, a formula and the exact test."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from kshot.eval import power
from kshot.eval import statistics as ours


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


@pytest.mark.parametrize("spread", [0.2, 0.45])
@pytest.mark.parametrize("n", [12, 200])
def test_the_power_for_fractional_scores_is_statsmodels(n: int, spread: float) -> None:
    from statsmodels.stats.power import TTestPower

    theirs = TTestPower()
    assert power.paired_t_power(n, 0.1, spread) == pytest.approx(theirs.power(0.1 / spread, n, 0.05), abs=1e-6)
    smallest = theirs.solve_power(None, n, 0.05, 0.8) * spread
    assert power.smallest_mean_difference(n, spread) == pytest.approx(smallest, abs=2e-5)
    needed = power.samples_for_mean(0.1, spread)
    assert theirs.power(0.1 / spread, needed, 0.05) >= 0.8 > theirs.power(0.1 / spread, needed - 1, 0.05)


def test_the_power_for_fractional_scores_has_ends() -> None:
    assert power.smallest_mean_difference(1, 0.3) == power.smallest_mean_difference(50, 0.0) == 1.0
    assert power.paired_t_power(10_000, 0.9, 0.1) == 1.0
    with pytest.raises(ValueError, match="no difference"):
        power.samples_for_mean(0.0, 0.3)
    with pytest.raises(ValueError, match="more than a million"):
        power.samples_for_mean(1e-5, 0.3)
