"""Rotary positions whose frequencies hang on the longest row of a pass: longrope, and NTK scaling as it grows.

transformers chooses the frequencies of a whole forward pass by its last position (`dynamic_rope_update`): one row past
the length that the model was first trained on would change every other row's numbers, and NTK scaling keeps the
frequencies of the longest row so far. Rows that end within that length share passes as ever; a longer one runs alone.
While a row is being decoded past it, longrope begins again with the long factors, as Phi-3's own `generate` does, and
NTK scaling leaves the keys that are there as they were, as `generate` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

LONG = ("longrope", "su")  # one kind under two names


def scalings(config: Any) -> Iterator[dict[str, Any]]:
    """The rotary parameters of a configuration, those of a kind of layers each for themselves."""
    for name in ("rope_parameters", "rope_scaling"):
        given = getattr(config, name, None)
        if isinstance(given, dict):
            yield given
            yield from (inner for inner in given.values() if isinstance(inner, dict))


def kind_of(scaling: dict[str, Any]) -> str:
    """What kind of scaling these parameters are for."""
    return str(scaling.get("rope_type") or scaling.get("type") or "default")


def steady_length(model: Any) -> int | None:
    """Tokens up to which every row has the same frequencies, whatever else is in its pass; None: always."""
    config = model.config.get_text_config()
    longest = int(getattr(config, "max_position_embeddings", None) or 0)
    found = []
    for scaling in scalings(config):
        if kind_of(scaling) in LONG:
            original = getattr(config, "original_max_position_embeddings", None)
            found.append(int(scaling.get("original_max_position_embeddings") or original or longest))
        elif "dynamic" in kind_of(scaling):
            found.append(longest - 1)  # at its full length a pass does not reset what a longer one has left
    return min(found, default=None)


def switches_at(model: Any) -> int | None:
    """Tokens after which longrope changes all frequencies at once; None where it is not longrope."""
    config = model.config.get_text_config()
    return steady_length(model) if any(kind_of(scaling) in LONG for scaling in scalings(config)) else None


def forget_longest(model: Any) -> None:
    """Takes NTK scaling back to where a fresh model begins, as a pass over a single token does."""
    at = {"position_ids": torch.zeros(1, 1, dtype=torch.long, device=model.device)}
    x = torch.zeros(1, device=model.device, dtype=model.dtype)
    for module in model.modules():
        kinds = getattr(module, "rope_type", None)
        if isinstance(kinds, str) and "dynamic" in kinds:
            module(x, **at)
        elif isinstance(kinds, dict):
            for layer_type, kind in kinds.items():
                if "dynamic" in kind:
                    module(x, **at, layer_type=layer_type)
