"""A method by its specification: one of the registry's, of a user's file, or of peft's (`peft:name=OFT,r=8`)."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kshot.adapters.methods.peft import with_peft
from kshot.adapters.methods.registry import METHODS, TRAITS, Base, Built, Traits
from kshot.registry import suggest
from kshot.spec import split_spec, write_spec
from kshot.types import UserError

PEFT = "peft"
MIXED = ("XLORA", "MIXED", "MULTITASK_PROMPT_TUNING", "POLY")  # these need other adapters, or a task's number
SET_BY_US = ("peft_type", "task_type", "inference_mode", "base_model_name_or_path", "revision", "auto_mapping")
OLD = re.compile(r"\s*peft:([^=,:()]*)(?=,|$)")


@dataclass(frozen=True)
class Method:
    """An adapter method with its hyperparameters."""

    spec: str  # canonical
    build: Callable[[Base], Built]
    traits: Traits = Traits()  # noqa: RUF009  # frozen


def get_method(spec: str) -> Method:
    """The method that a specification names. Raises UserError.

    >>> get_method("lora:lora_alpha=32,r=8").spec
    'lora:lora_alpha=32'
    """
    spec = spelled(spec)
    name, given = split_spec(spec)
    if name == PEFT:
        return of_peft(given.pop("name", ""), given)
    _, function, params = METHODS.parse(spec)
    return Method(METHODS.canonical(spec), lambda base: function(base, **params), TRAITS.get(function, Traits()))


def spelled(spec: str) -> str:
    """A specification as it is written today: `peft:OFT,r=8`, of earlier studies and habits, is `peft:name=OFT,r=8`."""
    return OLD.sub(lambda found: f"{PEFT}:name={found[1].strip()}", spec, count=1)


def of_peft(name: str, given: Mapping[str, str]) -> Method:
    """A method that peft has, by its name and the fields of its configuration."""
    config_class = config_of(name)
    fields = {f.name: f for f in dataclasses.fields(config_class) if f.init and f.name not in SET_BY_US}
    params: dict[str, Any] = {}
    for key, text in given.items():
        if key not in fields:
            raise UserError(f"peft's {name} has no parameter {key!r}: {suggest(key, fields)}")
        params[key] = value_of(text, "list" in str(fields[key].type))
    listed = {key: as_given(value) for key, value in params.items()}

    # OFT's block size is the other way to say r, of which peft takes only one
    other = {"oft_block_size": 0} if name.upper() == "OFT" and params.get("r") else {}

    def build(base: Base) -> Built:
        try:
            config = config_class(**{**other, **params})
        except (ValueError, TypeError) as error:
            raise UserError(f"peft's {name} refuses these hyperparameters ({error}); change them.") from error
        return with_peft(base, config)

    return Method(write_spec(PEFT, {"name": name.upper(), **listed}), build)


def config_of(name: str) -> Any:
    """peft's configuration class of that name. Raises UserError, with the nearest names."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    known = {kind.value: config for kind, config in PEFT_TYPE_TO_CONFIG_MAPPING.items() if kind.value not in MIXED}
    if name.upper() not in known:
        raise UserError(f"unknown method {name!r} of peft's: {suggest(name.upper(), known)}")
    return known[name.upper()]


def as_given(value: Any) -> Any:
    """A value as a specification writes it, the inverse of `value_of`: a list's names as a+b, an object as JSON."""
    return tuple(value) if isinstance(value, list) else json.dumps(value) if isinstance(value, dict) else value


def value_of(text: str, many: bool) -> Any:
    """A hyperparameter from its text: JSON where it is that, names written a+b where peft takes a list, else text."""
    plain = text.lower() if text.lower() in ("true", "false") else "null" if text.lower() == "none" else text
    try:
        return json.loads(plain)
    except json.JSONDecodeError:
        return [part for part in text.split("+") if part] if many and text != "all-linear" else text
