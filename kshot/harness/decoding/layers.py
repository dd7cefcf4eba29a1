"""Keys and values of a run of tokens, in every layer of a model."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch

Layers: TypeAlias = list[tuple[torch.Tensor, torch.Tensor]]  # a layer's keys and values, each (kv_heads, tokens, dim)


def piece(layers: Layers, start: int, stop: int) -> Layers:
    """A copy of the keys and values of tokens [start, stop), so that the whole can be freed."""
    return [(keys[:, start:stop].clone(), values[:, start:stop].clone()) for keys, values in layers]


def key_bytes(model: Any) -> int:
    """Bytes of keys and values a token takes over all layers."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * dim * model.dtype.itemsize)
