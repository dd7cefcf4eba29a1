"""The driver that goes down a loss and keeps its path, and the batches that it is given."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from kshot.classic.descent import descend as module
from kshot.classic.descent.descend import ALL, Descent, Rows, batches, descend, one_epoch
from kshot.classic.descent.optimizers import SGD, Adam
from kshot.classic.descent.schedules import step_decay

X = np.column_stack([np.linspace(-1, 1, 12), np.ones(12)])
Y = X @ [2.0, -1.0]


def squares(w: np.ndarray, rows: Rows) -> tuple[float, np.ndarray]:
    left = X[rows] @ w - Y[rows]
    return float(left @ left) / len(left), 2 * X[rows].T @ left / len(left)


def test_batch_descent_keeps_path_loss_and_slope() -> None:
    found = descend(squares, np.zeros(2), SGD(lr=0.1), updates=30)
    assert found.path.shape == (31, 2)
    np.testing.assert_allclose(found.path[1], -0.1 * squares(np.zeros(2), ALL)[1])
    for w, loss, steep in zip(found.path, found.losses, found.slopes, strict=True):
        expected = squares(w, ALL)
        assert loss == pytest.approx(expected[0])
        assert steep == pytest.approx(np.linalg.norm(expected[1]))
    assert (np.diff(found.losses) < 0).all()


def test_batches_of_all_rows_are_the_batch() -> None:
    whole = descend(squares, np.zeros(2), Adam(lr=0.1), updates=10)
    drawn = descend(squares, np.zeros(2), Adam(lr=0.1), updates=10, draw=batches(12, 12, np.random.default_rng(0)))
    np.testing.assert_allclose(whole.path, drawn.path)


@pytest.mark.parametrize("size", [1, 5])
def test_an_epoch_sees_every_row_once(size: int) -> None:
    drawn, each = batches(12, size, np.random.default_rng(0)), -(-12 // size)
    first, second = ([next(drawn) for _ in range(each)] for _ in range(2))
    for epoch in (first, second):
        assert sorted(np.concatenate(epoch)) == list(range(12))
        assert {len(rows) for rows in epoch[:-1]} == {size}
    assert np.concatenate(first).tolist() != np.concatenate(second).tolist()


def test_single_rows_go_down_and_a_seed_repeats_them() -> None:
    def go(seed: int) -> Descent:
        drawn = batches(12, 1, np.random.default_rng(seed))
        return descend(squares, np.zeros(2), SGD(lr=0.1), updates=240, draw=drawn, every=7)

    one, again, other = go(0), go(0), go(1)
    np.testing.assert_array_equal(one.path, again.path)
    assert np.abs(one.path[:3] - other.path[:3]).max() > 0
    assert one.updates.tolist() == [*range(0, 240, 7), 240]
    assert one.losses[-1] < 1e-3 * one.losses[0]
    assert np.allclose(one.weights, [2, -1], atol=0.1)


def test_it_stops_where_it_is_flat_and_where_it_diverges() -> None:
    flat = descend(squares, np.zeros(2), SGD(lr=0.3), updates=10_000, tol=1e-3)
    assert flat.slopes[-1] <= 1e-3 < flat.slopes[-2]
    gone = descend(squares, np.zeros(2), SGD(lr=1e3), updates=10_000)
    assert not np.isfinite(gone.losses[-1])
    assert np.isfinite(gone.losses[-2])
    assert gone.updates_to(-1.0) is None
    assert flat.updates_to(flat.losses[3]) == 3


def test_a_loss_is_reached_where_it_is_kept() -> None:
    made, losses = np.arange(0, 50, 10), np.array([5.0, 1.0, 3.0, 1.5, 0.5])
    found = Descent(made, np.zeros((5, 1)), losses, np.ones(5))
    assert [found.updates_to(loss) for loss in (9.0, 4.0, 2.0, 1.0, 0.1)] == [0, 10, 30, 40, None]
    assert Descent(made, np.zeros((5, 1)), losses[[0, 1, 1, 1, 0]], np.ones(5)).updates_to(2.0) is None


def test_a_schedule_rules_lr_and_gives_it_back() -> None:
    optimizer = SGD(lr=0.1)
    found = descend(squares, np.zeros(2), optimizer, updates=6, schedule=step_decay(3, 0.0))
    assert (np.abs(np.diff(found.path, axis=0)).max(axis=1) > 0).tolist() == [True] * 3 + [False] * 3
    assert optimizer.lr == 0.1


def test_bounds_of_the_driver() -> None:
    with pytest.raises(ValueError, match="batch_size is 13; it must be from 1 to the 12 rows"):
        next(batches(12, 13, np.random.default_rng(0)))
    with pytest.raises(ValueError, match="updates is 0"):
        descend(squares, np.zeros(2), SGD(), updates=0)


def test_no_row_is_left_alone_where_it_must_not_be() -> None:
    rng = np.random.default_rng(0)
    for n, size in ((10, 3), (10, 4), (7, 7), (5, 9), (9, 1)):
        parts = one_epoch(n, size, rng, least=2)
        assert sorted(np.concatenate(parts).tolist()) == list(range(n))
        assert size == 1 or min(map(len, parts)) > 1
    assert [len(part) for part in one_epoch(10, 3, rng, least=2)] == [3, 3, 4]
    assert [len(part) for part in one_epoch(10, 3, rng)] == [3, 3, 3, 1]


def test_the_docstrings_examples_hold() -> None:
    result = doctest.testmod(module)
    assert result.attempted == 5
    assert result.failed == 0
