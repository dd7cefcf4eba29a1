"""The area under the ROC curve: against scikit-learn, ties and more than two labels included."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kshot.eval.roc import area, roc_auc


@pytest.mark.parametrize("places", [1, 8])  # one decimal place: many ties
@pytest.mark.parametrize("seed", [0, 1])
def test_of_two_labels_it_is_scikit_learns(seed: int, places: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    targets = [("no", "yes")[int(x)] for x in rng.random(120) < 0.3]
    scores = np.round(np.clip(rng.random(120) * 0.7 + 0.3 * (np.array(targets) == "yes"), 0, 1), places)
    rows = [[{"yes": float(p), "no": 1 - float(p)}] for p in scores]
    found = area(rows, targets, draws=50)
    assert found.value == pytest.approx(metrics.roc_auc_score(targets, scores), abs=1e-12)
    assert found.positive == "yes"
    assert found.value in found.interval
    pairs = [
        (a, b) for a, x in zip(scores, targets, strict=True) for b, y in zip(scores, targets, strict=True) if x < y
    ]
    assert found.tied == pytest.approx(sum(a == b for a, b in pairs) / len(pairs), abs=1e-12)


def test_of_more_labels_it_is_scikit_learns_macro_mean_of_one_against_the_rest() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    names = ["a", "b", "c", "d"]
    targets = [names[i] for i in rng.integers(4, size=90)]
    table = rng.dirichlet([1] * 4, size=90) + 0.3 * np.array([[t == n for n in names] for t in targets])
    table /= table.sum(axis=1, keepdims=True)
    found = area([[dict(zip(names, map(float, row), strict=True))] for row in table], targets, draws=20)
    expected = metrics.roc_auc_score(targets, table, multi_class="ovr", average="macro", labels=names)
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert found.positive is None


def test_repeats_are_averaged_and_nothing_is_made_up() -> None:
    perfect, reversed_ = {"y": 1.0, "x": 0.0}, {"y": 0.0, "x": 1.0}
    rows = [[perfect, reversed_], [reversed_, perfect]]
    assert area(rows, ["y", "x"], draws=5).value == 0.5
    assert math.isnan(roc_auc([0.1, 0.2], [True, True]))
    with pytest.raises(ValueError, match="1 labels"):
        area(rows, ["y", "y"])
    with pytest.raises(ValueError, match="no probability of 'z'"):
        area(rows, ["y", "z"])
