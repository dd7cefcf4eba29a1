"""The layers of a network as the lecture has them: a forward pass with matrices, and a backward pass with deltas.

Meets: backpropagation layer by layer (Hung-yi Lee, "Backpropagation"): going forward each layer keeps what it was
given, a; going backward it is handed delta = dC/dz of its result, writes dC/dw = a * delta into its gradients and hands
dC/da on. Rows are examples, so the lecture's column vectors stand here as rows: z = a W + b. Gradients are written in
place into arrays that a network owns. Concedes: one forward pass at a time; nothing but chains and skips.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax

from kshot.classic.data.inputs import Values
from kshot.classic.networks.convolution import as_maps, as_rows, extent, patches, scattered

Shape = tuple[int, ...]


class Layer:
    """One step of a network, on batches of examples; shapes are those of one example, without the batch."""

    parameters: dict[str, Values]  # views into the network's own vector
    gradients: dict[str, Values]  # dC/dparameter of the last backward pass, the same shapes

    def build(self, shape: Shape) -> tuple[Shape, dict[str, Shape]]:
        """The result's shape, and the shape of each parameter. Raises ValueError where the layer cannot take it."""
        return shape, {}

    def start(self, rng: np.random.Generator) -> None:
        """Fills the parameters with where training starts."""

    def averages(self) -> list[Values]:
        """What a layer learns without a gradient: batch norm's running averages."""
        return []

    def forward(self, a: Values, *, training: bool) -> Values:
        """z of a batch."""
        raise NotImplementedError

    def backward(self, delta: Values, *, onward: bool = True) -> Values | None:
        """dC/dz -> dC/da, and the gradients of the parameters; where none wants dC/da (`onward` false), None."""
        raise NotImplementedError


class Dense(Layer):
    """z = a W + b: (rows, inputs) -> (rows, units)."""

    def __init__(self, units: int, *, gain: float = 2.0) -> None:
        self.units = units
        self.gain = gain  # 2 before relu (He et al. 2015, equation 10), 1 before tanh and sigmoid (Glorot)

    def build(self, shape: Shape) -> tuple[Shape, dict[str, Shape]]:
        if len(shape) != 1:
            raise ValueError(f"Dense takes rows of numbers, not examples of shape {shape}; put Flatten before it.")
        return (self.units,), {"W": (shape[0], self.units), "b": (self.units,)}

    def start(self, rng: np.random.Generator) -> None:
        W = self.parameters["W"]
        W[...] = rng.normal(0.0, np.sqrt(self.gain / len(W)), W.shape)
        self.parameters["b"][...] = 0

    def forward(self, a: Values, *, training: bool) -> Values:
        self.a = a
        z: Values = a @ self.parameters["W"]
        z += self.parameters["b"]
        return z

    def backward(self, delta: Values, *, onward: bool = True) -> Values | None:
        np.matmul(self.a.T, delta, out=self.gradients["W"])  # dC/dw_ij = sum_n a_ni delta_nj
        np.sum(delta, axis=0, out=self.gradients["b"])
        return delta @ self.parameters["W"].T if onward else None


class Convolution(Layer):
    """Kernels moved over images, the same weights everywhere: (channels, h, w) -> (kernels, down, across)."""

    def __init__(self, kernels: int, size: int, *, stride: int = 1, padding: int = 0) -> None:
        self.kernels = kernels
        self.size = size
        self.stride = stride
        self.padding = padding

    def build(self, shape: Shape) -> tuple[Shape, dict[str, Shape]]:
        if len(shape) != 3:
            raise ValueError(f"Convolution takes (channels, height, width), not {shape}.")
        sides = tuple(extent(side, self.size, self.stride, self.padding) for side in shape[1:])
        self.places = sides
        return (self.kernels, *sides), {"W": (self.kernels, shape[0] * self.size**2), "b": (self.kernels,)}

    def start(self, rng: np.random.Generator) -> None:
        W = self.parameters["W"]
        W[...] = rng.normal(0.0, np.sqrt(2.0 / W.shape[1]), W.shape)
        self.parameters["b"][...] = 0

    def forward(self, a: Values, *, training: bool) -> Values:
        self.shape = a.shape
        self.columns = patches(a, (self.size, self.size), stride=self.stride, padding=self.padding)
        z = self.columns @ self.parameters["W"].T
        z += self.parameters["b"]
        return as_maps(z, len(a), *self.places)

    def backward(self, delta: Values, *, onward: bool = True) -> Values | None:
        rows = as_rows(delta)
        np.matmul(rows.T, self.columns, out=self.gradients["W"])
        np.sum(rows, axis=0, out=self.gradients["b"])
        if not onward:
            return None
        kernel = (self.size, self.size)
        into = rows @ self.parameters["W"]
        return scattered(into, self.shape, kernel, stride=self.stride, padding=self.padding)


