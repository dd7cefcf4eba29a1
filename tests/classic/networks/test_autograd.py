"""The autograd against torch's, to 1e-8 in float64; the gradient check; the convolution's two ways."""

from __future__ import annotations

import doctest
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from kshot.classic.networks import autograd, gradient_check
from kshot.classic.networks.autograd import Tensor, from_output_to_leaves
from kshot.classic.networks.convolution import patches, scattered
from kshot.classic.networks.gradient_check import check_gradient

OURS = SimpleNamespace(
    exp=autograd.exp,
    log=autograd.log,
    relu=autograd.relu,
    tanh=autograd.tanh,
    sigmoid=autograd.sigmoid,
    cross_entropy=lambda z, labels: autograd.cross_entropy(z, labels),
    conv2d=autograd.conv2d,
    batch_norm=autograd.batch_norm,
    sum=lambda x, axis, keep: x.sum(axis, keepdims=keep),
    mean=lambda x, axis, keep: x.mean(axis, keepdims=keep),
    transpose=lambda x, *axes: x.transpose(*axes),
)
TORCH = SimpleNamespace(
    exp=torch.exp,
    log=torch.log,
    relu=torch.relu,
    tanh=torch.tanh,
    sigmoid=torch.sigmoid,
    cross_entropy=lambda z, labels: functional.cross_entropy(z, torch.as_tensor(labels)),
    conv2d=lambda x, w, b=None, stride=1, padding=0: functional.conv2d(x, w, b, stride=stride, padding=padding),
    batch_norm=lambda x, g, b, eps=1e-5: functional.batch_norm(x, None, None, g, b, training=True, eps=eps),
    sum=lambda x, axis, keep: x.sum() if axis is None else x.sum(axis, keepdim=keep),
    mean=lambda x, axis, keep: x.mean() if axis is None else x.mean(axis, keepdim=keep),
    transpose=lambda x, *axes: x.permute(axes),
)


def equal(function: Any, *arrays: np.ndarray, atol: float = 1e-8) -> None:
    """Value and all gradients of function(operations, *tensors) are torch's."""
    ours = [Tensor(array, requires_grad=True) for array in arrays]
    theirs = [torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in arrays]
    mine, other = function(OURS, *ours), function(TORCH, *theirs)
    np.testing.assert_allclose(mine.value, other.detach().numpy(), rtol=1e-9, atol=atol)
    upstream = np.random.default_rng(0).normal(size=mine.shape)
    mine.backward(upstream)
    other.backward(torch.tensor(upstream))
    for one, two in zip(ours, theirs, strict=True):
        expected = np.zeros(one.shape) if two.grad is None else two.grad.numpy()
        found = np.zeros(one.shape) if one.grad is None else one.grad
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=atol)


RNG = np.random.default_rng(1)
A, B, C = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 5)), RNG.normal(size=(4, 3))
ROW, COLUMN, POSITIVE = RNG.normal(size=(3,)), RNG.normal(size=(4, 1)), RNG.uniform(0.5, 2, size=(4, 3))
IMAGES, KERNELS = RNG.normal(size=(2, 3, 7, 6)), RNG.normal(size=(4, 3, 3, 2))

