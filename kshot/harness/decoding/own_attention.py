"""Which attention a model runs with: its own, or the one that shares prefixes.

Engines may stand side by side on one model, each with its own way; so a decoder says before a pass what it needs.
"""

from __future__ import annotations

from typing import Any

SHARED = "kshot_prefix"  # the name under which the attention of `kshot.harness.prefix` is registered
MARK = "kshot_own_attention"  # where a switched model keeps the name of its own


def own_attention(model: Any) -> str:
    """The attention that the model has without kshot."""
    now: str = model.config._attn_implementation
    return getattr(model, MARK, "sdpa") if now == SHARED else now


def attend_with(model: Any, name: str) -> None:
    """Switches the model to that attention, where it has another."""
    now = model.config._attn_implementation
    if now == name:
        return
    if name == SHARED:
        setattr(model, MARK, now)
    model.set_attn_implementation(name)
