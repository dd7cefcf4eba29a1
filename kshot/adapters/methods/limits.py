"""What numbers a method's hyperparameters may be, by name: peft's and kshot's share the papers' words.

A mistake is told before a model is loaded, where a library would tell it in its own words, later, or not at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from kshot.types import UserError

LARGEST = 65_536  # no model is as wide; beyond it there is a typing mistake, and all memory is taken
COUNTS = (
    *("r", "init_r", "target_r", "deltaT", "num_virtual_tokens", "encoder_hidden_size", "encoder_num_layers"),
    *("bottleneck_dim", "adapter_len", "adapter_layers"),
)
ABOVE_ZERO = ("lora_alpha",)
OTHER_WAY = {"r": ("oft_block_size",)}  # where one of these is given, 0 says that it decides


def check_limits(what: str, params: Mapping[str, Any]) -> None:
    """Raises UserError for the first hyperparameter that no method can have.

    >>> check_limits("lora", {"r": 0})
    Traceback (most recent call last):
        ...
    kshot.types.UserError: lora: r is 0; it must be at least 1.
    """
    for name, value in params.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        least = 0 if any(params.get(other) for other in OTHER_WAY.get(name, ())) else 1
        if not math.isfinite(value):
            raise UserError(f"{what}: {name} is {value}; give a number.")
        if name in COUNTS and value < least:
            raise UserError(f"{what}: {name} is {value}; it must be at least {least}.")
        if name in COUNTS and (value > LARGEST or value != int(value)):
            raise UserError(f"{what}: {name} is {value}; it must be a whole number, at most {LARGEST}.")
        if name.endswith("dropout") and not 0 <= value < 1:
            raise UserError(f"{what}: {name} is {value}; it is a share, from 0 to below 1.")
        if name in ABOVE_ZERO and value <= 0:
            raise UserError(f"{what}: {name} is {value}; it must be above 0.")
