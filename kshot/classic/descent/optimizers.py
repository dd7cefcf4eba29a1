"""Optimisers and step schedules, the formula next to each (Hung-yi Lee, "Gradient Descent"; "Tips for Training").

Meets: torch.optim's argument names, defaults and numbers, to 1e-6 over 100 steps; `descend` goes down any loss by the
whole batch, mini-batches or single rows, and keeps its path. Concedes: one array at a time; every update here is
elementwise, so that a network with several arrays takes a copy of the optimiser each, or one flat array. `maximize`,
`amsgrad` and the like are left to torch.

w: the weights, g: the gradient of the loss at w, both of one shape; t counts updates from 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kshot.classic.data.inputs import Array

Rows = NDArray[np.intp] | slice
"""Which rows a loss is taken over."""

RowsObjective = Callable[[Array, Rows], tuple[float, Array]]
"""(weights, rows) -> (mean loss over those rows, its gradient). A surface without data ignores the rows."""

ALL: Rows = slice(None)


class Optimizer:
    """Turns a gradient into an update: `w = optimizer.step(w, g)`. `lr` may be changed between steps.

    Raises ValueError where a hyperparameter is out of its bounds.
    """

    lr: float

    def step(self, w: Array, g: Array) -> Array:
        """The weights after one update."""
        raise NotImplementedError

    def check(self, **bounds: tuple[float, float]) -> None:
        """Raises ValueError where a hyperparameter is not a number from low up to, and without, high."""
        for name, (low, high) in {"lr": (0, math.inf), **bounds}.items():
            value = getattr(self, name)
            if not low <= value < high:
                below = "" if high == math.inf else f" and below {high:g}"
                raise ValueError(f"{type(self).__name__}: {name} is {value!r}; it must be at least {low:g}{below}.")

    def check_betas(self, betas: tuple[float, float]) -> None:
        """Raises ValueError where one of the two shares is not in [0, 1)."""
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(
                f"{type(self).__name__}: betas is {betas!r}; it must be two numbers of at least 0, below 1."
            )


class SGD(Optimizer):
    """Gradient descent, with momentum: the update remembers the ones before.

        v <- momentum v + (1 - dampening) g      the first v is g
        w <- w - lr v                            Nesterov: w <- w - lr (g + momentum v)

    (Polyak 1964; Nesterov 1983 in the form of Sutskever et al. 2013.) weight_decay adds weight_decay w to g: the
    gradient of weight_decay/2 |w|^2.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        self.lr, self.momentum, self.dampening = lr, momentum, dampening
        self.weight_decay, self.nesterov = weight_decay, nesterov
        self.v: Array | None = None
        self.check(momentum=(0, math.inf), weight_decay=(0, math.inf))
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("SGD: nesterov needs momentum above 0 and dampening 0.")

    def step(self, w: Array, g: Array) -> Array:
        g = g + self.weight_decay * w
        if self.momentum:
            self.v = g if self.v is None else self.momentum * self.v + (1 - self.dampening) * g
            g = g + self.momentum * self.v if self.nesterov else self.v
        return w - self.lr * g


