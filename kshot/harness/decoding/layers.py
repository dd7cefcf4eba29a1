"""Keys and values of a run of tokens, in every layer of a model."""

from __future__ import annotations

from typing import TypeAlias

import torch

Layers: TypeAlias = list[tuple[torch.Tensor, torch.Tensor]]  # a layer's keys and values, each (kv_heads, tokens, dim)


def piece(layers: Layers, start: int, stop: int) -> Layers:
    """A copy of the keys and values of tokens [start, stop), so that the whole can be freed."""
    return [(keys[:, start:stop].clone(), values[:, start:stop].clone()) for keys, values in layers]
