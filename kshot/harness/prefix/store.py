"""Each running row's own keys and values: what it does not share with others.

A row has a slot; slots 0 to n-1 are the running rows, so that a decoding step reads one dense block and
copies nothing. Capacity in tokens grows by reallocation, in steps. Concedes: every slot is as long as the
longest row's; `attention.py` reads slots in small groups, each only up to its own longest row.
"""

from __future__ import annotations

import torch

from kshot.harness.decoding.layers import Layers

STEP = 64  # tokens by which capacity grows


def rounded(tokens: int) -> int:
    """Tokens of capacity that so many tokens take."""
    return -(-max(tokens, 1) // STEP) * STEP


class RowStore:
    """Keys and values of up to `rows` running rows, a pair of tensors (slots, kv_heads, capacity, dim) a layer.

    Slots times capacity stays within `budget` tokens, but for a single row that is longer.
    """

    def __init__(self, rows: int, budget: int) -> None:
        self.rows = rows
        self.budget = budget
        self.slots = 0
        self.capacity = 0
        self.layers: list[tuple[torch.Tensor, torch.Tensor]] = []

    def reserve(
        self,
        rows: int,
        capacity: int,
        held: int,
        like: list[tuple[int, int, int]],
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        """Room for so many rows of `capacity` tokens, of which at most `held` are there now.

        `like` gives (kv_heads, key dim, value dim) a layer.
        """
        if rows <= self.slots and capacity <= self.capacity:
            return
        capacity = rounded(capacity)
        slots = max(rows, min(self.rows, self.budget // capacity))
        old, kept = self.layers, min(self.slots, slots)
        self.layers = []
        for index, (heads, key_dim, value_dim) in enumerate(like):
            keys = torch.zeros(slots, heads, capacity, key_dim, dtype=dtype, device=device)
            values = torch.zeros(slots, heads, capacity, value_dim, dtype=dtype, device=device)
            if old and held:
                keys[:kept, :, :held] = old[index][0][:kept, :, :held]
                values[:kept, :, :held] = old[index][1][:kept, :, :held]
            if old:
                old[index] = (keys[:0], values[:0])  # frees the layer before the next is made
            self.layers.append((keys, values))
        self.slots, self.capacity = slots, capacity

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
