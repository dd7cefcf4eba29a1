"""Optimisers and schedules against torch's, and the driver that records a path."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from kshot.classic.descent import optimizers
from kshot.classic.descent.optimizers import ALL, SGD, Adam, Descent, Optimizer, batches, descend

CASES = [
    ("SGD", {}),
    ("SGD", {"lr": 0.02}),
    ("SGD", {"lr": 0.01, "momentum": 0.9}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.01, "weight_decay": 0.3}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.5}),
    ("Adagrad", {"lr": 0.3, "lr_decay": 0.05, "weight_decay": 0.1, "initial_accumulator_value": 0.2, "eps": 1e-3}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.005, "alpha": 0.9, "eps": 1e-4, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.005, "momentum": 0.8}),
    ("RMSprop", {"lr": 0.005, "centered": True}),
    ("RMSprop", {"lr": 0.005, "momentum": 0.8, "centered": True, "alpha": 0.95}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-5}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.2}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "betas": (0.5, 0.9)}),
]


def rosenbrock(w):
    """A curved valley, (3, 2) weights at once; the same code for NumPy and torch."""
    x, y = w[..., 0], w[..., 1]
    return ((1 - x) ** 2 + 3 * (y - x**2) ** 2).sum()


def slope(w: np.ndarray) -> np.ndarray:
    x, y = w[..., 0], w[..., 1]
    return np.stack([-2 * (1 - x) - 12 * x * (y - x**2), 6 * (y - x**2)], axis=-1)


# as of mini-batches; without it RMSprop divides by what goes to 0, and rounding grows tenfold a step
NOISE = np.random.default_rng(0).normal(size=(100, 3, 2))
START = np.array([[-0.5, 1.0], [0.3, -0.4], [1.2, 0.1]])


@pytest.mark.parametrize(("name", "given"), CASES, ids=str)
def test_it_is_torchs(name: str, given: dict) -> None:
    ours: Optimizer = getattr(optimizers, name)(**given)
    theirs_at = torch.tensor(START, requires_grad=True)
    theirs = getattr(torch.optim, name)([theirs_at], **given)
    w = START
    for noise in NOISE:
        theirs.zero_grad()
        (rosenbrock(theirs_at) + (torch.tensor(noise) * theirs_at).sum()).backward()
        theirs.step()
        w = ours.step(w, slope(w) + noise)
        np.testing.assert_allclose(w, theirs_at.detach().numpy(), rtol=0, atol=1e-9)
    assert np.abs(w - START).max() > 1e-2


@pytest.mark.parametrize(("name", "argument"), [("SGD", "momentum"), ("Adam", "betas"), ("RMSprop", "alpha")])
def test_the_comparison_tells_arguments_apart(name: str, argument: str) -> None:
    """The test above would see it if an argument were ignored."""
    given = {"momentum": 0.5, "betas": (0.5, 0.9), "alpha": 0.5}[argument]
    plain, other = getattr(optimizers, name)(lr=0.01), getattr(optimizers, name)(lr=0.01, **{argument: given})
    one = two = START
    for _ in range(5):
        one, two = plain.step(one, slope(one)), other.step(two, slope(two))
    assert np.abs(one - two).max() > 1e-4


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("SGD", {"lr": -1.0}, "SGD: lr is -1.0; it must be at least 0"),
        ("SGD", {"lr": float("nan")}, "lr is nan"),
        ("SGD", {"nesterov": True}, "nesterov needs momentum"),
        ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "nesterov needs momentum"),
        ("SGD", {"momentum": -0.1}, "momentum is -0.1"),
        ("Adagrad", {"lr_decay": -0.1}, "Adagrad: lr_decay is -0.1"),
        ("RMSprop", {"eps": -1e-8}, "RMSprop: eps is"),
        ("Adam", {"betas": (0.9, 1.0)}, "betas is (0.9, 1.0); it must be two numbers"),
        ("AdamW", {"weight_decay": -1.0}, "AdamW: weight_decay is -1.0"),
    ],
)
def test_a_wrong_hyperparameter_is_refused(name: str, given: dict, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        getattr(optimizers, name)(**given)
    if not any(isinstance(value, float) and np.isnan(value) for value in given.values()):
        with pytest.raises(ValueError, match=r"nvalid|requires"):  # torch refuses the same
            getattr(torch.optim, name)([torch.zeros(1)], **given)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (optimizers.step_decay(7, 0.5), lambda o: lr_scheduler.StepLR(o, 7, 0.5)),
        (optimizers.exponential(0.93), lambda o: lr_scheduler.ExponentialLR(o, 0.93)),
        (optimizers.cosine(40, 0.01), lambda o: lr_scheduler.CosineAnnealingLR(o, 40, 0.01)),
        (optimizers.warm_up(8), lambda o: lr_scheduler.LinearLR(o, total_iters=8)),
        (
            optimizers.warm_up(8, 0.1, then=optimizers.cosine(20)),
            lambda o: lr_scheduler.SequentialLR(
                o, [lr_scheduler.LinearLR(o, 0.1, total_iters=8), lr_scheduler.CosineAnnealingLR(o, 20)], [8]
            ),
        ),
        (optimizers.inverse_sqrt, lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (t + 1) ** 0.5)),
        (optimizers.constant, lambda o: lr_scheduler.LambdaLR(o, lambda t: 1.0)),
    ],
    ids=["step", "exponential", "cosine", "warm-up", "warm-up then cosine", "inverse root", "constant"],
)
@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")  # torch's own SequentialLR
def test_schedules_are_torchs(ours: optimizers.Schedule, theirs) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.3)
    scheduler = theirs(optimizer)
    for t in range(28):
        assert ours(0.3, t) == pytest.approx(scheduler.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        scheduler.step()


def test_the_lectures_adagrad_is_this_one() -> None:
    """w <- w - eta^t / sigma^t g with eta^t = eta / sqrt(t + 1), sigma^t the root mean square of g^0 .. g^t."""
    ours, w, lecture, seen = optimizers.Adagrad(lr=0.4), START, START, []
    for t in range(20):
        w = ours.step(w, slope(w))
        seen.append(slope(lecture))
        lecture = lecture - 0.4 / np.sqrt(t + 1) / np.sqrt(np.mean(np.square(seen), axis=0)) * seen[-1]
        np.testing.assert_allclose(w, lecture, atol=1e-8)


X = np.column_stack([np.linspace(-1, 1, 12), np.ones(12)])
Y = X @ [2.0, -1.0]


def squares(w: np.ndarray, rows: optimizers.Rows) -> tuple[float, np.ndarray]:
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
    found = descend(squares, np.zeros(2), optimizer, updates=6, schedule=optimizers.step_decay(3, 0.0))
    assert (np.abs(np.diff(found.path, axis=0)).max(axis=1) > 0).tolist() == [True] * 3 + [False] * 3
    assert optimizer.lr == 0.1


def test_bounds_of_the_driver() -> None:
    with pytest.raises(ValueError, match="batch_size is 13; it must be from 1 to the 12 rows"):
        next(batches(12, 13, np.random.default_rng(0)))
    with pytest.raises(ValueError, match="updates is 0"):
        descend(squares, np.zeros(2), SGD(), updates=0)
