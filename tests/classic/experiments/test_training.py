"""The experiments on networks and on why training fails: their findings are what their tables say."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from kshot.classic.experiments.backpropagation import by_autograd, by_differences, timed
from kshot.classic.experiments.deep_wide import count, fold, width
from kshot.classic.experiments.mismatch import moved
from kshot.classic.experiments.overfitting import jittered
from kshot.classic.networks.network import perceptron
from tests.classic.experiments.reports import report, table


def test_by_hand_is_what_differences_and_the_autograd_say() -> None:
    np.testing.assert_allclose(by_differences(), by_autograd(), atol=1e-10)
    for row in table("backpropagation", "dC/dw").rows:
        a, delta, product, differences = (float(cell) for cell in row[1:])
        assert product == pytest.approx(a * delta, abs=1e-6)
        assert product == pytest.approx(differences, abs=2e-9)
    assert "C = 0.298371109" in report("backpropagation").summary[1]


def test_differences_cost_more_the_more_parameters_there_are() -> None:
    costs = timed(4, 0)
    assert [cost[0] for cost in costs] == sorted(cost[0] for cost in costs)
    ratios = [many / both for _, _, both, many in costs]
    assert ratios[-1] > 20 * ratios[0] > 20
    assert all(both < 20 * forward for _, forward, both, _ in costs)


def test_widths_hold_the_parameters_and_the_count_is_the_networks() -> None:
    for depth in (1, 2, 5):
        units = width(3, depth, 2, 800)
        assert count(3, depth, 2, units) == perceptron(3, (units,) * depth, 2, np.random.default_rng(0)).parameters.size
        assert all(
            abs(count(3, depth, 2, units) - 800) <= abs(count(3, depth, 2, units + step) - 800) for step in (-1, 1)
        )


def test_three_folds_make_four_teeth() -> None:
    np.testing.assert_allclose(fold(np.arange(17) / 16), [0, 0.5, 1, 0.5] * 4 + [0], atol=1e-12)


def test_depth_pays_on_folds() -> None:
    error = {row[0]: float(str(row[2]).split(" ")[0]) for row in table("deep-wide", "Deep").rows}
    assert error["1"] > 0.5
    assert min(error["3"], error["5"]) < 0.3


def test_56_plain_layers_train_worse_than_20_and_could_copy_them() -> None:
    loss = {str(row[0]): float(str(row[3])) for row in table("optimization-or-bias", "Training loss").rows}
    assert loss["plain, 56 layers"] > 2 * loss["plain, 20 layers"]
    assert loss["plain, 20 layers and 36 that copy"] == loss["plain, 20 layers"]
    assert loss["residual, 56 layers"] < 0.5 * loss["plain, 56 layers"]


def test_remedies_keep_a_network_from_learning_wrong_labels() -> None:
    rows = {str(row[0]): row for row in table("overfitting", "200 train digits").rows}
    accuracy = {name: float(str(row[4])) for name, row in rows.items()}
    assert accuracy["dropout"] > accuracy["large network"] + 3
    assert accuracy["augmentation"] > accuracy["large network"] + 3
    least, end = (float(part) for part in str(rows["large network"][3]).split(", "))
    assert end > least


def test_the_report_sorts_its_remedies_as_its_table_has_them() -> None:
    """Read back from the report: whatever interval the table prints is what the sentence says."""
    sentence = next(one for one in report("overfitting").summary if one.startswith("Surely better"))
    kinds = dict(
        zip(("better", "worse", "neither"), (part.split(": ")[1] for part in sentence[:-1].split("; ")), strict=True)
    )
    rows = [row for row in table("overfitting", "200 train digits").rows if row[5] and row[0] != "4 times the rows"]
    assert len(rows) == 6
    for row in rows:
        low, high = (float(end) for end in str(row[5]).split("[")[1].rstrip("]").split(", "))
        kind = "better" if low > 0 else "worse" if high < 0 else "neither"
        assert str(row[0]) in kinds[kind].split(", ")


def test_jittered_images_stay_images_and_near() -> None:
    X = (load_digits().data[:300] / 16).astype(np.float32)
    out = jittered(X, np.random.default_rng(0))
    assert (out.shape, out.dtype) == (X.shape, X.dtype)
    assert out.min() >= 0
    assert out.max() <= 1
    assert np.abs(out - X).max() > 0.3
    aligned = [np.corrcoef(one, two)[0, 1] for one, two in zip(X, out, strict=True)]
    assert np.mean(aligned) > 0.8
    still = jittered(X, np.random.default_rng(0))
    assert (still == out).all()


def test_jitter_without_change_is_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    class Still:
        def uniform(self, low: float, high: float, size: object) -> np.ndarray:
            return np.full(size, (low + high) / 2)

    X = (load_digits().data[:20] / 16).astype(np.float32)
    np.testing.assert_allclose(jittered(X, Still()), X, atol=1e-6)  # type: ignore[arg-type]


def test_moved_images_are_moved_by_that_many_pixels() -> None:
    X = np.random.default_rng(0).random((50, 64))
    ways = set()
    for before, after in zip(X.reshape(-1, 8, 8), moved(X, 2, np.random.default_rng(1)).reshape(-1, 8, 8), strict=True):
        candidates = {
            "down": np.vstack([np.zeros((2, 8)), before[:-2]]),
            "up": np.vstack([before[2:], np.zeros((2, 8))]),
            "right": np.hstack([np.zeros((8, 2)), before[:, :-2]]),
            "left": np.hstack([before[:, 2:], np.zeros((8, 2))]),
        }
        found = [name for name, expected in candidates.items() if np.array_equal(after, expected)]
        assert len(found) == 1
        ways.update(found)
    assert ways == {"down", "up", "left", "right"}


def test_more_rows_of_the_old_kind_do_not_cure_mismatch() -> None:
    rows = table("mismatch", "Error on unseen").rows
    same, other = ([float(str(row[at]).split(" ")[0]) for row in rows] for at in (1, 2))
    assert same[4] < 0.5 * same[0]
    assert other[4] > 0.7 * other[0] > 30
    assert other[5] < other[4] - 5
    assert "Mismatch: the error rate" in report("mismatch").summary[2]


def test_the_small_network_reads_most_digits() -> None:
    accuracy = [float(str(row[3])) for row in table("vision", "Test digits").rows]
    assert accuracy[0] > 85
    assert accuracy[1] > 70
    assert f"reads {accuracy[0]:.1f}%" in report("vision").summary[0]