class Flatten(Layer):
    """(channels, height, width) -> (numbers,)."""

    def build(self, shape: Shape) -> tuple[Shape, dict[str, Shape]]:
        return (int(np.prod(shape)),), {}

    def forward(self, a: Values, *, training: bool) -> Values:
        self.shape = a.shape
        return a.reshape(len(a), -1)

    def backward(self, delta: Values, *, onward: bool = True) -> Values | None:
        return delta.reshape(self.shape)


class Unflatten(Layer):
    """(numbers,) -> another shape of as many, such as an image's."""

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = tuple(shape)

    def build(self, shape: Shape) -> tuple[Shape, dict[str, Shape]]:
        if np.prod(self.shape) != np.prod(shape):
            raise ValueError(f"Unflatten makes {self.shape} of as many numbers, not of shape {shape}.")
        return self.shape, {}

    def forward(self, a: Values, *, training: bool) -> Values:
        return a.reshape(len(a), *self.shape)

    def backward(self, delta: Values, *, onward: bool = True) -> Values | None:
        return delta.reshape(len(delta), -1)


class Relu(Layer):
    """a = max(z, 0); sigma'(z) is 1 above 0, else 0."""

    def forward(self, a: Values, *, training: bool) -> Values:
        self.result: Values = np.maximum(a, 0)
        return self.result

    def backward(self, delta: Values, *, onward: bool = True) -> Values | None:
        handed: Values = delta * (self.result > 0)
        return handed


class Tanh(Layer):
    """a = tanh z; sigma'(z) = 1 - a^2."""

    def forward(self, a: Values, *, training: bool) -> Values:
        self.result: Values = np.tanh(a)
        return self.result

    def backward(self, delta: Values, *, onward: bool = True) -> Values | None:
        handed: Values = delta * (1 - self.result**2)
        return handed


class Sigmoid(Layer):
    """a = 1 / (1 + e^-z); sigma'(z) = a (1 - a)."""

    def forward(self, a: Values, *, training: bool) -> Values:
        self.result: Values = np.asarray(expit(a))
        return self.result

    def backward(self, delta: Values, *, onward: bool = True) -> Values | None:
        handed: Values = delta * self.result * (1 - self.result)
        return handed


ACTIVATIONS: dict[str, type[Layer]] = {"relu": Relu, "tanh": Tanh, "sigmoid": Sigmoid}


class Dropout(Layer):
    """While training each value is 0 with probability p and else 1 / (1 - p) as large (Srivastava et al. 2014)."""

    def __init__(self, p: float, rng: np.random.Generator) -> None:
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p is {p!r}; it must be at least 0 and below 1.")
        self.p = p
        self.rng = rng

    def forward(self, a: Values, *, training: bool) -> Values:
        self.mask: Values | None = None
        if not training or self.p == 0:
            return a
        kept = self.rng.random(a.shape, dtype=np.float32) >= self.p
        self.mask = kept * a.dtype.type(1 / (1 - self.p))
        return a * self.mask

    def backward(self, delta: Values, *, onward: bool = True) -> Values | None:
        return delta if self.mask is None else delta * self.mask


