"""pass@k and the parts of the variance: against enumeration, and what was put in."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest

from kshot.eval.repeats import pass_at_k, variance_parts
from kshot.eval.statistics import standard_error


@pytest.mark.parametrize(("n", "right", "k"), [(6, 2, 3), (7, 0, 2), (5, 5, 1), (8, 3, 6), (4, 1, 4)])
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(n: int, right: int, k: int) -> None:
    draws = [1] * right + [0] * (n - right)
    subsets = list(itertools.combinations(draws, k))
    assert pass_at_k(n, right, k) == pytest.approx(sum(map(any, subsets)) / len(subsets), abs=1e-12)


def test_variance_parts_find_what_was_put_in() -> None:
    rng = np.random.default_rng(2)
    true = {"samples": 4.0, "seeds": 1.0, "interaction": 0.5, "draws": 2.0}
    found: dict[str, list[float]] = {name: [] for name in true}
    errors, means = [], []
    for _ in range(400):
        table = (
            rng.normal(0, 2, (40, 1, 1))
            + rng.normal(0, 1, (1, 6, 1))
            + rng.normal(0, 0.5**0.5, (40, 6, 1))
            + rng.normal(0, 2**0.5, (40, 6, 3))
        )
        parts = variance_parts(table.tolist())
        for name, seen in found.items():
            seen.append(getattr(parts, name))
        errors.append(parts.standard_error**2)
        means.append(table.mean())
    for name, value in true.items():
        assert np.mean(found[name]) == pytest.approx(value, abs=4 * np.std(found[name]) / math.sqrt(400) + 0.01)
    assert np.mean(errors) == pytest.approx(np.var(means), rel=0.2)


def test_variance_parts_of_one_seed_and_draw_are_the_plain_standard_error() -> None:
    generator = random.Random(3)
    values = [generator.random() for _ in range(30)]
    parts = variance_parts([[[value]] for value in values])
    assert parts.standard_error == pytest.approx(standard_error(values), abs=1e-12)
    with pytest.raises(ValueError, match="as many seeds"):
        variance_parts([[[1.0, 2.0]], [[1.0]]])
