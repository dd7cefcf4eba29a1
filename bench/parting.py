"""Where two texts of one request part, and by how little: two runs whose batches differ may part at a tie.

Logits differ in their last bits between batch shapes. Greedy, two tokens tie when their logits are as close as that;
drawn, when the number lies as close to where one token's share of the distribution ends and the other's begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kshot.types import Request

CLOSE = 1e-3  # of logits: what may be rounding, in float32
CLOSE_SHARE = 1e-5  # of the distribution's mass


@dataclass(frozen=True, slots=True)
class Parting:
    """The first token that differs, and by how much the other would have had to win."""

    at: int
    gap: float  # of logits; of a draw, of the distribution's mass
    tie: bool  # whether rounding may decide it


def parting(engine: Any, request: Request, ours: str, theirs: str) -> Parting:
    """Where two texts that an engine wrote for a request part, by transformers' own attention on the text before."""
    import torch

    from kshot.harness.decoding.sampler import kept, uniform

    prompt = engine.renderer.encode(request.prompt)
    a, b = (engine.tokenizer(text, add_special_tokens=False).input_ids for text in (ours, theirs))
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    with torch.inference_mode():
        before = engine.model.config._attn_implementation
        engine.model.set_attn_implementation("sdpa")
        logits = engine.model(input_ids=torch.tensor([prompt + a[:at]]), use_cache=False).logits[0, -1].float()
        engine.model.set_attn_implementation(before)
    chosen = [ids[at] if at < len(ids) else engine.tokenizer.eos_token_id for ids in (a, b)]
    if not request.params.temperature:
        gap = max(float(logits.max() - logits[token]) for token in chosen)
        return Parting(at, gap, gap < CLOSE)
    weights = kept(logits[None] / request.params.temperature, [request.params])[0]
    ends = weights.cumsum(-1, dtype=torch.float64)
    number, ends = uniform(request.seed, at), ends / ends[-1]
    shares = [(float(ends[token - 1]) if token else 0.0, float(ends[token])) for token in chosen]
    gap = max(max(low - number, number - high, 0.0) for low, high in shares)
    return Parting(at, gap, gap < CLOSE_SHARE)
