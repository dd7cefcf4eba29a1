"""Low-rank updates whose ranks move to where they matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kshot.adapters.methods.peft import completes, targets, with_peft
from kshot.adapters.methods.registry import Base, Built, method
from kshot.types import UserError

if TYPE_CHECKING:
    import torch

SCORES = ("ipt", "exp_avg_ipt", "exp_avg_unc")  # the importance of every singular value, and its averages
PATTERN = "rank_pattern"


def check(*, target_r: int, init_r: int, tinit: float, tfinal: float, orth_reg_weight: float, **_: object) -> None:
    """A plan over a training has room for all its parts."""
    if not (0 <= tinit < 1 and 0 <= tfinal < 1 and tinit + tfinal < 1):
        raise UserError(f"tinit={tinit} and tfinal={tfinal} are shares of training; their sum must be below 1.")
    if target_r > init_r:
        raise UserError(f"adalora: target_r={target_r} is above init_r={init_r}, from which it is pruned; lower it.")
    if orth_reg_weight < 0:
        raise UserError(f"adalora: orth_reg_weight is {orth_reg_weight}; it must be 0 or more.")


@method(lr=1e-2, check=check)
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


@completes("ADALORA")
def with_ranks(built: Built) -> Built:
    """Ranks move after every step, and where they stand is part of what training changes."""
    model = built.model
    built = replace(
        built,
        after_load=lambda weights: keep_precision(model, weights),
        penalty=lambda share: penalised(model.active_peft_config, share),
    )
    if not hasattr(model.base_model, "rankallocator"):  # out of a folder, to be used and not trained further
        return built
    return replace(
        built,
        after_step=model.base_model.update_and_allocate,
        state=lambda: ranks_of(model),
        set_state=lambda state: set_ranks(model, state),
    )


@contextmanager
def penalised(config: Any, share: float) -> Iterator[None]:
    """Within it that share of orthogonality's penalty is in the loss, which peft adds to every batch's own."""
    whole = config.orth_reg_weight
    config.orth_reg_weight = share * whole
    try:
        yield
    finally:
        config.orth_reg_weight = whole


def ranks_of(model: Any) -> dict[str, torch.Tensor]:
    """What the rank allocator remembers from step to step."""
    import torch

    allocator, pattern = model.base_model.rankallocator, model.active_peft_config.rank_pattern or {}
    found = {f"{PATTERN}/{name}": torch.tensor(kept) for name, kept in pattern.items()}
    for kind in SCORES:
        found.update(
            {f"{kind}/{name}": value.detach().cpu().clone() for name, value in getattr(allocator, kind).items()}
        )
    return found


def set_ranks(model: Any, state: Mapping[str, torch.Tensor]) -> None:
    """Puts back what `ranks_of` gave."""
    device = next(model.parameters()).device

    def under(kind: str) -> dict[str, torch.Tensor]:
        return {k.removeprefix(f"{kind}/"): v.to(device) for k, v in state.items() if k.startswith(f"{kind}/")}

    for kind in SCORES:
        setattr(model.base_model.rankallocator, kind, under(kind))
    model.active_peft_config.rank_pattern = {name: kept.tolist() for name, kept in under(PATTERN).items()} or None


def keep_precision(model: Any, weights: Path) -> None:
    """Reads the values anew: peft has rounded them to the base's dtype on their way."""
    from safetensors.torch import load_file

    kept = load_file(weights)
    for name, parameter in model.named_parameters():
        value = kept.get(name.replace(".default", ""))
        if value is not None and value.shape == parameter.shape:
            parameter.data = value.to(parameter.device)
