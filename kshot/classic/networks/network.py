"""A network as a chain of layers, and its training by backpropagation and SGD or Adam.

Meets: the forward pass and the backward pass written out over the layers; all parameters in one vector and all
gradients in another, so that an optimiser's step is a few operations on whole vectors, without a copy. Concedes:
chains of layers only; graphs of any shape are the autograd's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from kshot.classic.data.inputs import Values
from kshot.classic.networks.layers import ACTIVATIONS, BatchNorm, Dense, Dropout, Layer, Shape

Loss = Callable[[Values, Any], tuple[float, Values]]
"""(z of the last layer, targets) -> (C, dC/dz)."""
Step = Callable[[], None]
"""One update of the parameters from the gradients."""


class Network:
    """Layers in a chain, with `parameters` and `gradients` as one vector each, of which every layer has its views.

    shape: of one example. rng: draws where training starts. dtype: float32 or float64. Raises ValueError where a
    layer cannot take what the one before it gives.
    """

    def __init__(
        self, layers: Sequence[Layer], shape: Shape, rng: np.random.Generator, *, dtype: DTypeLike = np.float64
    ) -> None:
        self.layers = tuple(layers)
        needs = []
        for at, layer in enumerate(self.layers):
            try:
                shape, own = layer.build(shape)
            except ValueError as error:
                raise ValueError(f"layer {at}: {error}") from None
            needs.append(own)
        self.shape = shape  # of one example's result
        total = sum(int(np.prod(size)) for own in needs for size in own.values())
        self.parameters: Values = np.zeros(total, dtype)
        self.gradients: Values = np.zeros(total, dtype)
        at = 0
        for layer, own in zip(self.layers, needs, strict=True):
            layer.parameters, layer.gradients = {}, {}
            for name, size in own.items():
                end = at + int(np.prod(size))
                layer.parameters[name] = self.parameters[at:end].reshape(size)
                layer.gradients[name] = self.gradients[at:end].reshape(size)
                at = end
            layer.start(rng)

    def forward(self, a: Values, *, training: bool = False) -> Values:
        """z of the last layer; a is a batch, (rows, *shape), in the network's dtype."""
        for layer in self.layers:
            a = layer.forward(a, training=training)
        return a

    def backward(self, delta: Values) -> None:
        """From dC/dz of the last layer to every dC/dw, in `gradients`; after `forward`."""
        first = next((at for at, layer in enumerate(self.layers) if layer.gradients), len(self.layers))
        for at in range(len(self.layers) - 1, first - 1, -1):
            handed = self.layers[at].backward(delta, onward=at > first)
            if handed is None:
                break
            delta = handed

    def loss(self, a: Values, targets: Any, loss: Loss) -> float:
        """C of a batch while training, with its gradient left in `gradients`."""
        value, delta = loss(self.forward(a, training=True), targets)
        self.backward(delta)
        return value

    def snapshot(self) -> list[Values]:
        """A copy of all that training changes: the parameters, and batch norm's running averages."""
        return [self.parameters.copy(), *(values.copy() for layer in self.layers for values in layer.averages())]

    def restore(self, kept: Sequence[Values]) -> None:
        """Goes back to a `snapshot`."""
        now = [self.parameters, *(values for layer in self.layers for values in layer.averages())]
        for values, old in zip(now, kept, strict=True):
            values[...] = old


def perceptron(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    rng: np.random.Generator,
    *,
    activation: str = "relu",
    dropout: float = 0.0,
    batch_norm: bool = False,
    dtype: DTypeLike = np.float64,
) -> Network:
    """A fully connected network: Dense, (BatchNorm,) activation(, Dropout) for each hidden width, and Dense at last."""
    layers: list[Layer] = []
    for units in hidden:
        layers.append(Dense(units, gain=2.0 if activation == "relu" else 1.0))
        if batch_norm:
            layers.append(BatchNorm())
        layers.append(ACTIVATIONS[activation]())
        if dropout:
            layers.append(Dropout(dropout, rng))
    return Network([*layers, Dense(outputs, gain=1.0)], (inputs,), rng, dtype=dtype)


