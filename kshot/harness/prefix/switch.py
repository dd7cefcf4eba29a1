"""Switches a model to the shared-prefix attention, where that gives the model's own logits."""

from __future__ import annotations

from typing import Any

import torch

from kshot.harness.prefix.attention import NAME
from kshot.harness.prefix.decoder import PrefixDecoder


@torch.inference_mode()
def switch_to_shared_attention(model: Any) -> bool:
    """Switches the model and returns True; a model whose logits would change, on a few tokens, stays as it was."""
    before = model.config._attn_implementation
    if before == NAME:
        return True
    vocabulary = model.config.get_text_config().vocab_size
    ids = [(7 * at + 3) % min(vocabulary, 1000) for at in range(24)]
    expected = model(input_ids=torch.tensor([ids], device=model.device), use_cache=False).logits[0, -4:].float()
    try:
        model.set_attn_implementation(NAME)
        decoder = PrefixDecoder(
            model, rows=2, budget=1000, kept=1000, end_ids=frozenset(), stopped=lambda sequence: False
        )
        got = decoder.probe(ids, 4).float()
    except (AssertionError, NotImplementedError, TypeError, ValueError, AttributeError, RuntimeError):
        model.set_attn_implementation(before)
        return False
    tolerance = 1e-3 if model.dtype == torch.float32 else 0.1
    scale = max(1.0, float(expected.abs().max()))
    if float((got - expected).abs().max()) <= tolerance * scale:
        return True
    model.set_attn_implementation(before)
    return False
