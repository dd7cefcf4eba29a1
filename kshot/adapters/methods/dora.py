"""Low-rank updates of a weight's direction, with its magnitude trained apart."""

from __future__ import annotations

from kshot.adapters.methods.lora import TABLE
from kshot.adapters.methods.peft import targets, with_peft
from kshot.adapters.methods.registry import Base, Built, method


@method(lr=2e-3)
def dora(
    base: Base,
    *,
    r: int = 8,
    lora_alpha: int = 16,
    lora_dropout: float = 0.0,
    target_modules: tuple[str, ...] = (),
) -> Built:
    """LoRA on the direction, and the magnitude of every output (Liu et al. 2024, arXiv 2402.09353, equation 5).

    W' = m (W + (lora_alpha / r) B A) / ||W + (lora_alpha / r) B A||, the norm over each row. Trained: LoRA's
    A and B, and m (out), which starts at the norm of W.
    """
    from peft import LoraConfig

    chosen = targets(base, target_modules, TABLE)
    config = LoraConfig(r=r, lora_alpha=lora_alpha, lora_dropout=lora_dropout, target_modules=chosen, use_dora=True)
    return with_peft(base, config)
