"""Adapter methods, one small file each, registered by name."""

from kshot.adapters.methods import (
    adalora,
    bitfit,
    bottleneck,
    dora,
    full,
    head,
    ia3,
    ln_tuning,
    lora,
    p_tuning,
    prefix_tuning,
    prompt_tuning,
)
from kshot.adapters.methods.by_name import get_method
from kshot.adapters.methods.registry import METHODS, Base, Built, method

__all__ = [
    "METHODS",
    "Base",
    "Built",
    "adalora",
    "bitfit",
    "bottleneck",
    "dora",
    "full",
    "get_method",
    "head",
    "ia3",
    "ln_tuning",
    "lora",
    "method",
    "p_tuning",
    "prefix_tuning",
    "prompt_tuning",
]
