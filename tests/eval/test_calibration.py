"""Reliability, calibration error and Brier score: by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from kshot.eval.calibration import brier, expected_calibration_error, reliability


def test_brier_and_calibration_of_an_example_by_hand() -> None:
    said, came = [0.1, 0.1, 0.8, 0.8, 0.8], [0, 1, 1, 1, 0]
    assert brier(said, came) == pytest.approx((0.01 + 0.81 + 0.04 + 0.04 + 0.64) / 5, abs=1e-12)  # Brier 1950
    # Naeini et al. 2015: bins of 2 and 3, |0.1 - 1/2| and |0.8 - 2/3|
    assert expected_calibration_error(said, came) == pytest.approx(2 / 5 * 0.4 + 3 / 5 * (0.8 - 2 / 3), abs=1e-12)


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
