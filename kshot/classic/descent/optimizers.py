"""Optimisers, the formula next to each (Hung-yi Lee, "Gradient Descent"; "Tips for Training").

Meets: torch.optim's argument names, defaults and numbers, to 1e-9 over 100 steps. Concedes: one array at a time, such
as a network's parameters, which are one vector; every update here is elementwise. `maximize`, `amsgrad` and the like
are left to torch.

w: the weights, g: the gradient of the loss at w, both of one shape and of either precision; t counts updates from 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from kshot.classic.data.inputs import Values


class Optimizer:
    """Turns a gradient into an update of the weights, in place: `optimizer.step(w, g)`; g is left as it is.

    One optimiser goes with one array, of which it keeps its running means; `lr` may be changed between steps. Raises
    ValueError where a hyperparameter is out of its bounds.
    """

    lr: float

    def step(self, w: Values, g: Values) -> None:
        """One update of the weights."""
        raise NotImplementedError

    def check(self, **bounds: tuple[float, float]) -> None:
        """Raises ValueError where a hyperparameter is not a number from low up to, and without, high."""
        for name, (low, high) in {"lr": (0, math.inf), **bounds}.items():
            value = getattr(self, name)
            if not isinstance(value, int | float | np.integer | np.floating) or not low <= value < high:
                below = "" if high == math.inf else f" and below {high:g}"
                raise ValueError(f"{type(self).__name__}: {name} is {value!r}; it must be at least {low:g}{below}.")

    def check_betas(self, betas: tuple[float, float]) -> None:
        """Raises ValueError where one of the two shares is not in [0, 1)."""
        pair = isinstance(betas, Sequence) and len(betas) == 2
        if not pair or not all(isinstance(beta, int | float) and 0 <= beta < 1 for beta in betas):
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
        self.v: Values | None = None
        self.check(momentum=(0, math.inf), weight_decay=(0, math.inf))
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("SGD: nesterov needs momentum above 0 and dampening 0.")

    def step(self, w: Values, g: Values) -> None:
        if self.weight_decay:
            g = g + self.weight_decay * w
        if self.momentum:
            if self.v is None:
                self.v = g.copy()
            else:
                self.v *= self.momentum
                self.v += (1 - self.dampening) * g
            g = g + self.momentum * self.v if self.nesterov else self.v
        w -= self.lr * g


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
        self.s: Values | None = None
        self.t = 0

    def step(self, w: Values, g: Values) -> None:
        if self.s is None:
            self.s = np.full_like(w, self.initial_accumulator_value)
        if self.weight_decay:
            g = g + self.weight_decay * w
        self.t += 1
        self.s += g**2
        w -= self.lr / (1 + (self.t - 1) * self.lr_decay) * g / (np.sqrt(self.s) + self.eps)


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
        self.check(alpha=(0, 1), **dict.fromkeys(("eps", "weight_decay", "momentum"), (0, math.inf)))
        self.means: tuple[Values, Values, Values] | None = None  # s, m and v

    def step(self, w: Values, g: Values) -> None:
        if self.means is None:
            self.means = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
        s, m, v = self.means
        if self.weight_decay:
            g = g + self.weight_decay * w
        s *= self.alpha
        s += (1 - self.alpha) * g**2
        spread = s
        if self.centered:
            m *= self.alpha
            m += (1 - self.alpha) * g
            spread = np.maximum(s - m**2, 0.0)  # rounding alone can leave it below 0
        v *= self.momentum
        v += g / (np.sqrt(spread) + self.eps)
        w -= self.lr * v


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
        self.means: tuple[Values, Values, Values] | None = None  # m, v, and room for what is worked out
        self.t = 0

    def step(self, w: Values, g: Values) -> None:
        self.adapt(w, g + self.weight_decay * w if self.weight_decay else g)

    def adapt(self, w: Values, g: Values) -> None:
        """The update without weight decay, in arrays made once: it is most of what a small network's step costs."""
        if self.means is None:
            self.means = np.zeros_like(w), np.zeros_like(w), np.empty_like(w)
        (m, v, room), (beta1, beta2) = self.means, self.betas
        self.t += 1
        np.multiply(m, beta1, out=m)  # m <- beta1 m + (1 - beta1) g
        np.add(m, np.multiply(g, 1 - beta1, out=room), out=m)
        np.multiply(v, beta2, out=v)  # v <- beta2 v + (1 - beta2) g^2
        np.multiply(g, g, out=room)
        np.add(v, np.multiply(room, 1 - beta2, out=room), out=v)
        np.sqrt(v, out=room)  # w <- w - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
        np.divide(room, np.sqrt(1 - beta2**self.t), out=room)
        np.add(room, self.eps, out=room)
        np.divide(m, room, out=room)
        np.subtract(w, np.multiply(room, self.lr / (1 - beta1**self.t), out=room), out=w)


class AdamW(Adam):
    """Adam, the weights shrunk apart from the gradient (Loshchilov and Hutter 2019, algorithm 2).

    w <- w - lr weight_decay w - Adam's update.
    """

    def __init__(
        self,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay)

    def step(self, w: Values, g: Values) -> None:
        shrunk = self.lr * self.weight_decay * w  # before the update, of which it is no part
        self.adapt(w, g)
        w -= shrunk
