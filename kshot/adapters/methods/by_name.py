"""Any method that peft has, by its name: `peft:OFT,r=8`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from kshot.adapters.methods.registry import METHODS, Base, Built, with_peft
from kshot.registry import suggest
from kshot.spec import split_outside_parentheses, write_value
from kshot.types import UserError

HEAD = "peft:"
MIXED = ("XLORA", "MIXED", "MULTITASK_PROMPT_TUNING", "POLY")  # these need other adapters, or a task's number
SET_BY_US = ("peft_type", "task_type", "inference_mode", "base_model_name_or_path", "revision", "auto_mapping")


def get_method(spec: str) -> tuple[str, Callable[[Base], Built]]:
    """A specification's canonical form, and the method with its hyperparameters bound. Raises UserError.

    >>> get_method("lora:lora_alpha=32,r=8")[0]
    'lora:lora_alpha=32'
    """
    if not spec.strip().startswith(HEAD):
        _, function, params = METHODS.parse(spec)
        return METHODS.canonical(spec), lambda base: function(base, **params)
    name, *rest = split_outside_parentheses(spec.strip().removeprefix(HEAD)) or [""]
    config_class = config_of(name)
    fields = {f.name: f for f in dataclasses.fields(config_class) if f.init and f.name not in SET_BY_US}
    given: dict[str, Any] = {}
    for part in rest:
        key, equals, text = (piece.strip() for piece in part.partition("="))
        if not equals or key not in fields:
            raise UserError(f"peft's {name} has no parameter {key!r}: {suggest(key, fields)}")
        given[key] = value_of(text, "list" in str(fields[key].type))
    listed = "".join(f",{key}={write_value(tuple(v) if isinstance(v, list) else v)}" for key, v in given.items())

    # OFT's block size is the other way to say r, of which peft takes only one
    other = {"oft_block_size": 0} if name.upper() == "OFT" and given.get("r") else {}

    def build(base: Base) -> Built:
        try:
            config = config_class(**{**other, **given})
        except (ValueError, TypeError) as error:
            raise UserError(f"peft's {name} refuses these hyperparameters ({error}); change them.") from error
        return with_peft(base, config)

    return f"{HEAD}{name.upper()}{listed}", build


def config_of(name: str) -> Any:
    """peft's configuration class of that name. Raises UserError, with the nearest names."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    known = {kind.value: config for kind, config in PEFT_TYPE_TO_CONFIG_MAPPING.items() if kind.value not in MIXED}
    if name.upper() not in known:
        raise UserError(f"unknown method {name!r} of peft's: {suggest(name.upper(), known)}")
    return known[name.upper()]


def value_of(text: str, many: bool) -> Any:
    """A hyperparameter from its text: JSON where it is that, names written a+b where peft takes a list, else text."""
    plain = text.lower() if text.lower() in ("true", "false") else "null" if text.lower() == "none" else text
    try:
        return json.loads(plain)
    except json.JSONDecodeError:
        return [part for part in text.split("+") if part] if many and text != "all-linear" else text
