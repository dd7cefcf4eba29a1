"""One forward pass of the prefix decoder, described: which token is whose, and what it attends to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch

from kshot.harness.decoding.layers import Layers
from kshot.harness.prefix.row import Row
from kshot.harness.prefix.store import RowStore
from kshot.harness.prefix.tree import Node, PrefixTree

NodeMask = tuple[torch.Tensor | None, torch.Tensor | None]


@dataclass(eq=False)
class Span:
    """A run of new tokens of one row, or of a prefix being encoded: tokens [start, stop) of the pass."""

    start: int
    stop: int
    position: int  # of the first token in its sequence
    above: Node  # the deepest node that it attends to in place
    slot: int | None = None  # the row whose store takes the keys; None: they are not kept there
    held: int = 0  # tokens already in the row's store, which come between the nodes and this span
    layers: Layers | None = None  # takes the keys, where they become nodes


@dataclass
class Pass:
    """One forward pass: which token attends to what. Built once, used by every layer, which share its masks."""

    store: RowStore
    lengths: list[int]  # own tokens of running rows 0..n-1 before this pass
    positions: torch.Tensor  # (N,) position of every token in its sequence
    spans: Sequence[Span]
    nodes: list[tuple[Node, torch.Tensor | None]]  # and the tokens that attend to it; None: all of them
    device: torch.device
    dtype: torch.dtype
    row_masks: dict[tuple[int, int | None], torch.Tensor] = field(default_factory=dict)  # by first row and window
    span_masks: dict[tuple[int, int], torch.Tensor] = field(default_factory=dict)  # by span and window
    node_masks: dict[tuple[int, int], NodeMask] = field(default_factory=dict)  # by node and window

    @classmethod
    def of(
        cls,
        tree: PrefixTree,
        store: RowStore,
        running: Sequence[Row],
        spans: Sequence[Span],
        device: torch.device,
        dtype: torch.dtype,
    ) -> Pass:
        """The pass over running rows' last tokens and, after them, the spans' own."""
        positions = [len(row.sequence.ids) + len(row.sequence.out) - 1 for row in running]
        users: dict[int, tuple[Node, list[int]]] = {}
        for index, row in enumerate(running):
            assert row.above is not None
            for node in tree.path(row.above):
                users.setdefault(id(node), (node, []))[1].append(index)
        for span in spans:
            positions.extend(range(span.position, span.position + span.stop - span.start))
            for node in tree.path(span.above):
                users.setdefault(id(node), (node, []))[1].extend(range(span.start, span.stop))
        everyone = len(positions)
        return cls(
            store=store,
            lengths=[row.held for row in running],
            positions=torch.tensor(positions, device=device),
            spans=spans,
            nodes=[
                (node, None if len(at) == everyone else torch.tensor(at, device=device)) for node, at in users.values()
            ],
            device=device,
            dtype=dtype,
        )

    @property
    def rows(self) -> int:
        return len(self.lengths)

    @cached_property
    def row_index(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(slots, places) at which the running rows' new keys are written."""
        return torch.arange(self.rows, device=self.device), torch.tensor(self.lengths, device=self.device)

    def row_mask(self, first: int, last: int, length: int, window: int | None) -> torch.Tensor:
        """(rows, 1, 1, keys): additive, hides what lies beyond a row's length or behind its window."""
        if (first, window) not in self.row_masks:
            lengths = torch.tensor(self.lengths[first:last], device=self.device)[:, None]
            at = torch.arange(length, device=self.device)[None]
            seen = at <= lengths
            if window is not None:
                seen &= at > lengths - window
            self.row_masks[first, window] = additive(seen, self.dtype)[:, None, None]
        return self.row_masks[first, window]

    def span_mask(self, index: int, span: Span, window: int, folds: int) -> torch.Tensor:
        """(folds * tokens, held + tokens): causal over the span, open over what the row held, within the window."""
        if (index, window) not in self.span_masks:
            tokens = span.stop - span.start
            query = torch.arange(tokens, device=self.device)[:, None] + span.held
            at = torch.arange(span.held + tokens, device=self.device)[None]
            seen = (at <= query) & (at > query - window)
            self.span_masks[index, window] = additive(seen, self.dtype).repeat(folds, 1)
        return self.span_masks[index, window]

    def node_mask(
        self, index: int, node: Node, tokens: torch.Tensor | None, window: int | None, folds: int
    ) -> NodeMask:
        """Where a window hides a part of the node: (folds * tokens, keys); (tokens,) those that see none of it."""
        if window is None:
            return None, None
        if (index, window) not in self.node_masks:
            positions = self.positions if tokens is None else self.positions[tokens]
            at = torch.arange(node.start, node.end, device=self.device)[None]
            seen = at > positions[:, None] - window
            hides = not bool(seen.all())
            self.node_masks[index, window] = (
                (additive(seen, self.dtype).repeat(folds, 1), ~seen.any(-1)) if hides else (None, None)
            )
        return self.node_masks[index, window]


def additive(seen: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A boolean mask as numbers to add: 0 where seen, minus infinity where not."""
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, float("-inf"))
