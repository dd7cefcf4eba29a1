"""Puts an adapter on a base model, keeps it in a folder, and loads it again onto the same base.

Initialisation is by an explicit seed, and no global generator is left changed. Concedes: one adapter at a time is
on a model; `Adapted.detach` makes room for the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kshot.adapters.adapted import Adapted
from kshot.adapters.folder import PEFT_WEIGHTS, load_weights, read_folder, write_folder
from kshot.adapters.methods import Base, Built, get_method
from kshot.adapters.methods.peft import built_around, known_warnings, strip
from kshot.harness.models.sources import first_line
from kshot.types import UserError


def attach(
    model: Any,
    tokenizer: Any,
    spec: str,
    *,
    seed: int,
    labels: Sequence[str] = (),
    total_steps: int | None = None,
) -> Adapted:
    """The model with the adapter that a specification names, such as `lora:r=8,lora_alpha=16`, ready to be trained.

    `labels` are the task's; `total_steps` the steps of training, for a method that plans them all. Raises UserError for
    an unknown method or hyperparameter, and where the method does not fit the model.

    >>> adapted = attach(loaded.model, loaded.tokenizer, "lora:r=4", seed=0)  # doctest: +SKIP
    >>> adapted.trainable, adapted.total  # doctest: +SKIP
    (230400, 134515008)
    """
    import torch

    method = get_method(spec)
    total = sum(parameter.numel() for parameter in model.parameters())
    flags = {id(p): p.requires_grad for p in model.parameters()}
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        model.requires_grad_(False)
        try:
            built = method.build(Base(model, tokenizer, tuple(labels), total_steps))
        except Exception:
            set_back(model, flags)
            raise
    trainable = sum(p.numel() for p in built.model.parameters() if p.requires_grad)
    built = restoring(built, [p for p in model.parameters() if p.requires_grad], flags)
    return Adapted(built, tokenizer, method.spec, trainable, total, tuple(labels) if built.head else ())


def restoring(built: Built, trained: Sequence[Any], flags: dict[int, bool]) -> Built:
    """What a method made, whose undoing also gives the base's own parameters back: their values and their flags."""
    if built.undo is None:
        return built
    own = [(p, p.detach().clone()) for p in trained if id(p) in flags]
    take_off = built.undo

    def undo() -> Any:
        import torch

        base = take_off()
        with torch.no_grad():
            for parameter, value in own:
                parameter.copy_(value)
        set_back(base, flags)
        return base

    return replace(built, undo=undo)


def set_back(base: Any, flags: dict[int, bool]) -> None:
    """Gives the base's parameters the flags they had, and no gradient."""
    for parameter in base.parameters():
        parameter.requires_grad_(flags.get(id(parameter), True))
        parameter.grad = None


def save(adapted: Adapted, folder: Any, *, base: str, base_hash: str) -> None:
    """Writes an adapter's folder: safetensors, and kshot_adapter.json, which names the base and its weights' hash.

    A method of peft's leaves a folder that `peft.PeftModel.from_pretrained` loads; one that trains every weight,
    a folder that transformers loads.
    """
    write_folder(adapted, folder, base=base, base_hash=base_hash)


def load(
    model: Any, tokenizer: Any, folder: Any, *, base: str, base_hash: str, trust_method_code: bool = False
) -> Adapted:
    """An adapter from its folder, on its base, to be used and not trained further.

    With `trust_method_code` a folder may name a method of the user's own (`file.py:name`), which is then run. Raises
    UserError where the folder holds none or a damaged one, or it was made for another base.
    """
    kept = read_folder(folder, base=base, base_hash=base_hash)
    if kept.peft:
        return load_peft(model, tokenizer, kept)
    if ".py:" in kept.spec and not trust_method_code:
        raise UserError(
            f"the adapter in {kept.folder} was made by a method in a file ({kept.spec}), whose code is not run because "
            "a folder says so; allow it if you trust the folder."
        )
    adapted = attach(model, tokenizer, kept.spec, seed=0, labels=kept.labels, total_steps=1)
    load_weights(adapted, kept)
    return adapted


def load_peft(model: Any, tokenizer: Any, kept: Any) -> Adapted:
    """An adapter that peft saved."""
    from peft import PeftModel

    total = sum(parameter.numel() for parameter in model.parameters())
    flags = {id(p): p.requires_grad for p in model.parameters()}
    try:
        with known_warnings():
            adapted = PeftModel.from_pretrained(model, str(kept.folder))
        built = built_around(adapted, head=bool(kept.labels))
        built.after_load(kept.folder / PEFT_WEIGHTS)
    except Exception as error:  # safetensors and peft raise kinds of their own
        strip(model)
        set_back(model, flags)
        said = first_line(error)
        raise UserError(f"the adapter in {kept.folder} cannot be loaded ({said}); save it again.") from error
    adapted.eval()
    found = Adapted(restoring(built, [], flags), tokenizer, kept.spec, kept.trainable, total, kept.labels)
    if kept.trainable:
        return found
    return replace(found, trainable=sum(p.numel() for name, p in adapted.named_parameters() if found.adds(name)))
