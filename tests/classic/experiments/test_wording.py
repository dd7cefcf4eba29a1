"""Findings say what their own numbers do: every word that could be otherwise, with numbers for and against it."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from kshot.classic.experiments import (
    batch_size,
    critical_points,
    mismatch,
    optimization_or_bias,
    optimizers,
    overfitting,
    pokemon_types,
    wording,
    xor_limit,
)
from kshot.eval.statistics import Interval, t_interval

ABOVE, BELOW, AROUND, UNKNOWN = Interval(1, 2), Interval(-5.3, -2.7), Interval(-1, 2), Interval(-np.inf, np.inf)


def test_the_examples_of_the_docstrings_run() -> None:
    assert doctest.testmod(wording).failed == 0


def test_a_remedy_is_better_or_worse_or_neither_by_its_own_interval() -> None:
    told = overfitting.sorted_out(
        {"early stopping": ABOVE, "weight sharing": BELOW, "L2": AROUND, "dropout": UNKNOWN}, 3
    )
    assert told == (
        "Surely better over 3 draws: early stopping; surely worse: weight sharing; not surely either: L2, dropout."
    )
    assert overfitting.most_help("L2", ABOVE) == "L2 helps most"
    assert overfitting.most_help("L2", BELOW) == "nothing helps, L2 harms least"
    assert overfitting.most_help("L2", AROUND) == "nothing surely helps, L2 does best"


@pytest.mark.parametrize(
    ("span", "depth", "cause", "skips"),
    [
        (ABOVE, "is larger", "optimisation fails, not the model", "surely less than without"),
        (BELOW, "is smaller", "optimisation does not fail", "surely more than without"),
        (AROUND, "is not surely larger", "no failure is sure", "not surely less than without"),
    ],
)
def test_depth_is_judged_by_its_intervals(span: Interval, depth: str, cause: str, skips: str) -> None:
    assert optimization_or_bias.of_depth(span) == depth
    assert optimization_or_bias.cause(span) == cause
    assert optimization_or_bias.of_skips(span) == skips


@pytest.mark.parametrize(
    ("spans", "words"),
    [
        ([ABOVE, ABOVE], "helps"),
        ([BELOW, BELOW], "harms"),
        ([ABOVE, AROUND], "helps where rows are few"),
        ([BELOW, AROUND], "harms where rows are few"),
        ([AROUND, ABOVE], "does not surely help"),
    ],
)
def test_sharing_a_covariance_is_judged_by_its_intervals(spans: list[Interval], words: str) -> None:
    assert pokemon_types.of_sharing(spans) == words


def test_a_correlation_is_told_by_its_sign_and_its_p() -> None:
    told = critical_points.of_relation
    assert told(-0.8, 0.01).startswith("lower where the loss is higher")
    assert told(0.8, 0.01).startswith("higher where the loss is higher")
    assert told(-0.2, 0.4).startswith("not for certain lower")
    assert told(0.2, 0.4).startswith("not for certain higher")
    assert told(np.nan, np.nan) == "too few different ones to tell how it goes with the loss"


def test_counts_decide() -> None:
    assert xor_limit.of_starts(0, 10) == "not enough here"
    assert xor_limit.of_starts(7, 10) == "enough but not safe"
    assert xor_limit.of_starts(10, 10) == "enough from every start"
    assert "as far as the valley lies along a weight" in optimizers.of_each_weight([50, 90])
    assert "as far as the valley lies along a weight" in optimizers.of_each_weight([50, None])
    assert "does not need" in optimizers.of_each_weight([90, 50])
    assert "does not need" in optimizers.of_each_weight([None, None])
    assert mismatch.of_kinds(ABOVE) == "but only"
    assert mismatch.of_kinds(AROUND) == "and, with no sure difference,"
    assert batch_size.verdict(np.array([-2.0, -2.1, -1.9]), "sharper", "flatter") == "flatter"
    assert t_interval([-2.0, -2.1, -1.9]).high < 0
