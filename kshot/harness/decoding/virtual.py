"""Virtual tokens: trained keys and values before every prompt, one more prefix that all requests share.

They stand at the head of every sequence as negative tokens, so that positions, the tree and the rows count them
like any others; their node is in the tree from the start, is attended to as any prefix is, and never leaves. Given as
embeddings (prompt tuning, p-tuning) they are encoded once by the model; given as keys and values (prefix tuning)
they are taken as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from kshot.harness.decoding.layers import Layers


@dataclass(frozen=True, eq=False)
class Virtual:
    """Either `embeddings` (tokens, hidden) or `layers`."""

    embeddings: torch.Tensor | None = None
    layers: Layers | None = None

    @property
    def tokens(self) -> int:
        if self.embeddings is not None:
            return len(self.embeddings)
        assert self.layers is not None
        return int(self.layers[0][0].shape[1])

    @property
    def ids(self) -> list[int]:
        """What stands for them in a sequence: no token of any vocabulary."""
        return [-1 - at for at in range(self.tokens)]


def first_pass(model: Any, virtual: Virtual | None, ids: list[int], use_cache: bool) -> Any:
    """The plain path's pass over virtual tokens and a prompt (`ids` without them), by transformers' own cache."""
    tokens = torch.tensor([ids], device=model.device)
    if virtual is None:
        return model(input_ids=tokens, use_cache=use_cache)
    if virtual.embeddings is not None:
        words = model.get_input_embeddings()(tokens)
        whole = torch.cat([virtual.embeddings[None].to(words), words], 1)
        return model(inputs_embeds=whole, use_cache=use_cache)
    from transformers import DynamicCache

    assert virtual.layers is not None
    cache = DynamicCache(config=model.config.get_text_config())
    for layer, (keys, values) in enumerate(virtual.layers):
        cache.update(keys[None], values[None], layer)
    return model(input_ids=tokens, past_key_values=cache, use_cache=True)