class Adagrad(Optimizer):
    """Each weight's step is divided by the root of all its squared gradients so far (Duchi et al. 2011).

        s <- s + g^2
        w <- w - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)

    The lecture's form, eta^t / sigma^t with eta^t = eta / sqrt(t + 1) and sigma^t the root mean square of the
    gradients: sqrt(t + 1) cancels.
    """

    def __init__(
        self,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        self.lr, self.lr_decay, self.weight_decay = lr, lr_decay, weight_decay
        self.initial_accumulator_value, self.eps = initial_accumulator_value, eps
        self.check(**dict.fromkeys(("lr_decay", "weight_decay", "initial_accumulator_value", "eps"), (0, math.inf)))
        self.s: Array | float = initial_accumulator_value
        self.t = 0

    def step(self, w: Array, g: Array) -> Array:
        g = g + self.weight_decay * w
        self.t += 1
        self.s = self.s + g**2
        return w - self.lr / (1 + (self.t - 1) * self.lr_decay) * g / (np.sqrt(self.s) + self.eps)


class RMSprop(Optimizer):
    """As Adagrad, but old gradients are forgotten: sigma is a moving root mean square (Hinton 2012, lecture 6e).

        s <- alpha s + (1 - alpha) g^2
        w <- w - lr g / (sqrt(s) + eps)

    centered: the variance s - m^2 instead of s, with m <- alpha m + (1 - alpha) g (Graves 2013, section 4.2).
    momentum: v <- momentum v + g / (sqrt(s) + eps) and w <- w - lr v.
    """

    def __init__(
        self,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        self.lr, self.alpha, self.eps = lr, alpha, eps
        self.weight_decay, self.momentum, self.centered = weight_decay, momentum, centered
        self.check(**dict.fromkeys(("alpha", "eps", "weight_decay", "momentum"), (0, math.inf)))
        self.s: Array | float = 0.0
        self.m: Array | float = 0.0
        self.v: Array | float = 0.0

    def step(self, w: Array, g: Array) -> Array:
        g = g + self.weight_decay * w
        self.s = self.alpha * self.s + (1 - self.alpha) * g**2
        spread = self.s
        if self.centered:
            self.m = self.alpha * self.m + (1 - self.alpha) * g
            spread = np.maximum(self.s - self.m**2, 0.0)  # rounding alone can leave it below 0
        self.v = self.momentum * self.v + g / (np.sqrt(spread) + self.eps)
        return w - self.lr * self.v


class Adam(Optimizer):
    """RMSprop with momentum, both means corrected for having begun at 0 (Kingma and Ba 2015, algorithm 1).

        m <- beta1 m + (1 - beta1) g         m^ = m / (1 - beta1^t)
        v <- beta2 v + (1 - beta2) g^2       v^ = v / (1 - beta2^t)
        w <- w - lr m^ / (sqrt(v^) + eps)

    weight_decay adds weight_decay w to g, and is so divided by sqrt(v^) as well; AdamW is without that.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.check(eps=(0, math.inf), weight_decay=(0, math.inf))
        self.check_betas(betas)
        self.m: Array | float = 0.0
        self.v: Array | float = 0.0
        self.t = 0

    def step(self, w: Array, g: Array) -> Array:
        return self.adapt(w, g + self.weight_decay * w)

    def adapt(self, w: Array, g: Array) -> Array:
        """The update without weight decay."""
        beta1, beta2 = self.betas
        self.t += 1
        self.m = beta1 * self.m + (1 - beta1) * g
        self.v = beta2 * self.v + (1 - beta2) * g**2
        m, v = self.m / (1 - beta1**self.t), self.v / (1 - beta2**self.t)
        return w - self.lr * m / (np.sqrt(v) + self.eps)


class AdamW(Adam):
    """Adam, the weights shrunk apart from the gradient (Loshchilov and Hutter 2019, algorithm 2).

    w <- w - lr weight_decay w, then Adam's update.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay)

    def step(self, w: Array, g: Array) -> Array:
        return self.adapt(w - self.lr * self.weight_decay * w, g)


Schedule = Callable[[float, int], float]
"""(lr at the start, updates made so far) -> lr of the next update."""


def constant(lr: float, t: int) -> float:
    """lr, always."""
    return lr


def inverse_sqrt(lr: float, t: int) -> float:
    """lr / sqrt(t + 1): the lecture's eta^t."""
    return lr / math.sqrt(t + 1)


def step_decay(step_size: int, gamma: float = 0.1) -> Schedule:
    """lr gamma^floor(t / step_size): torch's StepLR."""
    return lambda lr, t: lr * gamma ** (t // step_size)


def exponential(gamma: float) -> Schedule:
    """lr gamma^t: torch's ExponentialLR."""
    return lambda lr, t: lr * gamma**t


def cosine(T_max: int, eta_min: float = 0.0) -> Schedule:
    """eta_min + (lr - eta_min) (1 + cos(pi t / T_max)) / 2: torch's CosineAnnealingLR (Loshchilov and Hutter 2017)."""
    return lambda lr, t: eta_min + (lr - eta_min) * (1 + math.cos(math.pi * t / T_max)) / 2


def warm_up(total_iters: int, start_factor: float = 1 / 3, then: Schedule = constant) -> Schedule:
    """A line from start_factor lr up to lr over total_iters updates (torch's LinearLR), then another schedule."""

    def schedule(lr: float, t: int) -> float:
        if t >= total_iters:
            return then(lr, t - total_iters)
        return lr * (start_factor + (1 - start_factor) * t / total_iters)

    return schedule


@dataclass(frozen=True, slots=True)
class Descent:
    """Where an optimiser went; one entry before the first update and one after every `every` updates."""

    updates: NDArray[np.intp]  # made so far
    path: Array  # the weights, (entries, *weights)
    losses: Array  # over all rows
    slopes: Array  # the Euclidean norm of the gradient over all rows

    @property
    def weights(self) -> Array:
        """Where it ended."""
        last: Array = self.path[-1]
        return last

    def updates_to(self, loss: float) -> int | None:
        """Updates until the loss over all rows was at or below `loss` for good; None where it ended above."""
        above = np.flatnonzero(~(self.losses <= loss))
        first = above[-1] + 1 if len(above) else 0
        return int(self.updates[first]) if first < len(self.updates) else None


def batches(rows: int, batch_size: int, random: np.random.Generator) -> Iterator[Rows]:
    """Endless mini-batches: every epoch all rows once, in a new order; the last of an epoch may be smaller.

    Raises ValueError.
    """
    if not 1 <= batch_size <= rows:
        raise ValueError(f"batch_size is {batch_size}; it must be from 1 to the {rows} rows.")
    while True:
        order = random.permutation(rows)
        yield from (order[first : first + batch_size] for first in range(0, rows, batch_size))


def descend(
    objective: RowsObjective,
    start: Array,
    optimizer: Optimizer,
    *,
    updates: int,
    draw: Iterator[Rows] | None = None,
    schedule: Schedule = constant,
    tol: float = 0.0,
    every: int = 1,
) -> Descent:
    """Goes down by `updates` updates, each on the next rows of `draw` (see `batches`; None: all rows every time).

    Stops where an entry's gradient over all rows is `tol` or shorter, and where the loss left all bounds. The optimiser
    should be a new one; its lr is put back afterwards. Raises ValueError.

    >>> found = descend(lambda w, rows: (float(w @ w), 2 * w), np.array([1.0]), SGD(lr=0.25), updates=3)
    >>> found.path.ravel().tolist()
    [1.0, 0.5, 0.25, 0.125]
    """
    if updates < 1 or every < 1:
        raise ValueError(f"updates is {updates} and every is {every}; both must be at least 1.")
    lr, w = optimizer.lr, np.array(start, dtype=np.float64)
    kept: list[tuple[int, Array, float, float]] = []
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # steps that are too large end in inf, which is kept
            for t in range(updates + 1):
                seen = draw is None or t % every == 0 or t == updates
                loss, whole = objective(w, ALL) if seen else (0.0, w)
                if t % every == 0 or t == updates:
                    kept.append((t, w, loss, float(np.linalg.norm(whole))))
                    if not np.isfinite(loss) or kept[-1][3] <= tol:
                        break
                if t < updates:
                    optimizer.lr = schedule(lr, t)
                    w = optimizer.step(w, whole if draw is None else objective(w, next(draw))[1])
    finally:
        optimizer.lr = lr
    made, path, losses, slopes = zip(*kept, strict=True)
    return Descent(np.array(made), np.array(path), np.array(losses), np.array(slopes))
