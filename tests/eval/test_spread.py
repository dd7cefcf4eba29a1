"""The range that chance gives: against the enumeration of every exchange, SciPy and statsmodels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import cochrans_q

from kshot.eval.spread import COCHRAN, EXCHANGE, apart, exchanged


def enumerated(units: list[list[float]], n: int) -> tuple[float, float]:
    """(mean range, share of exchanges as far apart as the scores are), of every way to exchange scores in each unit."""
    ways = [list(itertools.permutations(unit)) for unit in units]
    means = [np.sum(way, axis=0) / n for way in itertools.product(*ways)]
    observed = np.var(np.sum(units, axis=0) / n)
    reached = [np.var(each) >= observed - 1e-12 for each in means]
    return float(np.mean([np.ptp(each) for each in means])), float(np.mean(reached))


@pytest.mark.parametrize(
    "table",
    [
        [[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1]],
        [[0, 1], [0, 1], [0, 1], [1, 0], [1, 1], [0, 0]],
        [[0.5, 0.25, 1.0], [0.0, 0.5, 0.5], [1.0, 1.0, 0.75]],
    ],
)
def test_it_is_what_all_exchanges_give(table: list[list[float]]) -> None:
    expected, p = enumerated(table, len(table))
    found = exchanged(table, draws=20_000)
    assert found.test == EXCHANGE  # too few for chi-squared
    assert found.expected == pytest.approx(expected, abs=0.005)
    assert found.p == pytest.approx(p, abs=0.015)


def test_whole_clusters_are_exchanged() -> None:
    table = [[1.0, 0.0, 0.0]] * 3 + [[1.0, 0.0, 1.0]] * 2 + [[0.0, 1.0, 0.0]]
    clusters = ["a", "a", "a", "b", "b", "c"]
    units = [[3.0, 0.0, 0.0], [2.0, 0.0, 2.0], [0.0, 1.0, 0.0]]
    expected, p = enumerated(units, 6)
    found = exchanged(table, clusters, draws=20_000)
    assert found.expected == pytest.approx(expected, abs=0.005)
    assert found.p == pytest.approx(p, abs=0.015)


@pytest.mark.parametrize("forms", [2, 5])
def test_of_enough_binary_scores_p_is_cochrans_q_of_statsmodels(forms: int) -> None:
    table = (np.random.default_rng(forms).random((60, forms)) < np.linspace(0.4, 0.6, forms)).astype(float)
    found = exchanged(table.tolist())
    assert found.test == COCHRAN
    assert found.p == pytest.approx(float(cochrans_q(table).pvalue), abs=1e-12)
    permuted = exchanged((table * 0.5).tolist())  # no scores of 0 and 1: by exchange, which agrees
    assert permuted.test == EXCHANGE
    assert permuted.p == pytest.approx(found.p, abs=0.04)
    assert permuted.expected == pytest.approx(found.expected / 2, abs=1e-12)


def test_many_samples_come_to_the_normal_limit() -> None:
    table = (np.random.default_rng(0).random((2_600, 4)) < 0.5).astype(float)
    telling = table[np.ptp(table, axis=1) > 0]
    assert len(telling) > 2_000
    found, before = exchanged(table.tolist()), exchanged(table[:1_900].tolist())
    scale = float(np.sqrt(telling.var(axis=1, ddof=1).sum())) / len(table)
    assert found.expected == pytest.approx(scale * 2.0588, rel=0.03)  # d2 of four, the table of control charts
    assert found.limit == pytest.approx(scale * float(stats.studentized_range.ppf(0.95, 4, 1e6)), rel=0.04)
    assert before.expected * 1_900**0.5 == pytest.approx(found.expected * 2_600**0.5, rel=0.06)


def test_forms_of_other_samples_are_compared_as_wholes() -> None:
    groups = [[1.0] * 30 + [0.0] * 10, [1.0] * 15 + [0.0] * 15, [1.0] * 20 + [0.0] * 20]
    found = apart(groups, draws=8_000)
    table = [[sum(group) for group in groups], [len(group) - sum(group) for group in groups]]
    p = stats.chi2_contingency(table, correction=False).pvalue
    assert found.p == pytest.approx(float(p), abs=0.02)
    assert 0 < found.expected < found.limit < 0.4


def test_forms_that_agree_everywhere_have_no_range_and_one_form_is_none() -> None:
    assert (exchanged([[1, 1], [0, 0]]).expected, exchanged([[1, 1], [0, 0]]).p) == (0.0, 1.0)
    assert exchanged([[1, 0]] * 5).p == exchanged([[1, 0]] * 5).p
    with pytest.raises(ValueError, match="two forms or more"):
        exchanged([[1], [0]])
    with pytest.raises(ValueError, match="two forms or more"):
        apart([[1.0], []])
