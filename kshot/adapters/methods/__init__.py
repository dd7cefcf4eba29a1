"""Adapter methods, one small file each, registered by name. `FILES` has them; importing this fills the registry."""

from __future__ import annotations

from importlib import import_module

from kshot.adapters.methods.by_name import get_method
from kshot.adapters.methods.registry import METHODS, Base, Built, method

FILES: tuple[str, ...] = (
    "adalora",
    "bitfit",
    "bottleneck",
    "dora",
    "full",
    "head",
    "ia3",
    "ln_tuning",
    "lora",
    "p_tuning",
    "prefix_tuning",
    "prompt_tuning",
)

for _name in FILES:
    import_module(f"kshot.adapters.methods.{_name}")

__all__ = ["METHODS", "Base", "Built", "get_method", "method"]
