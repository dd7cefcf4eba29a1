"""Only the normalization layers are trained."""

from __future__ import annotations

from kshot.adapters.methods.peft import with_peft
from kshot.adapters.methods.registry import Base, Built, method


@method(lr=3e-3)
def ln_tuning(base: Base, *, target_modules: tuple[str, ...] = ()) -> Built:
    """The scales (and shifts) of the normalization layers (Zhao et al. 2023, arXiv 2312.11420, section 3).

    y = g * norm(x) + b with g and b trained, from the base's own. `target_modules` are names written a+b; none: every
    layer whose class is a norm.
    """
    from peft import LNTuningConfig

    return with_peft(base, LNTuningConfig(target_modules=list(target_modules) or base.norms))
