"""Low-rank updates of weight matrices."""

from __future__ import annotations

from kshot.adapters.methods.peft import targets, with_peft
from kshot.adapters.methods.registry import Base, Built, method

TABLE = "TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING"


@method(lr=2e-3)
def lora(
    base: Base,
    *,
    r: int = 8,
    lora_alpha: int = 16,
    lora_dropout: float = 0.0,
    target_modules: tuple[str, ...] = (),
    use_rslora: bool = False,
) -> Built:
    """A product of two thin matrices beside each chosen weight (Hu et al. 2021, arXiv 2106.09685, section 4.1).

    h = W x + (lora_alpha / r) B A x, with A (r, in) normal and B (out, r) zero at first, so that training starts
    from the base itself. Trained: r (in + out) for every chosen matrix. `target_modules` are names written
    a+b, or all-linear; none: peft's for the architecture (query and value projections, section 4.2).
    """
    from peft import LoraConfig

    chosen = targets(base, target_modules, TABLE)
    config = LoraConfig(
        r=r, lora_alpha=lora_alpha, lora_dropout=lora_dropout, target_modules=chosen, use_rslora=use_rslora
    )
    return with_peft(base, config)
