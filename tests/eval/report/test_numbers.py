"""Numbers as a report writes them."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from scipy import stats

from kshot.eval.report import numbers
from kshot.eval.report.numbers import brackets, mean_in_brackets, mean_plus_minus, plus_minus
from kshot.eval.statistics import Interval


def test_the_docstrings_examples_hold() -> None:
    result = doctest.testmod(numbers)
    assert result.attempted == 3
    assert result.failed == 0


def test_a_mean_and_its_interval_are_scipys() -> None:
    values = np.random.default_rng(0).normal(5, 2, 12)
    low, high = stats.t.interval(0.95, 11, values.mean(), stats.sem(values))
    assert mean_plus_minus(values, 4) == f"{values.mean():.4f} ± {(high - low) / 2:.4f}"
    assert mean_plus_minus(values, 2, scale=100) == f"{100 * values.mean():.2f} ± {50 * (high - low):.2f}"
    assert mean_in_brackets(values, 3, signed=True) == f"{values.mean():+.3f} [{low:+.3f}, {high:+.3f}]"
    assert mean_in_brackets(values, least=low + 0.5) == f"{values.mean():.1f} [{low + 0.5:.1f}, {high:.1f}]"


@pytest.mark.parametrize("signed", [False, True])
def test_differences_say_their_sign(signed: bool) -> None:
    plus = "+" if signed else ""
    assert plus_minus(1.26, 0.5, signed=signed) == f"{plus}1.3 ± 0.5"
    assert brackets(Interval(-1, 2), 0, signed=signed) == f"[-1, {plus}2]"


def test_a_single_value_has_no_end() -> None:
    assert mean_plus_minus([0.5], 2) == "0.50 ± inf"
    assert mean_in_brackets([0.5], least=0) == "0.5 [0.0, inf]"
