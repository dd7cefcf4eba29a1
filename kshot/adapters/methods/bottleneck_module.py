"""Houlsby's adapters as modules: a projection with a small network after it.

peft has none. The projection stays inside as it was, so that it can be packed for the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn


class Bottleneck(nn.Module):
    """A projection followed by h + W_up f(W_down h + b_down) + b_up."""

    def __init__(self, projection: nn.Module, width: int, dim: int, activation: str) -> None:
        super().__init__()
        weight = projection.weight
        assert isinstance(weight, torch.Tensor)
        self.projection = projection
        self.activation: Callable[[torch.Tensor], torch.Tensor] = getattr(nn.functional, activation)
        # float32 whatever the base's dtype, as peft keeps its own: steps would vanish in bfloat16
        self.bottleneck_down = nn.Linear(width, dim, device=weight.device, dtype=torch.float32)
        self.bottleneck_up = nn.Linear(dim, width, device=weight.device, dtype=torch.float32)
        for layer in (self.bottleneck_down, self.bottleneck_up):
            nn.init.trunc_normal_(layer.weight, std=1e-2, a=-2e-2, b=2e-2)
            nn.init.zeros_(layer.bias)

    def forward(self, *args: Any, **options: Any) -> torch.Tensor:
        out: torch.Tensor = self.projection(*args, **options)
        change = self.bottleneck_up(self.activation(self.bottleneck_down(out.float())))
        return torch.add(out, change.to(out.dtype))


def width_of(projection: nn.Module) -> int | None:
    """Outputs of a linear layer or of GPT-2's Conv1D; None for another module."""
    if isinstance(projection, nn.Linear):
        return projection.out_features
    if type(projection).__name__ == "Conv1D":
        return int(projection.nf)  # type: ignore[arg-type]
    return None


def last_projections(model: nn.Module, names: Sequence[str]) -> list[str]:
    """Full names of the projections that end in one of the names."""
    return [
        full
        for full, module in model.named_modules()
        if width_of(module) is not None and any(full == name or full.endswith("." + name) for name in names)
    ]


def insert(model: nn.Module, places: Sequence[str], dim: int, activation: str) -> None:
    """Puts an adapter after each of these projections."""
    for place in places:
        projection = model.get_submodule(place)
        width = width_of(projection)
        assert width is not None
        model.set_submodule(place, Bottleneck(projection, width, dim, activation))
