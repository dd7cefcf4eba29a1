"""Only the normalization layers are trained."""

from __future__ import annotations

from typing import Any

from kshot.adapters.methods.registry import Base, Built, method, with_peft


@method
def ln_tuning(base: Base, *, target_modules: tuple[str, ...] = ()) -> Built:
    """The scales (and shifts) of the normalization layers (Zhao et al. 2023, arXiv 2312.11420, section 3).

    y = g * norm(x) + b with g and b trained, from the base's own. `target_modules` are names written a+b; none: every
    layer whose class is a norm.
    """
    from peft import LNTuningConfig

    return with_peft(base, LNTuningConfig(target_modules=list(target_modules) or norms(base.model)))


def norms(model: Any) -> list[str]:
    """Full names of a model's normalization layers."""
    return [name for name, module in model.named_modules() if "norm" in type(module).__name__.lower()]
