"""Optimisers against torch's."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from kshot.classic.descent import optimizers
from kshot.classic.descent.optimizers import Optimizer

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
    w = START.copy()
    for noise in NOISE:
        theirs.zero_grad()
        (rosenbrock(theirs_at) + (torch.tensor(noise) * theirs_at).sum()).backward()
        theirs.step()
        ours.step(w, slope(w) + noise)
        np.testing.assert_allclose(w, theirs_at.detach().numpy(), rtol=0, atol=1e-9)
    assert np.abs(w - START).max() > 1e-2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "given"), CASES, ids=str)
def test_a_step_changes_the_weights_alone(name: str, given: dict, dtype: type) -> None:
    """In place and in their precision; the gradient is left as it was, also where it is the weights themselves."""
    w, g = START.astype(dtype), slope(START).astype(dtype)
    given_w, given_g = w, g.copy()
    optimizer, same = (getattr(optimizers, name)(**given) for _ in range(2))
    for _ in range(3):
        optimizer.step(w, g)
    assert w is given_w
    assert w.dtype == dtype
    assert (w != START).all()
    assert (g == given_g).all()
    itself, apart = START.astype(dtype), START.astype(dtype)
    for _ in range(3):
        same.step(itself, itself)
    again = getattr(optimizers, name)(**given)
    for _ in range(3):
        again.step(apart, apart.copy())
    np.testing.assert_array_equal(itself, apart)


@pytest.mark.parametrize(("name", "argument"), [("SGD", "momentum"), ("Adam", "betas"), ("RMSprop", "alpha")])
def test_the_comparison_tells_arguments_apart(name: str, argument: str) -> None:
    """The test above would see it if an argument were ignored."""
    given = {"momentum": 0.5, "betas": (0.5, 0.9), "alpha": 0.5}[argument]
    plain, other = getattr(optimizers, name)(lr=0.01), getattr(optimizers, name)(lr=0.01, **{argument: given})
    one, two = START.copy(), START.copy()
    for _ in range(5):
        plain.step(one, slope(one))
        other.step(two, slope(two))
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
    ("name", "given", "says"),
    [
        ("SGD", {"lr": "fast"}, "SGD: lr is 'fast'; it must be at least 0"),
        ("Adagrad", {"eps": None}, "Adagrad: eps is None"),
        ("RMSprop", {"alpha": 2.0}, "RMSprop: alpha is 2.0; it must be at least 0 and below 1"),  # s would go below 0
        ("Adam", {"betas": 0.9}, "Adam: betas is 0.9; it must be two numbers"),
        ("Adam", {"betas": ("a", "b")}, "betas is ('a', 'b')"),
    ],
)
def test_what_torch_would_take_or_trip_over_is_refused(name: str, given: dict, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        getattr(optimizers, name)(**given)


def test_the_lectures_adagrad_is_this_one() -> None:
    """w <- w - eta^t / sigma^t g with eta^t = eta / sqrt(t + 1), sigma^t the root mean square of g^0 .. g^t."""
    ours, w, lecture, seen = optimizers.Adagrad(lr=0.4), START.copy(), START, []
    for t in range(20):
        ours.step(w, slope(w))
        seen.append(slope(lecture))
        lecture = lecture - 0.4 / np.sqrt(t + 1) / np.sqrt(np.mean(np.square(seen), axis=0)) * seen[-1]
        np.testing.assert_allclose(w, lecture, atol=1e-8)
