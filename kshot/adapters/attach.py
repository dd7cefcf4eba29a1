"""Puts an adapter on a base model, keeps it in a folder, and loads it again onto the same base.

Initialisation is by an explicit seed, and no global generator is left changed; what was put on is taken off by
giving the base's own state back (`kshot.adapters.base_state`). Concedes: one adapter at a time is on a model;
`Adapted.detach` makes room for the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kshot.adapters.adapted import Adapted, norms_of
from kshot.adapters.base_state import BaseState
from kshot.adapters.folder import Kept, read_folder, write_folder
from kshot.adapters.methods import Base, Built, get_method
from kshot.adapters.weights import fill, filled_peft
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
    state = BaseState.of(model)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        model.requires_grad_(False)
        try:
            built = method.build(Base(model, tokenizer, tuple(labels), total_steps))
            if not isinstance(built, Built):  # of a user's own file
                raise UserError(f"the method {spec} gave a {type(built).__name__} in place of a Built; mend it.")
        except Exception:
            state.give_back()
            raise
    trained = [p for p in built.model.parameters() if p.requires_grad]
    if built.undo is not None:
        state.set_apart(trained)
    return Adapted(
        built=giving_back(built, state),
        tokenizer=tokenizer,
        spec=method.spec,
        trainable=sum(p.numel() for p in trained),
        total=total,
        labels=tuple(labels) if built.head else (),
        dtypes=tuple((p, p.dtype) for p in {id(p): p for p in (*trained, *norms_of(built.model))}.values()),
    )


def giving_back(built: Built, state: BaseState) -> Built:
    """What a method made, whose undoing gives the base's state back, whatever the method has done to it."""
    if built.undo is None:
        return built
    take_off = built.undo

    def undo() -> Any:
        take_off()
        base = state.give_back()
        changed = state.changed()
        if changed:
            raise UserError(f"the base's own weights were changed in place ({changed[0]}); load the model again.")
        return base

    return replace(built, undo=undo)


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
    UserError where the folder holds none or a damaged one, its weights are not whole, finite and its own, or it was
    made for another base; the base is then as it was.
    """
    kept = read_folder(folder, base=base, base_hash=base_hash)
    if not kept.peft and ".py:" in kept.spec and not trust_method_code:
        raise UserError(
            f"the adapter in {kept.folder} was made by a method in a file ({kept.spec}), whose code is not run because "
            "a folder says so; allow it if you trust the folder."
        )
    if kept.peft:
        return load_peft(model, tokenizer, kept)
    adapted = attach(model, tokenizer, kept.spec, seed=0, labels=kept.labels, total_steps=1)
    try:
        fill(adapted, kept)
    except Exception:
        if adapted.built.undo is not None:
            adapted.detach()
        raise
    return adapted


def load_peft(model: Any, tokenizer: Any, kept: Kept) -> Adapted:
    """An adapter that peft saved."""
    total = sum(parameter.numel() for parameter in model.parameters())
    state = BaseState.of(model)
    try:
        built, labels = filled_peft(model, kept, state)
    except Exception:
        state.give_back()
        raise
    found = Adapted(giving_back(built, state), tokenizer, kept.spec, kept.trainable, total, labels)
    own = sum(p.numel() for name, p in built.model.named_parameters() if found.adds(name))
    return found if kept.trainable else replace(found, trainable=own)
