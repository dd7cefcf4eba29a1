"""Trained keys and values before the prompt, in every layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kshot.adapters.methods.peft import completes, with_peft
from kshot.adapters.methods.registry import Base, Built, method
from kshot.registry import suggest
from kshot.types import UserError

WAYS = ("random", "zero", "text", "labels")


def check(*, prefix_init: str, prefix_init_text: str, **_: object) -> None:
    """The start is one that is known, and has what it needs."""
    if prefix_init not in WAYS:
        raise UserError(f"unknown prefix_init {prefix_init!r}: {suggest(prefix_init, WAYS)}")
    if prefix_init == "text" and not prefix_init_text:
        raise UserError('prefix_init=text needs a text: add prefix_init_text="Say the sentiment."')


@method(lr=2e-2, check=check)
def prefix_tuning(
    base: Base,
    *,
    num_virtual_tokens: int = 20,
    prefix_projection: bool = False,
    encoder_hidden_size: int = 128,
    prefix_init: str = "labels",
    prefix_init_text: str = "",
) -> Built:
    """Keys and values of virtual tokens in every layer (Li and Liang 2021, arXiv 2101.00190, section 4).

    Every layer attends to [P_k; K], [P_v; V] with P trained: tokens x layers x 2 x key width. With
    `prefix_projection` P = MLP(E), through encoder_hidden_size (section 4.3). `prefix_init` (section 7.4: real words
    beat random ones): labels or text (the base's own keys and values of the task's labels, or of
    prefix_init_text, repeated), zero, or random (standard normal, as peft does it); with a projection
    only random and zero.
    """
    from peft import PrefixTuningConfig

    words = "" if prefix_projection else prefix_init_text or "\n".join(base.labels)
    config = PrefixTuningConfig(
        num_virtual_tokens=num_virtual_tokens,
        prefix_projection=prefix_projection,
        encoder_hidden_size=encoder_hidden_size,
        init_weights="zero" if prefix_init == "zero" else None,
    )
    built = with_peft(base, config)
    if prefix_init in ("text", "labels") and not prefix_projection:
        start(base, built.model, words)
    return built


def start(base: Base, model: Any, text: str) -> None:
    """Sets the prefix to the base's keys and values of a text, repeated to its length; "" stands for drawn tokens."""
    import torch

    weight = model.prompt_encoder["default"].embedding.weight  # (tokens, layers * 2 * width)
    count = weight.shape[0]
    ids = base.tokenizer(text, add_special_tokens=False).input_ids if text else []
    ids = ids or torch.randint(0, len(base.tokenizer), (count,)).tolist()
    ids = (ids * (count // len(ids) + 1))[:count]
    was = base.model.training
    base.model.eval()
    with torch.no_grad():
        cache = base.model(input_ids=torch.tensor([ids], device=base.model.device), use_cache=True).past_key_values
        parts = []
        for layer in cache.layers:  # (1, kv_heads, tokens, dim), fewer tokens behind a sliding window
            for states in (layer.keys, layer.values):
                flat = states[0].transpose(0, 1).flatten(1).to(weight)
                parts.append(torch.cat([flat.new_zeros(count - len(flat), flat.shape[1]), flat]))
        whole = torch.cat(parts, 1)
        if whole.shape == weight.shape:
            weight.copy_(whole)
    base.model.train(was)


@completes("PREFIX_TUNING", "CARTRIDGE")
def with_layers(built: Built) -> Built:
    """The prefix as the engine takes it. Activations computed again would miss its keys, so they are kept."""
    return replace(built, checkpointable=False, layers=lambda: layers_of(built.model))


def layers_of(model: Any) -> list[tuple[Any, Any]]:
    """Every layer's keys and values (kv_heads, tokens, dim). Zeros stand behind a sliding window, unseen."""
    from torch.nn.functional import pad

    count = model.active_peft_config.num_virtual_tokens
    found = []
    for layer in model.get_prompt(batch_size=1).layers:
        missing = (0, 0, count - layer.keys.shape[-2], 0)
        found.append((pad(layer.keys[0], missing), pad(layer.values[0], missing)))
    return found
