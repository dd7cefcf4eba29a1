"""Low-rank updates whose ranks move to where they matter."""

from __future__ import annotations

from kshot.adapters.methods.registry import Base, Built, method, targets, with_peft
from kshot.types import UserError


@method
def adalora(
    base: Base,
    *,
    target_r: int = 4,
    init_r: int = 8,
    lora_alpha: int = 16,
    lora_dropout: float = 0.0,
    tinit: float = 0.1,
    tfinal: float = 0.3,
    deltaT: int = 1,
    orth_reg_weight: float = 0.1,
    target_modules: tuple[str, ...] = (),
) -> Built:
    """Singular values of the updates are pruned by importance (Zhang et al. 2023, arXiv 2303.10512, section 3).

    W + P L Q with P and Q nearly orthogonal (a penalty of weight `orth_reg_weight`, equation 4) and L diagonal; from
    rank init_r the budget falls to target_r on average. `tinit` and `tfinal` are shares of training: until
    tinit and over the last tfinal the budget stands still. Trained, at the start: init_r (in + out + 1) for every
    chosen matrix. Needs the number of training steps.
    """
    from peft import AdaLoraConfig

    if not base.total_steps:
        raise UserError("adalora plans its ranks over the whole training: give the number of steps (total_steps).")
    if not (0 <= tinit < 1 and 0 <= tfinal < 1 and tinit + tfinal < 1):
        raise UserError(f"tinit={tinit} and tfinal={tfinal} are shares of training; their sum must be below 1.")
    first, last = int(tinit * base.total_steps), int(tfinal * base.total_steps)
    config = AdaLoraConfig(
        target_r=target_r,
        init_r=init_r,
        lora_alpha=lora_alpha,
        lora_dropout=lora_dropout,
        tinit=first,
        tfinal=last,
        deltaT=deltaT,
        orth_reg_weight=orth_reg_weight,
        total_step=base.total_steps,
        target_modules=targets(base, target_modules, "TRANSFORMERS_MODELS_TO_ADALORA_TARGET_MODULES_MAPPING"),
    )
    built = with_peft(base, config)
    for name, parameter in built.model.named_parameters():
        if "ranknum" in name:  # a count; peft makes it trainable on a base in half precision
            parameter.requires_grad_(False)
    return built
