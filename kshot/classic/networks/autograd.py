"""Reverse-mode automatic differentiation on arrays: every operation beside its derivative.

Meets: backpropagation as the lecture's computational graph (Hung-yi Lee, "Computational Graph & Backpropagation"):
each operation keeps, for every parent, how a gradient of its result becomes a gradient of that parent; `backward`
goes through the graph once, from the loss to the leaves, without recursion, so that a graph may be as deep as memory
allows; a node that is used twice gets the sum of both gradients; broadcasting is undone by summing; a graph is gone
through once, unless `retain_graph` says that it will be again. Equal to torch.autograd to 1e-8 in float64. Concedes:
first derivatives only; gradients are kept at the leaves only.

    >>> x = Tensor([[1.0, 2.0]], requires_grad=True)
    >>> w = Tensor([[3.0], [-1.0]], requires_grad=True)
    >>> loss = (sigmoid(x @ w) ** 2).sum()
    >>> loss.backward()
    >>> w.grad.round(4).tolist()
    [[0.2875], [0.5749]]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import expit, log_softmax

from kshot.classic.data.inputs import Values
from kshot.classic.networks.convolution import as_maps, as_rows, extent, patches, scattered

Pull = Callable[[Values], Values]
"""dC/d(result) -> dC/d(parent)."""
Operand = Any
"""A Tensor, an array, or a number."""


class Tensor:
    """An array, and where it came from: its parents, each with the derivative's way back to it."""

    __slots__ = ("grad", "parents", "requires_grad", "spent", "value")
    value: Values
    grad: Values | None
    requires_grad: bool
    spent: bool  # a backward pass has gone through it, and was not told that another would
    parents: tuple[tuple[Tensor, Pull], ...]
    __array_ufunc__ = None  # array + tensor is the tensor's sum, not an array of tensors

    def __init__(self, value: Any, parents: Sequence[tuple[Tensor, Pull]] = (), *, requires_grad: bool = False) -> None:
        array = np.asarray(value)
        if array.dtype.kind == "c":
            raise ValueError("a Tensor holds real numbers; give the real and the imaginary part apart.")
        self.value = array if array.dtype.kind == "f" else array.astype(np.float64)
        self.parents = tuple((parent, pull) for parent, pull in parents if parent.requires_grad)
        self.requires_grad = requires_grad or bool(self.parents)
        self.grad = None
        self.spent = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.value.shape

    def __repr__(self) -> str:
        return f"Tensor({self.value!r}{', requires_grad=True' if self.requires_grad else ''})"

    def backward(self, upstream: Any = None, *, retain_graph: bool = False) -> None:
        """Adds dC/dleaf to the `grad` of every leaf; C is this tensor, or the sum of upstream * this tensor.

        What a leaf's `grad` holds already, of another graph, stays in the sum: set it to None before a new step. A
        second pass through the same graph would double it without a word, and is refused, as torch does, unless the
        first was given `retain_graph`. Raises ValueError, also where this is no single number and no `upstream` of its
        shape is given, or where nothing below requires a gradient.
        """
        if not self.requires_grad:
            raise ValueError("backward has no leaf to go to; make a Tensor below this one with requires_grad=True.")
        if upstream is None and self.value.size != 1:
            raise ValueError(f"backward starts from one number, not from shape {self.shape}; sum it, or give upstream.")
        start = np.ones_like(self.value) if upstream is None else np.asarray(upstream, self.value.dtype)
        if start.shape != self.shape:
            raise ValueError(f"upstream has shape {start.shape}; it must be that of the tensor, {self.shape}.")
        nodes = from_output_to_leaves(self)
        if any(node.spent for node in nodes):
            raise ValueError(
                "backward has gone through this graph, or a part of it, before, and would count it twice; compute the "
                "loss anew, or give the first backward retain_graph=True."
            )
        flowing = {id(self): start}  # dC/dnode of the nodes reached so far
        for node in nodes:
            gradient = flowing.pop(id(node))
            node.spent = bool(node.parents) and not retain_graph
            if node.requires_grad and not node.parents:
                node.grad = gradient.copy() if node.grad is None else node.grad + gradient
            for parent, pull in node.parents:
                part = unbroadcast(pull(gradient), parent.shape)
                if part.dtype != parent.value.dtype:  # beside an operand of another precision
                    part = part.astype(parent.value.dtype)
                before = flowing.get(id(parent))
                # never in place: a part may be another node's gradient, or a view of it
                flowing[id(parent)] = part if before is None else before + part

    def __add__(self, other: Operand) -> Tensor:
        a, b = self, tensor(other, self)
        return Tensor(a.value + b.value, [(a, lambda g: g), (b, lambda g: g)])

    def __sub__(self, other: Operand) -> Tensor:
        a, b = self, tensor(other, self)
        return Tensor(a.value - b.value, [(a, lambda g: g), (b, np.negative)])

    def __mul__(self, other: Operand) -> Tensor:
        a, b = self, tensor(other, self)
        return Tensor(a.value * b.value, [(a, lambda g: g * b.value), (b, lambda g: g * a.value)])

    def __truediv__(self, other: Operand) -> Tensor:
        a, b = self, tensor(other, self)
        result = a.value / b.value
        return Tensor(result, [(a, lambda g: g / b.value), (b, lambda g: -g * result / b.value)])

    def __pow__(self, p: float) -> Tensor:
        if not isinstance(p, int | float | np.integer | np.floating):
            raise ValueError(
                f"a power is a number, not {type(p).__name__}; of a Tensor as exponent take exp(p * log(x))."
            )
        p = float(p)
        if p == 0:  # the rule below would take 0 * infinity at a = 0
            return Tensor(np.ones_like(self.value), [(self, np.zeros_like)])
        return Tensor(self.value**p, [(self, lambda g: g * p * self.value ** (p - 1))])

    def __matmul__(self, other: Operand) -> Tensor:
        """The product of the last two axes; the axes before them are broadcast. A vector is a row or a column."""
        a, b = self, tensor(other, self)
        row, column = a.value.ndim == 1, b.value.ndim == 1
        left = a.value[None, :] if row else a.value
        right = b.value[:, None] if column else b.value

        def whole(g: Values) -> Values:
            g = g[..., None] if column else g
            return np.expand_dims(g, -2) if row else g

        def pull_left(g: Values) -> Values:
            part = whole(g) @ right.swapaxes(-1, -2)  # dC/dA = dC/dZ B^T
            return part[..., 0, :] if row else part

        def pull_right(g: Values) -> Values:
            part = left.swapaxes(-1, -2) @ whole(g)  # dC/dB = A^T dC/dZ
            return part[..., 0] if column else part

        return Tensor(a.value @ b.value, [(a, pull_left), (b, pull_right)])

    def __getitem__(self, at: Any) -> Tensor:
        def pull(g: Values) -> Values:
            whole = np.zeros_like(self.value)
            np.add.at(whole, at, g)  # a row taken twice gets both gradients
            return whole

        return Tensor(self.value[at], [(self, pull)])

    def __neg__(self) -> Tensor:
        return Tensor(-self.value, [(self, np.negative)])

    def __radd__(self, other: Operand) -> Tensor:
        return self.__add__(other)

    def __rmul__(self, other: Operand) -> Tensor:
        return self.__mul__(other)

    def __rsub__(self, other: Operand) -> Tensor:
        return tensor(other, self).__sub__(self)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return tensor(other, self).__truediv__(self)

    def __rmatmul__(self, other: Operand) -> Tensor:
        return tensor(other, self).__matmul__(self)

    def sum(self, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Tensor:
        """The sum over an axis, several, or all; every term gets the sum's gradient."""

        kept = self.value.sum(axis=axis, keepdims=True)

        def pull(g: Values) -> Values:
            return np.broadcast_to(g.reshape(kept.shape), self.shape)

        return Tensor(kept if keepdims else self.value.sum(axis=axis), [(self, pull)])

    def mean(self, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Tensor:
        """The mean over an axis, several, or all."""
        total = self.sum(axis, keepdims=keepdims)
        over = range(self.value.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        terms = math.prod(self.shape[at] for at in over) if self.shape else 1
        if terms == 0:
            raise ValueError(f"the mean of shape {self.shape} over axis {axis} has no terms.")
        return total * (1 / terms)

    def reshape(self, *shape: int) -> Tensor:
        """The same values in another shape."""
        return Tensor(self.value.reshape(shape), [(self, lambda g: g.reshape(self.shape))])

    def transpose(self, *axes: int) -> Tensor:
        """The axes in another order, without `axes` reversed."""
        result = self.value.transpose(axes or None)
        order = [axis % self.value.ndim for axis in axes] or list(reversed(range(self.value.ndim)))
        return Tensor(result, [(self, lambda g: g.transpose(np.argsort(order)))])


def tensor(operand: Operand, beside: Tensor) -> Tensor:
    """The operand itself, or a constant; a number, or whole numbers, take the precision of what they stand beside."""
    if isinstance(operand, Tensor):
        return operand
    array = np.asarray(operand)
    exact = array.dtype.kind in "biu" or (array.dtype.kind == "f" and array.ndim == 0)
    return Tensor(array.astype(beside.value.dtype) if exact else array)


def from_output_to_leaves(output: Tensor) -> list[Tensor]:
    """All nodes below an output, each after every node that uses it (Kahn 1962): its gradient is whole by then."""
    uses, found, ahead = {id(output): 0}, [], [output]
    while ahead:
        for parent, _ in ahead.pop().parents:
            if id(parent) not in uses:
                uses[id(parent)] = 0
                ahead.append(parent)
            uses[id(parent)] += 1
    ready = [output]
    while ready:
        node = ready.pop()
        found.append(node)
        for parent, _ in node.parents:
            uses[id(parent)] -= 1
            if uses[id(parent)] == 0:
                ready.append(parent)
    return found


def unbroadcast(gradient: Values, shape: tuple[int, ...]) -> Values:
    """The gradient summed over the axes along which a value of that shape was repeated.

    >>> unbroadcast(np.ones((4, 2, 3)), (2, 1)).tolist()
    [[12.0], [12.0]]
    """
    if gradient.shape == shape:
        return gradient
    added = gradient.ndim - len(shape)
    repeated = tuple(at + added for at, size in enumerate(shape) if size == 1)
    summed: Values = gradient.sum(axis=(*range(added), *repeated), keepdims=True).reshape(shape)
    return summed


# ---------------------------------------------------------------- functions of one value


def exp(x: Tensor) -> Tensor:
    """e^x; its derivative is itself."""
    result = np.exp(x.value)
    return Tensor(result, [(x, lambda g: g * result)])


def log(x: Tensor) -> Tensor:
    """ln x; 1 / x."""
    return Tensor(np.log(x.value), [(x, lambda g: g / x.value)])


def relu(x: Tensor) -> Tensor:
    """max(x, 0); 1 where x is above 0, else 0."""
    return Tensor(np.maximum(x.value, 0), [(x, lambda g: g * (x.value > 0))])


def tanh(x: Tensor) -> Tensor:
    """tanh x; 1 - tanh^2 x."""
    result = np.tanh(x.value)
    return Tensor(result, [(x, lambda g: g * (1 - result**2))])


def sigmoid(x: Tensor) -> Tensor:
    """s = 1 / (1 + e^-x); s (1 - s)."""
    result = expit(x.value)
    return Tensor(result, [(x, lambda g: g * result * (1 - result))])


# ---------------------------------------------------------------- what networks are made of


def cross_entropy(logits: Tensor, labels: Any) -> Tensor:
    """The mean of -ln softmax(z)_y over rows; (softmax(z) - one_hot(y)) / rows. logits (rows, classes), labels (rows,).

    Raises ValueError where the labels are not a class index a row.
    """
    codes = np.asarray(labels)
    n, classes = logits.shape
    if codes.shape != (n,) or codes.dtype.kind not in "iu" or not n or not 0 <= codes.min() <= codes.max() < classes:
        raise ValueError(f"cross_entropy takes a label in 0..{classes - 1} for each of {n} rows, at least one.")
    logs = log_softmax(logits.value, axis=1)
    rows = np.arange(n)

    def pull(g: Values) -> Values:
        slope: Values = np.exp(logs)
        slope[rows, codes] -= 1
        return slope * (g / n)

    return Tensor(-logs[rows, codes].mean(), [(logits, pull)])


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 0) -> Tensor:
    """The cross-correlation that networks call convolution, as one matrix product of all patches with all kernels.

    x: (images, channels, height, width); weight: (kernels, channels, kh, kw); bias: (kernels,). Raises ValueError.
    """
    if x.value.ndim != 4 or weight.value.ndim != 4 or x.shape[1] != weight.shape[1]:
        raise ValueError(f"conv2d takes (n, c, h, w) and (k, c, kh, kw) with one c, not {x.shape} and {weight.shape}.")
    (n, _, height, width), (kernels, _, kh, kw) = x.shape, weight.shape
    if bias is not None and bias.shape != (kernels,):
        raise ValueError(f"conv2d takes a bias for each of {kernels} kernels, ({kernels},), not {bias.shape}.")
    down, across = extent(height, kh, stride, padding), extent(width, kw, stride, padding)
    columns = patches(x.value, (kh, kw), stride=stride, padding=padding)  # (places, c * kh * kw)
    matrix = weight.value.reshape(kernels, -1)

    def pull_x(g: Values) -> Values:
        return scattered(as_rows(g) @ matrix, x.shape, (kh, kw), stride=stride, padding=padding)

    def pull_weight(g: Values) -> Values:
        return (as_rows(g).T @ columns).reshape(weight.shape)

    product = Tensor(as_maps(columns @ matrix.T, n, down, across), [(x, pull_x), (weight, pull_weight)])
    return product if bias is None else product + bias.reshape(1, kernels, 1, 1)


def batch_norm(x: Tensor, gamma: Tensor, beta: Tensor, *, eps: float = 1e-5) -> Tensor:
    """gamma * (x - mean) / sqrt(var + eps) + beta, over all axes but the second (Ioffe and Szegedy 2015, Algorithm 1).

    mean and var depend on every x of the batch, so the gradient loses its part along 1 and along the normalised x.
    x: (rows, columns) or (images, channels, height, width); gamma, beta: (columns,) or (channels,). Raises ValueError,
    also for a batch that has one value a column, of which there is nothing to average.
    """
    if x.value.ndim < 2 or gamma.shape != x.shape[1:2] or beta.shape != x.shape[1:2]:
        raise ValueError(
            f"batch_norm takes x of (rows, columns, ...) and gamma and beta of (columns,), not {x.shape}, "
            f"{gamma.shape} and {beta.shape}."
        )
    if x.value.size <= x.shape[1]:
        raise ValueError(f"batch_norm has nothing to average in shape {x.shape}; give more rows.")
    axes = (0, *range(2, x.value.ndim))
    centred = x.value - x.value.mean(axis=axes, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=axes, keepdims=True) + eps)
    normal = centred / spread

    def pull(g: Values) -> Values:
        along_one = g.mean(axis=axes, keepdims=True)
        along_normal = (g * normal).mean(axis=axes, keepdims=True)
        handed: Values = (g - along_one - normal * along_normal) / spread
        return handed

    column = (1, -1, *(1,) * (x.value.ndim - 2))
    return Tensor(normal, [(x, pull)]) * gamma.reshape(*column) + beta.reshape(*column)
