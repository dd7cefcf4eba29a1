"""Puts an adapter on a base model, keeps it in a folder, and loads it again onto the same base.

Initialisation is by an explicit seed, and no global generator is left changed. Concedes: one adapter at a time is
on a model; `Adapted.detach` makes room for the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kshot.adapters.adapted import Adapted, Kind
from kshot.adapters.folder import PEFT_WEIGHTS, load_weights, read_folder, write_folder
from kshot.adapters.methods import Base, Built, get_method
from kshot.adapters.methods.registry import known_warnings, strip, without_peft
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

    `labels` are the task's; `total_steps` the steps of training, for AdaLoRA's schedule. Raises UserError for an
    unknown method or hyperparameter, and where the method does not fit the model.

    >>> adapted = attach(loaded.model, loaded.tokenizer, "lora:r=4", seed=0)  # doctest: +SKIP
    >>> adapted.trainable, adapted.total  # doctest: +SKIP
    (230400, 134515008)
    """
    import torch

    name, build = get_method(spec)
    total = sum(parameter.numel() for parameter in model.parameters())
    flags = {id(p): p.requires_grad for p in model.parameters()}
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        model.requires_grad_(False)
        try:
            built = build(Base(model, tokenizer, tuple(labels), total_steps))
        except Exception:
            set_back(model, flags)
            raise
    trainable = sum(p.numel() for p in built.model.parameters() if p.requires_grad)
    undo = built.undo and restoring(built, [p for p in model.parameters() if p.requires_grad], flags)
    kind: Kind = "head" if built.head else "generation"
    return Adapted(
        built.model,
        tokenizer,
        name,
        trainable,
        total,
        kind,
        tuple(labels) if built.head else (),
        undo,
    )


def size_of(
    model: Any, tokenizer: Any, spec: str, *, labels: Sequence[str] = (), total_steps: int = 1000
) -> tuple[int, int]:
    """(trainable, total): how many parameters a method trains on this model, which is left as it was."""
    flags = {id(p): p.requires_grad for p in model.parameters()}
    adapted = attach(model, tokenizer, spec, seed=0, labels=labels, total_steps=total_steps)
    if adapted.undo is None:
        set_back(model, flags)
    else:
        adapted.detach()
    return adapted.trainable, adapted.total


def restoring(built: Built, trained: Sequence[Any], flags: dict[int, bool]) -> Callable[[], Any]:
    """Takes an adapter off; the base's own parameters that it trains get their values back."""
    own = [(p, p.detach().clone()) for p in trained if id(p) in flags]

    def undo() -> Any:
        import torch

        assert built.undo is not None
        base = built.undo()
        with torch.no_grad():
            for parameter, value in own:
                parameter.copy_(value)
        set_back(base, flags)
        return base

    return undo


def set_back(base: Any, flags: dict[int, bool]) -> None:
    """Gives the base's parameters the flags they had, and no gradient."""
    for parameter in base.parameters():
        parameter.requires_grad_(flags.get(id(parameter), True))
        parameter.grad = None


def save(adapted: Adapted, folder: Any, *, base: str, base_hash: str) -> None:
    """Writes an adapter's folder: safetensors, and kshot_adapter.json, which names the base and its weights' hash.

    A method of peft's leaves a folder that `peft.PeftModel.from_pretrained` loads; `full` one that transformers loads.
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


def keep_precision(model: Any, weights: Path) -> None:
    """Reads the values anew: peft has rounded AdaLoRA's to the base's dtype on their way."""
    from safetensors.torch import load_file

    kept = load_file(weights)
    for name, parameter in model.named_parameters():
        value = kept.get(name.replace(".default", ""))
        if value is not None and value.shape == parameter.shape:
            parameter.data = value.to(parameter.device)


def load_peft(model: Any, tokenizer: Any, kept: Any) -> Adapted:
    """An adapter that peft saved."""
    from peft import PeftModel

    total = sum(parameter.numel() for parameter in model.parameters())
    flags = {id(p): p.requires_grad for p in model.parameters()}
    try:
        with known_warnings():
            adapted = PeftModel.from_pretrained(model, str(kept.folder))
        if adapted.active_peft_config.peft_type.value == "ADALORA":
            keep_precision(adapted, kept.folder / PEFT_WEIGHTS)
    except Exception as error:  # safetensors and peft raise kinds of their own
        strip(model)
        set_back(model, flags)
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise UserError(f"the adapter in {kept.folder} cannot be loaded ({said}); save it again.") from error
    adapted.eval()
    built = Built(adapted, lambda: without_peft(adapted), head=bool(kept.labels))
    kind: Kind = "head" if built.head else "generation"
    found = Adapted(
        adapted, tokenizer, kept.spec, kept.trainable, total, kind, kept.labels, restoring(built, [], flags)
    )
    if kept.trainable:
        return found
    return replace(found, trainable=sum(p.numel() for name, p in adapted.named_parameters() if found.adds(name)))
