"""What the commands of the classic half do with options that cannot be: one sentence each, before anything runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kshot.classic.console import diagnosed, run_experiments
from kshot.classic.experiments.registry import carried_out
from kshot.types import UserError


@pytest.mark.parametrize("seed", [-1, 2**31, 10**20])
def test_a_seed_that_is_none_is_told_by_its_option(seed: int, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"--seed is {seed}; it must be at least 0 and at most 2147483647"):
        diagnosed(None, None, tmp_path / "out", seed)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("overfitting:seed=-1", "experiment 'overfitting', parameter 'seed' is -1; it must be at least 0"),
        ("limits:seed=99999999999", "parameter 'seed' is 99999999999; it must be at least 0 and at most 2147483647"),
        ("overfitting:rows=0", "parameter 'rows' is 0; it must be at least 1"),
        ("overfitting:rows=-20", "parameter 'rows' is -20"),
        ("overfitting:rows=1000", "overfitting: rows is 1000; it must be at least 10 and at most 448"),
        ("overfitting:wrong=2", "overfitting: wrong is 2.0; it must be at least 0 and at most 1"),
        ("overfitting:wrong=-0.1", "parameter 'wrong' is -0.1; it must be at least 0"),
        ("overfitting:epochs=1.5", "'1.5' is not a whole number"),
        ("softmax:test_share=2", r"softmax:test_share=2\.0 cannot be run: "),
        ("softmax:l2=-1", "parameter 'l2' is -1"),
        ("overfitting-ladder:degrees=40", "degrees is 40; it must be at least 2 and at most 8"),
        ("lambda-sweep:train_rows=442", "train_rows is 442; it must be at least 10 and at most 432"),
        ("mismatch:shift=9", "shift is 9; it must be at least 1 and at most 7"),
        ("vision:train_rows=1797", "train_rows is 1797; it must be at least 1 and at most 1796"),
        ("limits:momentum=-1", "parameter 'momentum' is -1"),
        ("batch-size:hidden=0", "parameter 'hidden' is 0"),
    ],
)
def test_a_hyperparameter_that_cannot_be_is_one_sentence(spec: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        run_experiments([spec], tmp_path)


def test_steps_that_are_too_long_are_a_finding(tmp_path: Path) -> None:
    found = carried_out("cp-regression:lr=1.0,steps=500")
    assert "with one step size for both 500 steps leave all bounds" in found.summary[0]
    assert not re.search(r"\b(nan|inf)\b", " ".join(found.summary))


def test_a_mistake_in_the_last_experiment_is_told_before_the_first_runs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="parameter 'updates' is 0"):
        run_experiments(["limits:updates=50", "optimizers:updates=0"], tmp_path)
    assert not list(tmp_path.iterdir())
