"""A method by its specification: one of the registry's, of a user's file, or of peft's (`peft:name=OFT,r=8`)."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kshot.adapters.methods.limits import check_limits
from kshot.adapters.methods.peft import said_by, with_peft
from kshot.adapters.methods.registry import METHODS, TRAITS, Base, Built, Traits
from kshot.registry import suggest
from kshot.spec import split_spec, write_spec
from kshot.types import UserError

PEFT = "peft"
NOT_RUN = {  # of peft's, and why
    "XLORA": "it needs other adapters",
    "MIXED": "it needs other adapters",
    "MULTITASK_PROMPT_TUNING": "it needs a task's number with every sample",
    "POLY": "it needs a task's number with every sample",
    "CPT": "it needs the kind of every token with every sample",
}
NEEDS = {  # what peft gives no default, or none that trains anything
    "ADAPTION_PROMPT": ("adapter_len", "adapter_layers"),
    "CARTRIDGE": ("num_virtual_tokens",),
    "PREFIX_TUNING": ("num_virtual_tokens",),
    "PROMPT_TUNING": ("num_virtual_tokens",),
    "P_TUNING": ("num_virtual_tokens",),
    "TRAINABLE_TOKENS": ("token_indices",),
}
SET_BY_US = ("peft_type", "task_type", "inference_mode", "base_model_name_or_path", "revision", "auto_mapping")
MEGATRON = ("megatron_config", "megatron_core")  # peft imports the module that the second one names
KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "bool": (bool, "true or false"),
    "int": ((int, float), "a whole number"),  # one that is not whole is told by its limits
    "float": ((int, float), "a number"),
    "dict": (dict, "an object as JSON"),
}
OLD = re.compile(r"\s*peft:([^=,:()]*)(?=,|$)")


@dataclass(frozen=True)
class Method:
    """An adapter method with its hyperparameters."""

    spec: str  # canonical
    build: Callable[[Base], Built]
    traits: Traits = Traits()  # noqa: RUF009  # frozen
    params: Mapping[str, Any] = field(default_factory=dict)  # all, defaults included

    @property
    def kind(self) -> str:
        """Its name, or that of peft's, in capitals."""
        name, given = split_spec(self.spec)
        return (given["name"] if name == PEFT else name).upper()


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
    traits = TRAITS.get(function, Traits())
    check_limits(name, params)
    traits.check(**params)
    return Method(METHODS.canonical(spec), lambda base: function(base, **params), traits, params)


def spelled(spec: str) -> str:
    """A specification as it is written today: `peft:OFT,r=8`, of earlier studies and habits, is `peft:name=OFT,r=8`."""
    return OLD.sub(lambda found: f"{PEFT}:name={found[1].strip()}", spec, count=1)


def of_peft(name: str, given: Mapping[str, str]) -> Method:
    """A method that peft has, by its name and the fields of its configuration."""
    config_class, name = config_of(name), name.upper()
    fields = {f.name: f for f in dataclasses.fields(config_class) if f.init and f.name not in SET_BY_US}
    params: dict[str, Any] = {}
    for key, text in given.items():
        if key in MEGATRON:
            raise UserError(f"{key} is for models that Megatron trains, which kshot does not; leave it out.")
        if key not in fields:
            raise UserError(f"peft's {name} has no parameter {key!r}: {suggest(key, fields)}")
        params[key] = value_of(text, str(fields[key].type))
        check_kind(f"peft's {name}: {key} is {text}", params[key], str(fields[key].type))
    lacking = [key for key in NEEDS.get(name, ()) if key not in params]
    if lacking:
        written = ",".join(f"{key}=..." for key in lacking)
        raise UserError(f"peft's {name} needs {' and '.join(lacking)}: write peft:name={name},{written}.")
    listed = {key: as_given(value) for key, value in params.items()}
    every = {f.name: f.default for f in fields.values()} | params
    check_limits(f"peft's {name}", every)

    # OFT's block size is the other way to say r, of which peft takes only one
    other: dict[str, Any] = {"oft_block_size": 0} if name == "OFT" and params.get("r") else {}
    planned = name == "ADALORA" and "total_step" not in params

    def config(**more: Any) -> Any:
        try:
            return config_class(**{**other, **more, **params})
        except Exception as error:  # peft's configurations raise kinds of their own
            raise UserError(f"peft's {name} refuses these hyperparameters ({said_by(error)}); change them.") from error

    def build(base: Base) -> Built:
        if planned and not base.total_steps:
            raise UserError("ADALORA plans its ranks over the whole training: give the number of steps (total_steps).")
        return with_peft(base, config(total_step=base.total_steps) if planned else config())

    if not planned:
        config()  # a mistake is told before a model is loaded
    return Method(write_spec(PEFT, {"name": name, **listed}), build, params=every)


def config_of(name: str) -> Any:
    """peft's configuration class of that name. Raises UserError, with the nearest names."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    if name.upper() in NOT_RUN:
        raise UserError(f"kshot does not run peft's {name.upper()}: {NOT_RUN[name.upper()]}.")
    known = {kind.value: config for kind, config in PEFT_TYPE_TO_CONFIG_MAPPING.items() if kind.value not in NOT_RUN}
    if name.upper() not in known:
        raise UserError(f"unknown method {name!r} of peft's: {suggest(name.upper(), known)}")
    return known[name.upper()]


def as_given(value: Any) -> Any:
    """A value as a specification writes it, the inverse of `value_of`: a list's items as a+b, an object as JSON."""
    if isinstance(value, list) and all(isinstance(item, str | int) for item in value):
        return tuple(value)
    return json.dumps(value) if isinstance(value, dict | list) else value


def check_kind(said: str, value: Any, kind: str) -> None:
    """Raises UserError where peft takes one kind of value alone and this is another: it would use it as it is.

    >>> check_kind("peft's LORA: use_dora is no", "no", "bool")
    Traceback (most recent call last):
        ...
    kshot.types.UserError: peft's LORA: use_dora is no; give true or false.
    """
    plain = re.sub(r"<class '(\w+)'>|(?:typing\.)?Optional\[(\w+)\]", r"\1\2", kind)
    if plain not in KINDS or (value is None and plain != kind):
        return
    kinds, wanted = KINDS[plain]
    if not isinstance(value, kinds) or (isinstance(value, bool) and plain != "bool"):
        raise UserError(f"{said}; give {wanted}.")


def value_of(text: str, kind: str) -> Any:
    """A hyperparameter from its text: JSON where it is that, items written a+b where peft takes a list, else text.

    `kind` is the field's type as peft has written it: where it has a list of numbers, items are numbers.
    """
    plain = text.lower() if text.lower() in ("true", "false") else "null" if text.lower() == "none" else text
    try:
        value = json.loads(plain)
    except json.JSONDecodeError:
        if "list" not in kind.lower() or text == "all-linear":
            return text
        items = [part.strip() for part in text.split("+") if part.strip()]
        numbers = "list[int]" in kind.lower() and all(re.fullmatch(r"-?\d+", item) for item in items)
        return [int(item) for item in items] if numbers else items
    only_many = isinstance(value, int) and "list[int]" in kind and "int" not in kind.replace("list[int]", "")
    return [value] if only_many else value
