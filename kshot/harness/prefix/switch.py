"""Switches a model to the shared-prefix attention, where that gives the model's own logits."""

from __future__ import annotations

from typing import Any

import torch

from kshot.harness.decoding.finite import check_finite
from kshot.harness.decoding.own_attention import SHARED, attend_with
from kshot.harness.decoding.plain import BROKEN
from kshot.harness.prefix.attention import prefix_attention  # noqa: F401 - registered by its import
from kshot.harness.prefix.decoder import PrefixDecoder
from kshot.types import UserError


@torch.inference_mode()
def switch_to_shared_attention(model: Any) -> bool:
    """Switches the model and returns True; a model whose logits would change, on a few tokens, stays as it was.

    So does one that carries a state from token to token, beside attention or in place of it: rows of one pass would
    be a single sequence to it. Raises NotFiniteError where the model's own logits are no numbers, UserError where it
    does not run at all.
    """
    before = model.config._attn_implementation
    if before == SHARED:
        return True
    vocabulary = model.config.get_text_config().vocab_size
    ids = [(7 * at + 3) % min(vocabulary, 1000) for at in range(24)]
    try:
        expected = model(input_ids=torch.tensor([ids], device=model.device), use_cache=False).logits[0, -4:].float()
    except BROKEN as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(
            f"{type(model).__name__} does not run here ({reason}): give another model, or a transformers that runs it."
        ) from error
    check_finite(expected.log_softmax(-1).amax(-1).tolist())
    if shares(model, ids, expected):
        return True
    if model.config._attn_implementation != before:
        attend_with(model, before)
    return False


def shares(model: Any, ids: list[int], expected: torch.Tensor) -> bool:
    """Whether the model, which is switched on the way, gives the expected logits of a few last tokens."""
    if getattr(model, "_is_stateful", False):
        return False
    try:
        attend_with(model, SHARED)
        decoder = PrefixDecoder(
            model, rows=2, budget=1000, kept=1000, end_ids=frozenset(), stopped=lambda sequence: False
        )
        if len(decoder.shapes) != model.config.get_text_config().num_hidden_layers:
            return False  # some layers mix tokens in another way
        got = decoder.probe(ids, len(expected)).float()
    except Exception:  # whatever a model makes of an attention that is not its own, it has the plain path
        return False
    exact = model.dtype == torch.float32 and not getattr(model, "is_quantized", False)
    tolerance = 1e-3 if exact else 0.1
    masked = expected.isneginf()
    scale = max(1.0, float(expected.masked_fill(masked, 0.0).abs().max()))
    gap = (got - expected).abs().masked_fill(masked & got.isneginf(), 0.0)
    return float(gap.max()) <= tolerance * scale