CASES = {
    "add": (lambda f, a, b: a + b, A, C),
    "add a row": (lambda f, a, b: a + b, A, ROW),
    "row and column": (lambda f, a, b: a * b, ROW, COLUMN),
    "subtract": (lambda f, a, b: a - b, COLUMN, C),
    "divide": (lambda f, a, b: a / b, ROW, POSITIVE),
    "one number": (lambda f, a, b: a * b, np.array(2.5), A),
    "numbers": (lambda f, a: 2 - (3 / (1 + a * 2 + 1)) - a / 4 + 1, POSITIVE),
    "arrays on the left": (lambda f, a: (1 - a) * 2, A),
    "negative": (lambda f, a: -a, A),
    "cube": (lambda f, a: a**3, A),
    "root": (lambda f, a: a**0.5, POSITIVE),
    "power 0": (lambda f, a: a**0, np.zeros(3)),
    "power 1 at 0": (lambda f, a: a**1, np.zeros(3)),
    "matrix product": (lambda f, a, b: a @ b, A, B),
    "vector by matrix": (lambda f, a, b: a @ b, ROW, B),
    "matrix by vector": (lambda f, a, b: a @ b, A, ROW),
    "vector by vector": (lambda f, a, b: a @ b, ROW, ROW + 1),
    "batched product": (lambda f, a, b: a @ b, RNG.normal(size=(2, 1, 4, 3)), RNG.normal(size=(5, 3, 2))),
    "batch by vector": (lambda f, a, b: a @ b, RNG.normal(size=(2, 4, 3)), ROW),
    "vector by batch": (lambda f, a, b: a @ b, ROW, RNG.normal(size=(2, 3, 4))),
    "exp": (lambda f, a: f.exp(a), A),
    "log": (lambda f, a: f.log(a), POSITIVE),
    "relu": (lambda f, a: f.relu(a), np.append(A.ravel(), 0.0)),
    "tanh": (lambda f, a: f.tanh(a), A),
    "sigmoid": (lambda f, a: f.sigmoid(a), A * 20),
    "sum": (lambda f, a: f.sum(a, None, False), A),
    "sum of rows": (lambda f, a: f.sum(a, 0, False), A),
    "sum, axes kept": (lambda f, a: f.sum(a, (0, 2), True), RNG.normal(size=(2, 3, 4))),
    "mean": (lambda f, a: f.mean(a, None, False), A),
    "mean of the last axis": (lambda f, a: f.mean(a, -1, False), RNG.normal(size=(2, 3, 4))),
    "reshape": (lambda f, a: a.reshape(2, 6) ** 2, A),
    "transpose": (lambda f, a: f.transpose(a, 2, 0, 1) ** 2, RNG.normal(size=(2, 3, 4))),
    "rows taken": (lambda f, a: a[[0, 2, 0, 0]], A),
    "a slice": (lambda f, a: a[1:, ::2], A),
    "cross-entropy": (lambda f, a: f.cross_entropy(a, np.array([0, 2, 1, 1])), A * 5),
    "cross-entropy far out": (lambda f, a: f.cross_entropy(a, np.array([0, 2, 1, 1])), A * 1000),
    "convolution": (lambda f, x, w: f.conv2d(x, w), IMAGES, KERNELS),
    "convolution with bias": (lambda f, x, w, b: f.conv2d(x, w, b), IMAGES, KERNELS, RNG.normal(size=4)),
    "convolution, stride 2": (lambda f, x, w: f.conv2d(x, w, stride=2), IMAGES, KERNELS),
    "convolution, padded": (lambda f, x, w: f.conv2d(x, w, stride=3, padding=2), IMAGES, KERNELS),
    "batch norm": (lambda f, x, g, b: f.batch_norm(x, g, b), A, ROW, ROW + 1),
    "batch norm of images": (lambda f, x, g, b: f.batch_norm(x, g, b, eps=1e-3), IMAGES, ROW, ROW + 1),
    "a reused node": (lambda f, a: (lambda h: h * h + h * f.exp(h))(f.tanh(a)), A),
    "itself twice": (lambda f, a: a * a + a, A),
    "unused": (lambda f, a, b: a * 1, A, B),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operation_is_torchs(name: str) -> None:
    function, *arrays = CASES[name]
    equal(function, *arrays)


def test_arrays_stand_on_either_side() -> None:
    x = Tensor(A, requires_grad=True)
    result = (C + x * C - x) @ B + (C @ (B * 1)) * 1
    assert isinstance(result, Tensor)
    assert isinstance(C @ Tensor(B), Tensor)
    assert isinstance(1 / x, Tensor)
    result.sum().backward()
    np.testing.assert_allclose(x.grad, np.ones((4, 5)) @ B.T * (C - 1))


# ---------------------------------------------------------------- random networks

UNARY = ("tanh", "sigmoid", "relu", "exp", "square", "norm", "mean", "row", "column", "convolution", "reshape")


def build(f: Any, values: list[Any], plan: list[tuple[str, int, int]], n: int, d: int) -> Any:
    """Applies the plan: each step takes one or two of the values so far, all (n, d), and adds one."""
    x, w, row, column, kernel = values
    made = [x]
    for kind, first, second in plan:
        a, b = made[first % len(made)], made[second % len(made)]
        if kind == "square":
            new = f.tanh(a) ** 2
        elif kind == "norm":
            new = f.batch_norm(a, row, row * 2)
        elif kind == "mean":
            new = a - f.mean(a, 0, True)
        elif kind == "row":
            new = f.tanh(a) * row + b
        elif kind == "column":
            new = a + column * f.sigmoid(b)
        elif kind == "convolution":
            new = f.conv2d(f.tanh(a).reshape(n, 1, 1, d), kernel, padding=1).reshape(n, d)
        elif kind == "reshape":
            new = f.transpose(f.transpose(a.reshape(d, n), 1, 0) * 1, 0, 1) + b
        elif kind == "product":
            new = f.tanh(a) @ w
        elif kind == "plus":
            new = a + b
        elif kind == "times":
            new = f.tanh(a) * f.tanh(b)
        elif kind == "exp":
            new = f.exp(f.tanh(a))
        else:
            new = getattr(f, kind)(a)
        made.append(new)
    return f.cross_entropy(f.tanh(made[-1]) * 3 + f.tanh(made[len(made) // 2]), np.arange(n) % d)


@settings(max_examples=150, deadline=None)
@given(
    n=st.integers(2, 6),
    d=st.integers(2, 6),
    seed=st.integers(0, 10_000),
    plan=st.lists(
        st.tuples(
            st.sampled_from([*UNARY, "product", "plus", "times", "product"]), st.integers(0, 30), st.integers(0, 30)
        ),
        min_size=1,
        max_size=12,
    ),
)
def test_random_networks_are_torchs(n: int, d: int, seed: int, plan: list[tuple[str, int, int]]) -> None:
    rng = np.random.default_rng(seed)
    # batch norm of two nearly equal rows divides by almost nothing, where 1e-8 is below both sides' rounding
    arrays = [
        rng.normal(size=(n, d)) + 3 * np.arange(n)[:, None],
        rng.normal(size=(d, d)),
        rng.normal(size=(d,)),
        rng.normal(size=(n, 1)),
        rng.normal(size=(1, 1, 3, 3)),
    ]
    equal(lambda f, *values: build(f, list(values), plan, n, d), *arrays)


def test_ten_thousand_nodes_deep() -> None:
    def deep(f: Any, x: Any, w: Any) -> Any:
        for step in range(5000):
            x = x * w + 1e-3 if step % 2 else f.tanh(x) * 0.5 + x
        return f.sum(x, None, False)

    equal(deep, A, np.full((3,), 0.8))
    x = Tensor(A, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + x  # deep, and x used at every step
    y.sum().backward()
    np.testing.assert_allclose(x.grad, np.full(A.shape, 100_001.0))
    del y  # a graph this deep is freed without recursion, too


def test_paths_that_double_are_walked_once() -> None:
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(60):
        y = y + y  # 2^60 paths
    y.backward()
    assert x.grad == 2.0**60
    assert len(from_output_to_leaves(y)) == 61


def test_an_order_has_every_node_after_its_users() -> None:
    x = Tensor(A, requires_grad=True)
    h = autograd.tanh(x)
    y = (h * h + h) * x
    place = {id(node): at for at, node in enumerate(from_output_to_leaves(y))}
    assert all(place[id(node)] < place[id(parent)] for node in from_output_to_leaves(y) for parent, _ in node.parents)


def test_gradients_add_up_over_backward_passes_and_do_not_share_memory() -> None:
    x, y = Tensor(A, requires_grad=True), Tensor(C, requires_grad=True)
    (x + y).sum().backward()
    x.grad += 1
    assert (y.grad == 1).all()
    (x * 3).sum().backward()
    assert (x.grad == 5).all()
    constant = Tensor(A)
    (x * constant).sum().backward()
    assert constant.grad is None


AXES = [None, 0, 1, 2, 3, -1, -2, -3, -4, (0, 1), (-1, 0), (-2, -1), (1, 1), (0, -2), (2, -1, 0), (0, 5)]


def drawn_operation(rng: np.random.Generator, ndim: int) -> Any:
    """One operation that takes axes, a shape or an operand, which may as well be wrong."""
    axis = AXES[rng.integers(len(AXES))]
    keep = axis is not None and bool(rng.integers(2))
    order = tuple(int(at) for at in rng.permutation(ndim) - ndim * rng.integers(0, 2, ndim))
    if ndim and rng.random() < 0.2:
        order = (*order[:-1], int(rng.integers(-ndim - 1, ndim + 1)))
    shape = tuple(int(side) for side in rng.choice([-1, 1, 2, 3, 6], size=rng.integers(0, 4)))
    other = rng.normal(size=tuple(rng.integers(1, 4, rng.integers(0, 4))))
    return {
        "sum": lambda f, x: f.sum(x, axis, keep),
        "mean": lambda f, x: f.mean(x, axis, keep),
        "transpose": lambda f, x: f.transpose(x, *order),
        "reshape": lambda f, x: x.reshape(*shape) if f is OURS else x.reshape(shape),
        "add": lambda f, x: x + (other if f is OURS else torch.as_tensor(other)),
        "times": lambda f, x: (other if f is OURS else torch.as_tensor(other)) * x,
        "product": lambda f, x: x @ (other if f is OURS else torch.as_tensor(other)),
        "taken": lambda f, x: x[..., [0, 0]],
        "itself": lambda f, x: x * x + x,
    }


def test_random_axes_give_torchs_gradients_or_are_refused_as_torch_refuses_them() -> None:
    """Negative axes, several, twice the same, out of range; chains of four, on shapes of zero to three axes."""
    agreed = refused = 0
    for seed in range(600):
        rng = np.random.default_rng(seed)
        array = rng.normal(size=tuple(rng.integers(1, 4, rng.integers(0, 4))))
        x, theirs = Tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
        mine, other, told = x * 1, theirs * 1, []
        for _ in range(4):
            operations = drawn_operation(rng, mine.value.ndim)
            name = list(operations)[rng.integers(len(operations))]
            told.append(name)
            try:
                after = operations[name](TORCH, other)
            except (RuntimeError, IndexError, ValueError):
                after = None
            if after is None:
                with pytest.raises((ValueError, IndexError)):
                    operations[name](OURS, mine)
                refused += 1
                break
            mine, other = operations[name](OURS, mine), after
        assert mine.shape == tuple(other.shape), (seed, told)
        upstream = rng.normal(size=mine.shape)
        mine.backward(upstream)
        other.backward(torch.tensor(upstream))
        np.testing.assert_allclose(x.grad, theirs.grad.numpy(), rtol=1e-9, atol=1e-9, err_msg=f"{seed} {told}")
        agreed += 1
    assert agreed == 600
    assert refused > 100


def test_a_second_pass_through_a_graph_is_refused_as_torch_refuses_it() -> None:
    for f, make in ((OURS, Tensor), (TORCH, lambda value, **options: torch.tensor(value, **options))):
        x = make(A, requires_grad=True)
        h = f.exp(x)
        first, second = f.sum(h * h, None, False), f.sum(h * 2, None, False)
        first.backward(retain_graph=True)
        once = np.array(x.grad.tolist())
        first.backward()  # allowed, and added
        np.testing.assert_allclose(np.array(x.grad.tolist()), 2 * once)
        for again in (first, second):  # the second loss shares h
            with pytest.raises((ValueError, RuntimeError), match="retain_graph=True"):
                again.backward()
        np.testing.assert_allclose(np.array(x.grad.tolist()), 2 * once)  # nothing was added on the way
        leaf = make(1.0, requires_grad=True)
        leaf.backward()
        leaf.backward()  # a leaf is no graph
        assert float(leaf.grad) == 2.0
        with pytest.raises((ValueError, RuntimeError), match=r"no leaf to go to|does not require grad"):
            (make(A) * 2).sum().backward()


@pytest.mark.parametrize(
    "other", [np.arange(3), np.int64(2), np.float64(2.0), np.ones(3), 3, np.array([True, False, True])]
)
def test_mixed_precisions_are_torchs(other: Any) -> None:
    x = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    theirs = torch.ones(2, 3, requires_grad=True)
    mine, expected = (
        x * other,
        theirs * (torch.as_tensor(other) if isinstance(other, np.ndarray | np.generic) else other),
    )
    assert str(mine.value.dtype) == str(expected.dtype).removeprefix("torch.")
    mine.sum().backward()
    expected.sum().backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_allclose(x.grad, theirs.grad.numpy())


def test_float32_stays_float32() -> None:
    x = Tensor(A.astype(np.float32), requires_grad=True)
    z = autograd.tanh(x * 2).mean()
    z.backward()
    assert (z.value.dtype, x.grad.dtype) == (np.float32, np.float32)


def test_what_cannot_be_differentiated_is_said() -> None:
    x = Tensor(A, requires_grad=True)
    with pytest.raises(ValueError, match=r"one number, not from shape \(4, 3\); sum it, or give upstream"):
        (x * 2).backward()
    with pytest.raises(ValueError, match=r"upstream has shape \(3,\); it must be that of the tensor, \(4, 3\)"):
        (x * 2).backward(np.ones(3))
    for labels in ([0, 1], [0, 1, 2, 3], [0.0, 1.0, 2.0, 0.0], [0, -1, 0, 0]):
        with pytest.raises(ValueError, match=r"a label in 0..2 for each of 4 rows"):
            autograd.cross_entropy(x, np.array(labels))
    with pytest.raises(ValueError, match=r"a label in 0..2 for each of 0 rows, at least one"):
        autograd.cross_entropy(Tensor(np.ones((0, 3))), np.array([], int))
    with pytest.raises(ValueError, match="no terms"):
        Tensor(np.ones((0, 3))).mean(0)
    with pytest.raises(ValueError, match="real numbers"):
        Tensor(np.array([1j]))
    with pytest.raises(ValueError, match=r"a power is a number, not Tensor"):
        x**x
    with pytest.raises(ValueError, match=r"nothing to average in shape \(1, 3\)"):
        autograd.batch_norm(Tensor(A[:1]), Tensor(ROW), Tensor(ROW))
    with pytest.raises(ValueError, match=r"gamma and beta of \(columns,\), not \(4, 3\), \(1,\) and \(3,\)"):
        autograd.batch_norm(Tensor(A), Tensor(ROW[:1]), Tensor(ROW))
    with pytest.raises(ValueError, match=r"a bias for each of 4 kernels, \(4,\), not \(1,\)"):
        autograd.conv2d(Tensor(IMAGES), Tensor(KERNELS), Tensor(np.ones(1)))
    for wrong in ({"stride": 0}, {"stride": -1}, {"padding": -1}):
        with pytest.raises(ValueError, match="must be at least 1, padding at least 0"):
            autograd.conv2d(Tensor(IMAGES), Tensor(KERNELS), **wrong)
    with pytest.raises(ValueError, match=r"with one c, not \(2, 3, 7, 6\) and \(4, 2, 3, 3\)"):
        autograd.conv2d(Tensor(IMAGES), Tensor(np.ones((4, 2, 3, 3))))
    with pytest.raises(ValueError, match=r"a kernel of 9 does not fit into 7 values .* set padding to 1 or more"):
        autograd.conv2d(Tensor(IMAGES), Tensor(np.ones((4, 3, 9, 2))))


# ---------------------------------------------------------------- convolution, gradient check


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), (3, 2), (1, 3)])
def test_scattered_is_the_transpose_of_patches(stride: int, padding: int) -> None:
    """<patches(x), r> = <x, scattered(r)> for all x and r."""
    rows = patches(IMAGES, (3, 2), stride=stride, padding=padding)
    other = np.random.default_rng(2).normal(size=rows.shape)
    back = scattered(other, IMAGES.shape, (3, 2), stride=stride, padding=padding)
    assert np.isclose((rows * other).sum(), (IMAGES * back).sum())


def test_a_right_derivative_passes_and_a_broken_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    w = RNG.normal(size=(3, 5))

    def gradient() -> np.ndarray:
        leaf = Tensor(w, requires_grad=True)
        autograd.cross_entropy(autograd.tanh(Tensor(A) @ leaf), np.array([0, 4, 2, 1])).backward()
        return leaf.grad

    def loss() -> float:
        return float(autograd.cross_entropy(autograd.tanh(Tensor(A) @ Tensor(w)), np.array([0, 4, 2, 1])).value)

    right = check_gradient(loss, w, gradient())
    assert right.passed
    assert right.errors.max() < 1e-7
    assert str(right).startswith("right: largest relative error")

    def broken(x: Tensor) -> Tensor:
        result = np.tanh(x.value)
        return Tensor(result, [(x, lambda g: g * (1 - result))])  # the square is forgotten

    monkeypatch.setattr(autograd, "tanh", broken)
    wrong = check_gradient(loss, w, gradient())
    assert not wrong.passed
    assert wrong.errors.max() > 1e-2
    assert str(wrong).startswith("wrong: largest relative error")


def test_one_wrong_value_among_many_is_named() -> None:
    x = RNG.normal(size=(6, 7))
    slope = 3 * x**2
    slope[4, 5] *= 1.001
    check = check_gradient(lambda: float((x**3).sum()), x, slope)
    assert not check.passed
    assert " at (4, 5)," in str(check)
    slope[4, 5] = np.nan
    assert not check_gradient(lambda: float((x**3).sum()), x, slope).passed


def test_a_check_changes_nothing_and_refuses_what_it_cannot_do() -> None:
    x = RNG.normal(size=5)
    before = x.copy()
    check_gradient(lambda: float((x**2).sum()), x, 2 * x)
    assert (x == before).all()
    with pytest.raises(ValueError, match=r"shape \(4,\), x has \(5,\)"):
        check_gradient(lambda: 0.0, x, x[:4])
    with pytest.raises(ValueError, match="x is float32; differences need float64"):
        check_gradient(lambda: 0.0, x.astype(np.float32), x)


def test_the_examples_of_the_docstrings_run() -> None:
    for module in (autograd, gradient_check):
        result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
        assert result.attempted > 0
        assert result.failed == 0
