"""A network as a chain of layers, and its training by backpropagation and an optimiser.

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
from kshot.classic.descent.descend import one_epoch
from kshot.classic.descent.optimizers import Optimizer
from kshot.classic.networks.layers import ACTIVATIONS, BatchNorm, Dense, Dropout, Layer, Shape

Loss = Callable[[Values, Any], tuple[float, Values]]
"""(z of the last layer, targets) -> (C, dC/dz)."""


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
        """z of the last layer; a is a batch, (rows, *shape), and taken in the network's dtype."""
        a = np.asarray(a, self.parameters.dtype)
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


@dataclass
class TrainingCurve:
    """What training went through: a value an epoch each."""

    losses: list[float] = field(default_factory=list)  # mean of the batches' losses
    watched: list[float] = field(default_factory=list)  # what `watch` gave


def train(
    network: Network,
    a: Values,
    targets: Values,
    *,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    watch: Callable[[], float] | None = None,
    patience: int | None = None,
) -> TrainingCurve:
    """Mini-batch training by a new optimiser, an epoch at a time; `watch` is asked after each.

    With `patience` it ends once `watch` has not fallen for so many epochs, and goes back to where it was least.
    Raises ValueError where the loss leaves all bounds.
    """
    curve = TrainingCurve()
    best, kept, waited = np.inf, network.snapshot(), 0
    for epoch in range(epochs):
        total = 0.0
        for rows in one_epoch(len(a), batch_size, rng, least=2):  # batch norm cannot average over one row
            total += network.loss(a[rows], targets[rows], loss) * len(rows)
            optimizer.step(network.parameters, network.gradients)
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