# ---------------------------------------------------------------- optimisers, with torch's names


def sgd(network: Network, *, lr: float, momentum: float = 0.0, weight_decay: float = 0.0) -> Step:
    """w <- w - lr v with v <- momentum v + dC/dw + weight_decay w."""
    w, g = network.parameters, network.gradients
    velocity, spare = np.zeros_like(w), np.empty_like(w)

    def step() -> None:
        np.multiply(velocity, momentum, out=velocity)
        np.add(velocity, g, out=velocity)
        if weight_decay:
            np.add(velocity, np.multiply(w, weight_decay, out=spare), out=velocity)
        np.subtract(w, np.multiply(velocity, lr, out=spare), out=w)

    return step


def adam(
    network: Network,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> Step:
    """Adam (Kingma and Ba 2015, Algorithm 1); weight_decay w is added to dC/dw, as in torch."""
    w, g = network.parameters, network.gradients
    first, second, spare = np.zeros_like(w), np.zeros_like(w), np.empty_like(w)
    one, two = betas
    t = 0

    def step() -> None:
        nonlocal t
        t += 1
        if weight_decay:
            np.add(g, np.multiply(w, weight_decay, out=spare), out=g)
        np.multiply(first, one, out=first)  # m <- b1 m + (1 - b1) g
        np.add(first, np.multiply(g, 1 - one, out=spare), out=first)
        np.multiply(second, two, out=second)  # v <- b2 v + (1 - b2) g^2
        np.multiply(g, g, out=spare)
        np.add(second, np.multiply(spare, 1 - two, out=spare), out=second)
        np.sqrt(second, out=spare)  # w <- w - lr / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + eps)
        np.divide(spare, np.sqrt(1 - two**t), out=spare)
        np.add(spare, eps, out=spare)
        np.divide(first, spare, out=spare)
        np.subtract(w, np.multiply(spare, lr / (1 - one**t), out=spare), out=w)

    return step


# ---------------------------------------------------------------- training


@dataclass
class TrainingCurve:
    """What training went through: a value an epoch each."""

    losses: list[float] = field(default_factory=list)  # mean of the batches' losses
    watched: list[float] = field(default_factory=list)  # what `watch` gave


def batches(n: int, size: int, rng: np.random.Generator) -> list[Values]:
    """The rows 0..n-1 in random order, in parts of `size`; a last part of one row joins the part before it."""
    order = rng.permutation(n)
    parts = [order[at : at + size] for at in range(0, n, size)]
    if len(parts) > 1 and len(parts[-1]) == 1:  # batch norm has nothing to average over one row
        parts[-2:] = [np.concatenate(parts[-2:])]
    return parts


def train(
    network: Network,
    a: Values,
    targets: Values,
    *,
    loss: Loss,
    step: Step,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    watch: Callable[[], float] | None = None,
    patience: int | None = None,
) -> TrainingCurve:
    """Mini-batch training, an epoch at a time; `watch` is asked after each.

    With `patience` it ends once `watch` has not fallen for so many epochs, and goes back to where it was least.
    Raises ValueError where the loss leaves all bounds.
    """
    curve = TrainingCurve()
    best, kept, waited = np.inf, network.snapshot(), 0
    for epoch in range(epochs):
        total = 0.0
        for rows in batches(len(a), batch_size, rng):
            total += network.loss(a[rows], targets[rows], loss) * len(rows)
            step()
        curve.losses.append(total / len(a))
        if not np.isfinite(total):
            raise ValueError(f"the loss left all bounds in epoch {epoch + 1}; scale the columns, or lower lr.")
        if watch is None:
            continue
        curve.watched.append(watch())
        if patience is not None:
            waited += 1
            if curve.watched[-1] < best:
                best, waited = curve.watched[-1], 0
                kept = network.snapshot()
            if waited >= patience:
                break
    if watch is not None and patience is not None:
        network.restore(kept)
    return curve
