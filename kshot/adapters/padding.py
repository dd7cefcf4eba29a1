"""Rows of tokens of unequal length as one batch, filled up on the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def pad_id(tokenizer: Any) -> int:
    """The token that fills a batch up, which the attention mask hides."""
    return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id or 0)


def padded(rows: Sequence[Sequence[int]], fill: int, device: Any = None) -> torch.Tensor:
    """(rows, longest)"""
    import torch

    width = max([1, *map(len, rows)])
    return torch.tensor([[*row, *[fill] * (width - len(row))] for row in rows], device=device)


def batch_of(rows: Sequence[Sequence[int]], pad: int, device: Any = None) -> dict[str, torch.Tensor]:
    """What a model takes of rows of tokens: input_ids and attention_mask, (rows, longest) each."""
    seen = [[1] * len(row) for row in rows]
    return {"input_ids": padded(rows, pad, device), "attention_mask": padded(seen, 0, device)}
