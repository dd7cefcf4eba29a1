"""Backpropagation on one example, written out neuron by neuron, to be followed with pencil and paper.

Meets: the lecture's two passes (Hung-yi Lee, "Backpropagation") with its own column vectors: forward z^l = W^l a^(l-1)
+ b^l and a^l = sigma(z^l); backward delta^L = dC/dz^L and delta^l = sigma'(z^l) * (W^(l+1)^T delta^(l+1)); and
dC/dw_ij^l = a_j^(l-1) delta_i^l. Every product and sum is shown. Concedes: one example, a few neurons; `network.py`
trains.

    print(trace([[[0.5, -0.5]]], [[0.1]], x=[1, 2], y=[1]))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, log_softmax

from kshot.classic.data.inputs import Array

SIGMA: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "sigmoid": (expit, lambda z, a: a * (1 - a)),
    "tanh": (np.tanh, lambda z, a: 1 - a**2),
    "relu": (lambda z: np.maximum(z, 0), lambda z, a: (z > 0).astype(float)),
    "linear": (lambda z: z, lambda z, a: np.ones_like(z)),
}
"""sigma(z), and sigma'(z) from z and a = sigma(z)."""

LOSSES = ("squared-error", "cross-entropy")


@dataclass(frozen=True, slots=True)
class Trace:
    """Every value of both passes; lists by layer, from the first to the last."""

    weights: tuple[Array, ...]  # W^l, (units, inputs)
    biases: tuple[Array, ...]
    y: Array
    z: tuple[Array, ...]
    a: tuple[Array, ...]  # a^0 = x first
    slopes: tuple[Array, ...]  # sigma'(z^l); of a softmax, whose delta needs none, ones
    loss: float
    delta: tuple[Array, ...]  # dC/dz^l
    activations: tuple[str, ...]

    @property
    def weight_gradients(self) -> list[Array]:
        """dC/dW^l = delta^l a^(l-1)^T, (units, inputs)."""
        return [np.outer(delta, a) for delta, a in zip(self.delta, self.a, strict=False)]

    @property
    def bias_gradients(self) -> list[Array]:
        """dC/db^l = delta^l."""
        return list(self.delta)

    def __str__(self) -> str:
        return "\n".join([*self._forward(), "", *self._backward(), "", *self._gradients()])

    def _forward(self) -> list[str]:
        lines = ["FORWARD PASS"]
        for at, (W, b, z, a, name) in enumerate(
            zip(self.weights, self.biases, self.z, self.a[1:], self.activations, strict=True)
        ):
            for i in range(len(z)):
                terms = " + ".join(f"{w:.6g}*{v:.6g}" for w, v in zip(W[i], self.a[at], strict=True))
                lines.append(
                    f"layer {at + 1} neuron {i + 1}: z = {terms} + {b[i]:.6g} = {z[i]:.6g}; a = {name}(z) = {a[i]:.6g}"
                )
        lines.append(f"loss: C = {self.loss:.9g}")
        return lines

    def _backward(self) -> list[str]:
        lines = ["BACKWARD PASS"]
        last = len(self.z) - 1
        for at in range(last, -1, -1):
            for i, delta in enumerate(self.delta[at]):
                where = f"layer {at + 1} neuron {i + 1}: delta ="
                if at < last:
                    terms = " + ".join(
                        f"{w:.6g}*{d:.6g}" for w, d in zip(self.weights[at + 1][:, i], self.delta[at + 1], strict=True)
                    )
                    lines.append(
                        f"{where} sigma'(z) * (sum of w*delta above) = {self.slopes[at][i]:.6g} * ({terms}) "
                        f"= {delta:.6g}"
                    )
                elif self.activations[at] == "softmax":
                    lines.append(f"{where} a - y = {self.a[-1][i]:.6g} - {self.y[i]:.6g} = {delta:.6g}")
                else:
                    lines.append(
                        f"{where} sigma'(z) * dC/da = {self.slopes[at][i]:.6g} * ({self.a[-1][i]:.6g} - "
                        f"{self.y[i]:.6g}) = {delta:.6g}"
                    )
        return lines

    def _gradients(self) -> list[str]:
        lines = ["GRADIENTS: dC/dw = a * delta"]
        for at, delta in enumerate(self.delta):
            for i, d in enumerate(delta):
                for j, a in enumerate(self.a[at]):
                    lines.append(f"layer {at + 1} w from {j + 1} to {i + 1}: {a:.6g} * {d:.6g} = {a * d:.6g}")
                lines.append(f"layer {at + 1} b of {i + 1}: {d:.6g}")
        return lines


def trace(
    weights: Sequence[Any],
    biases: Sequence[Any],
    *,
    x: Sequence[float] | Array,
    y: Sequence[float] | Array,
    activation: str = "sigmoid",
    output: str | None = None,
    loss: str = "squared-error",
) -> Trace:
    """Both passes on one example.

    weights: W^l, (units, inputs) each. activation: of every layer; output: of the last one, if another. loss:
    "squared-error", C = 1/2 sum (a - y)^2; or "cross-entropy", C = -sum y ln a with a softmax as the last layer. Raises
    ValueError where shapes or names do not fit.
    """
    Ws, bs = tuple(np.asarray(W, float) for W in weights), tuple(np.asarray(b, float) for b in biases)
    target = np.asarray(y, float)
    last = "softmax" if loss == "cross-entropy" else output or activation
    names = (*(activation for _ in Ws[1:]), last)
    for given, known in ((activation, tuple(SIGMA)), (last, (*SIGMA, "softmax")), (loss, LOSSES)):
        if given not in known:
            raise ValueError(f"trace knows no {given!r}; give one of {', '.join(known)}.")
    if loss == "cross-entropy" and output not in (None, "softmax"):
        raise ValueError(f"trace: cross-entropy stands on a softmax, not on {output!r}; leave output out.")
    if loss != "cross-entropy" and last == "softmax":
        raise ValueError("trace: a softmax goes with loss='cross-entropy'.")
    a = [np.asarray(x, float)]
    zs, slopes = [], []
    for at, (W, b, name) in enumerate(zip(Ws, bs, names, strict=True)):
        if W.shape != (len(b), len(a[-1])):
            raise ValueError(
                f"trace: W of layer {at + 1} has shape {W.shape}; it must be {(len(b), len(a[-1]))}, neurons by inputs."
            )
        z = W @ a[-1] + b
        zs.append(z)
        if name == "softmax":
            a.append(np.exp(log_softmax(z)))
            slopes.append(np.ones_like(z))
        else:
            sigma, slope = SIGMA[name]
            a.append(sigma(z))
            slopes.append(slope(z, a[-1]))
    if target.shape != a[-1].shape:
        raise ValueError(f"trace: y has shape {target.shape}; the last layer gives {a[-1].shape}.")
    if loss == "cross-entropy":
        if not np.isclose(target.sum(), 1) or target.min() < 0:
            raise ValueError(f"trace: with cross-entropy y is a distribution over classes, not {target.tolist()}.")
        value, delta = -float(target @ log_softmax(zs[-1])), a[-1] - target
    else:
        value, delta = 0.5 * float(((a[-1] - target) ** 2).sum()), slopes[-1] * (a[-1] - target)
    deltas = [delta]
    for at in range(len(Ws) - 2, -1, -1):
        deltas.insert(0, slopes[at] * (Ws[at + 1].T @ deltas[0]))
    return Trace(Ws, bs, target, tuple(zs), tuple(a), tuple(slopes), value, tuple(deltas), names)