class BatchNorm(Layer):
    """gamma * (a - mean) / sqrt(var + eps) + beta, each column or channel by itself (Ioffe and Szegedy 2015).

    While training mean and var are the batch's, and their running averages are kept for later (torch's `momentum`, and
    torch's unbiased variance among them).
    """

    def __init__(self, *, momentum: float = 0.1, eps: float = 1e-5) -> None:
        self.momentum = momentum
        self.eps = eps

    def build(self, shape: Shape) -> tuple[Shape, dict[str, Shape]]:
        self.axes = (0, *range(2, len(shape) + 1))
        self.column = (1, -1, *(1,) * (len(shape) - 1))
        self.mean = np.zeros(shape[0])
        self.variance = np.ones(shape[0])
        return shape, {"gamma": (shape[0],), "beta": (shape[0],)}

    def start(self, rng: np.random.Generator) -> None:
        self.parameters["gamma"][...] = 1
        self.parameters["beta"][...] = 0
        self.mean[...] = 0
        self.variance[...] = 1

    def averages(self) -> list[Values]:
        return [self.mean, self.variance]

    def forward(self, a: Values, *, training: bool) -> Values:
        self.training = training
        gamma, beta = (self.parameters[name].reshape(self.column) for name in ("gamma", "beta"))
        if training:
            mean = a.mean(axis=self.axes)
            centred = a - mean.reshape(self.column)
            variance = (centred**2).mean(axis=self.axes)
            n = a.size // a.shape[1]
            if n == 1:
                raise ValueError("batch norm has nothing to average in a batch of one example; make batches larger.")
            self.mean += self.momentum * (mean - self.mean)
            self.variance += self.momentum * (variance * n / (n - 1) - self.variance)
        else:
            centred = a - self.mean.reshape(self.column).astype(a.dtype)
            variance = self.variance.astype(a.dtype)
        self.spread = np.sqrt(variance + a.dtype.type(self.eps)).reshape(self.column)
        self.normal = centred / self.spread
        z: Values = gamma * self.normal + beta
        return z

    def backward(self, delta: Values, *, onward: bool = True) -> Values | None:
        np.sum(delta * self.normal, axis=self.axes, out=self.gradients["gamma"])
        np.sum(delta, axis=self.axes, out=self.gradients["beta"])
        if not onward:
            return None
        g = delta * self.parameters["gamma"].reshape(self.column)  # dC/dnormal
        if self.training:  # mean and var hang on every a: no part along 1 or along the normalised a goes back
            g = g - g.mean(axis=self.axes, keepdims=True)
            g -= self.normal * (g * self.normal).mean(axis=self.axes, keepdims=True)
        g /= self.spread
        return g


class Residual(Layer):
    """a + f(a), f a chain of layers that keeps the shape (He et al. 2016, equation 1): the slope of 1 goes around f."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = tuple(layers)

    def build(self, shape: Shape) -> tuple[Shape, dict[str, Shape]]:
        needs: dict[str, Shape] = {}
        through = shape
        for at, layer in enumerate(self.layers):
            through, own = layer.build(through)
            needs |= {f"{at}.{name}": size for name, size in own.items()}
        if through != shape:
            raise ValueError(f"Residual adds f(a) to a, but f makes {through} of {shape}.")
        return shape, needs

    def start(self, rng: np.random.Generator) -> None:
        for at, layer in enumerate(self.layers):
            mine = f"{at}."
            layer.parameters = {n.removeprefix(mine): v for n, v in self.parameters.items() if n.startswith(mine)}
            layer.gradients = {n.removeprefix(mine): v for n, v in self.gradients.items() if n.startswith(mine)}
            layer.start(rng)

    def averages(self) -> list[Values]:
        return [values for layer in self.layers for values in layer.averages()]

    def forward(self, a: Values, *, training: bool) -> Values:
        through = a
        for layer in self.layers:
            through = layer.forward(through, training=training)
        return a + through

    def backward(self, delta: Values, *, onward: bool = True) -> Values | None:
        through = delta
        for at in reversed(range(len(self.layers))):
            part = self.layers[at].backward(through, onward=onward or at > 0)
            if part is None:
                return None
            through = part
        return delta + through


def softmax_cross_entropy(z: Values, labels: NDArray[np.intp]) -> tuple[float, Values]:
    """C = mean over rows of -ln softmax(z)_y, and dC/dz = (softmax(z) - one_hot(y)) / rows.

    Raises ValueError where a label is no class index: one below 0 would be taken for a class from the end.
    """
    if labels.shape != z.shape[:1] or not 0 <= labels.min(initial=0) <= labels.max(initial=0) < z.shape[1]:
        raise ValueError(f"softmax_cross_entropy takes a label in 0..{z.shape[1] - 1} for each of {len(z)} rows.")
    rows = np.arange(len(z))
    logs: Values = log_softmax(z, axis=1)
    loss = -float(logs[rows, labels].mean())
    delta = np.exp(logs, out=logs)
    delta[rows, labels] -= 1
    delta /= len(z)
    return loss, delta


def squared_error(z: Values, targets: Values) -> tuple[float, Values]:
    """C = mean over rows and outputs of (z - y)^2, and dC/dz = 2 (z - y) / (rows * outputs).

    Raises ValueError where targets have not z's shape; those of one output may as well be (rows,).
    """
    if targets.shape != z.shape and (*targets.shape, 1) != z.shape:
        raise ValueError(f"squared_error takes targets of shape {z.shape}, not {targets.shape}.")
    off = z - targets.reshape(z.shape)
    return float((off**2).mean()), off * z.dtype.type(2 / off.size)
