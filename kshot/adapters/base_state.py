"""A base model as it was before anything was put on it, and the way back to it, whatever was done in between.

Libraries leave things behind when they take an adapter off: wrappers, trained copies of modules, values. So none is
asked to: every module gets back what it held (submodules, parameters, buffers, attributes, hooks, its class), every
configuration its fields, and every parameter its tensor. Concedes: values that were changed in place are not kept
twice; they are found by their fingerprints, and the model has to be read again.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

WIDTH = 1024  # words in a row of a fingerprint

Fingerprint = tuple[Any, ...]


@dataclass(frozen=True)
class BaseState:
    """What `give_back` gives back."""

    model: Any
    modules: tuple[tuple[Any, type, dict[str, Any]], ...]  # a module, its class, what it holds
    configs: tuple[tuple[Any, dict[str, Any]], ...]  # a configuration and its fields
    tensors: tuple[tuple[str, Any, Any, bool, Fingerprint], ...]  # name, tensor, its data, its flag, the data's values

    @classmethod
    def of(cls, model: Any) -> BaseState:
        """The state that a model is in. It costs one look at every value."""
        modules = tuple((module, type(module), held(module)) for module in model.modules())
        tensors = tuple(
            (name, tensor, tensor.detach(), tensor.requires_grad, fingerprint(tensor))
            for name, tensor in named_tensors(model)
        )
        return cls(model, modules, tuple((one, fields_of(one)) for one in configs_of(model)), tensors)

    def set_apart(self, tensors: Sequence[torch.Tensor]) -> None:
        """Gives each of the base's own tensors that are to be trained a copy of its values to be trained in."""
        import torch

        own = {id(tensor) for _, tensor, *_ in self.tensors}
        with torch.no_grad():
            for tensor in tensors:
                if id(tensor) in own:
                    tensor.data = tensor.data.clone()

    def give_back(self) -> Any:
        """The model as it was, but for values that were changed in place (`changed`)."""
        for module, kind, before in self.modules:
            if type(module) is not kind:
                module.__class__ = kind
            put_back(module, before)
        for config, before in self.configs:
            config.__dict__.clear()
            config.__dict__.update({key: copied(value) for key, value in before.items()})
        for _, tensor, data, flag, _ in self.tensors:
            if tensor.data_ptr() != data.data_ptr() or tensor.dtype != data.dtype or tensor.shape != data.shape:
                tensor.data = data
            tensor.requires_grad_(flag)
            tensor.grad = None
        return self.model

    def changed(self) -> list[str]:
        """The tensors whose values are not those that they were."""
        return [name for name, tensor, _, _, print_ in self.tensors if fingerprint(tensor) != print_]


def named_tensors(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters and buffers by name, each once."""
    yield from model.named_parameters()
    yield from model.named_buffers()


def held(module: Any) -> dict[str, Any]:
    """What a module holds: its attributes, and copies of its dictionaries (of submodules, hooks) and sets."""
    return {key: value.copy() if isinstance(value, dict | set) else value for key, value in module.__dict__.items()}


def put_back(module: Any, before: dict[str, Any]) -> None:
    """A module's attributes as `held` found them; dictionaries stay the same objects, which hooks' handles know."""
    now = dict(module.__dict__)
    module.__dict__.clear()
    for key, value in before.items():
        own: Any = now.get(key)
        if isinstance(value, dict | set) and type(own) is type(value):
            own.clear()
            own.update(value)
            module.__dict__[key] = own
        else:
            module.__dict__[key] = value


def configs_of(model: Any) -> list[Any]:
    """Every configuration in a model, and those in them: transformers' objects whose fields a library may change."""
    found: dict[int, Any] = {}

    def add(value: Any) -> None:
        if is_config(value) and id(value) not in found:
            found[id(value)] = value
            for inner in vars(value).values():
                add(inner)

    for module in model.modules():
        add(module.__dict__.get("config"))
        add(module.__dict__.get("generation_config"))
    return list(found.values())


def is_config(value: Any) -> bool:
    """Whether it is one of transformers' configurations."""
    return hasattr(value, "to_diff_dict") and not isinstance(value, type)


def fields_of(config: Any) -> dict[str, Any]:
    """A configuration's fields, to be given back."""
    return {key: copied(value) for key, value in vars(config).items()}


def copied(value: Any) -> Any:
    """A field's value that nothing else can change; a configuration within is kept by its own entry."""
    return value if is_config(value) else copy.deepcopy(value)


def fingerprint(tensor: torch.Tensor) -> Fingerprint:
    """What tells a tensor's values from all others that it may be left with: sums of its bits by row and by column.

    They are taken where the tensor lies, at the speed of its memory.
    """
    import torch

    if tensor.is_meta or not tensor.numel():
        return (tensor.dtype, tuple(tensor.shape))
    bits = tensor.detach().contiguous().flatten().view(torch.uint8)
    if bits.storage_offset() % 8:
        bits = bits.clone()
    whole = len(bits) // (8 * WIDTH) * 8 * WIDTH
    rest = bits[whole:].cpu().numpy().tobytes()
    words = bits[:whole].view(torch.int64).view(-1, WIDTH)
    sums = []
    for by in (words.sum(0), words.sum(1)):
        sums.append(int((by * (2 * torch.arange(len(by), device=by.device) + 1)).sum()))  # an order has its own sum
    return (tensor.dtype, tuple(tensor.shape), *sums, rest)
