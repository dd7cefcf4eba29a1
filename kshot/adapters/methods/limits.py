"""What numbers a method's hyperparameters may be, by name: peft's and kshot's share the papers' words.

A mistake is told before a model is loaded, where a library would tell it in its own words, later, or not at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kshot.types import UserError

if TYPE_CHECKING:
    from kshot.adapters.methods.by_name import Method

CONTEXT = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")  # as configurations call it
WIDTHS = ("hidden_size", "n_embd", "d_model", "embedding_size")  # no weight has a higher rank
LOW_RANK = ("LORA", "DORA", "ADALORA")  # whose r is the rank of an update
LARGEST = 65_536  # no model is as wide; beyond it there is a typing mistake, and all memory is taken
COUNTS = (
    *("r", "init_r", "target_r", "deltaT", "num_virtual_tokens", "encoder_hidden_size", "encoder_num_layers"),
    *("bottleneck_dim", "adapter_len", "adapter_layers"),
)
ABOVE_ZERO = ("lora_alpha",)
OTHER_WAY = {"r": ("oft_block_size",)}  # where one of these is given, 0 says that it decides


def check_fits(method: Method, config: Mapping[str, Any]) -> None:
    """Raises UserError where a model of that configuration (its config.json) has no room for a method's numbers.

    >>> from kshot.adapters.methods import get_method
    >>> check_fits(get_method("prompt-tuning:num_virtual_tokens=2048"), {"n_positions": 2048})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    kshot.types.UserError: num_virtual_tokens is 2048 and the model's context holds 2048: ...
    """
    own = config.get("text_config")
    fields = {**config, **(own if isinstance(own, Mapping) else {})}
    numbers = {name: value for name, value in fields.items() if type(value) is int and value > 0}
    context = next((numbers[name] for name in CONTEXT if name in numbers), None)
    given = {name: value for name, value in method.params.items() if type(value) is int}
    check_context(given.get("num_virtual_tokens"), context)
    widths = [numbers[name] for name in WIDTHS if name in numbers]
    if {"hidden_size_per_layer_input", "num_hidden_layers"} <= numbers.keys():
        widths.append(numbers["hidden_size_per_layer_input"] * numbers["num_hidden_layers"])
    if widths and method.kind in LOW_RANK:
        check_rank(given.get("init_r") or given.get("r"), max(widths))


def check_context(tokens: int | None, context: int | None) -> None:
    """Raises UserError where so many virtual tokens fill a context."""
    if tokens and context and tokens >= context:
        raise UserError(
            f"num_virtual_tokens is {tokens} and the model's context holds {context}: no prompt fits behind; use fewer."
        )


def check_rank(rank: int | None, widest: int) -> None:
    """Raises UserError where an update's rank is above that of any weight."""
    if rank and rank > widest:
        raise UserError(f"the rank is {rank} and no weight of the model has a rank above {widest}; lower it.")


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
