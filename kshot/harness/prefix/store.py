"""Each running row's own keys and values: what it does not share with others.

A row has a slot; slots 0 to n-1 are the running rows, so that a decoding step reads one dense block and
copies nothing. Capacity in tokens grows by reallocation, in steps. Concedes: every slot is as long as the
longest row's; `attention.py` reads slots in small groups, each only up to its own longest row.
"""

from __future__ import annotations

import torch

from kshot.harness.prefix.tree import Layers

STEP = 64  # tokens by which capacity grows


class RowStore:
    """Keys and values of up to `rows` running rows, a pair of tensors (rows, kv_heads, capacity, dim) a layer."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.capacity = 0
        self.layers: list[tuple[torch.Tensor, torch.Tensor]] = []

    def reserve(
        self, capacity: int, like: list[tuple[int, int, int]], dtype: torch.dtype, device: torch.device
    ) -> None:
        """Room for `capacity` tokens a row; `like` gives (kv_heads, key dim, value dim) a layer."""
        if capacity <= self.capacity and self.layers:
            return
        capacity = -(-max(capacity, 1) // STEP) * STEP
        old, kept = self.layers, self.capacity
        self.layers = []
        for index, (heads, key_dim, value_dim) in enumerate(like):
            keys = torch.zeros(self.rows, heads, capacity, key_dim, dtype=dtype, device=device)
            values = torch.zeros(self.rows, heads, capacity, value_dim, dtype=dtype, device=device)
            if old:
                keys[:, :, :kept], values[:, :, :kept] = old[index]
                old[index] = (keys[:0], values[:0])  # frees the layer before the next is made
            self.layers.append((keys, values))
        self.capacity = capacity

    def move(self, source: int, target: int, length: int) -> None:
        """Copies a row's first `length` tokens into another slot."""
        for keys, values in self.layers:
            keys[target, :, :length] = keys[source, :, :length]
            values[target, :, :length] = values[source, :, :length]

    def load(self, slot: int, at: int, layers: Layers) -> None:
        """Copies a prefix's keys and values into a row, from position `at` of its own part."""
        for (keys, values), (k, v) in zip(self.layers, layers, strict=True):
            keys[slot, :, at : at + k.shape[1]] = k
            values[slot, :, at : at + v.shape[1]] = v

    def read(self, slot: int, length: int) -> Layers:
        """Views of a row's first `length` tokens."""
        return [(keys[slot, :, :length], values[slot, :, :length]) for keys, values in self.layers]
