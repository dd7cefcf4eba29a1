"""Schedules: how long the next step is, after so many (Hung-yi Lee, "Error surface is rugged").

`descend(..., schedule=warm_up(100, then=cosine(900)))` follows one. Meets: torch.optim.lr_scheduler's numbers.

>>> schedule = warm_up(2, start_factor=0.5, then=step_decay(3))
>>> [round(schedule(1.0, t), 3) for t in range(7)]
[0.5, 0.75, 1.0, 1.0, 1.0, 0.1, 0.1]
"""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[float, int], float]
"""(lr at the start, updates made so far) -> lr of the next update."""


def constant(lr: float, t: int) -> float:
    """lr, always."""
    return lr


def inverse_sqrt(lr: float, t: int) -> float:
    """lr / sqrt(t + 1): the lecture's eta^t."""
    return lr / math.sqrt(t + 1)


def check(name: str, value: float, *, least: int = 1) -> None:
    """Raises ValueError where a number of updates is not whole or too small."""
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if not whole or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} is {value!r}; it must be a whole number of updates, at least {least}.")


def step_decay(step_size: int, gamma: float = 0.1) -> Schedule:
    """lr gamma^floor(t / step_size): torch's StepLR. Raises ValueError for a step_size below 1."""
    check("step_decay: step_size", step_size)
    return lambda lr, t: lr * gamma ** (t // step_size)


def exponential(gamma: float) -> Schedule:
    """lr gamma^t: torch's ExponentialLR."""
    return lambda lr, t: lr * gamma**t


def cosine(T_max: int, eta_min: float = 0.0) -> Schedule:
    """eta_min + (lr - eta_min) (1 + cos(pi t / T_max)) / 2: torch's CosineAnnealingLR (Loshchilov and Hutter 2017).

    Raises ValueError for a T_max below 1.
    """
    check("cosine: T_max", T_max)
    return lambda lr, t: eta_min + (lr - eta_min) * (1 + math.cos(math.pi * t / T_max)) / 2


def warm_up(total_iters: int, start_factor: float = 1 / 3, then: Schedule = constant) -> Schedule:
    """A line from start_factor lr up to lr over total_iters updates (torch's LinearLR), then another schedule.

    Raises ValueError for total_iters below 0, and for a start_factor that is not above 0 and at most 1.
    """
    check("warm_up: total_iters", total_iters, least=0)
    if not 0 < start_factor <= 1:
        raise ValueError(f"warm_up: start_factor is {start_factor!r}; it must be above 0 and at most 1.")

    def schedule(lr: float, t: int) -> float:
        if t >= total_iters:
            return then(lr, t - total_iters)
        return lr * (start_factor + (1 - start_factor) * t / total_iters)

    return schedule
