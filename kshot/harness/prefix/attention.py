"""Attention of everything in flight, in one call a layer: shared prefixes once, each row's own keys, merged.

A forward pass carries all rows' new tokens as one sequence of N tokens: first one token for each running
row, then the spans being encoded. A token attends to its own row's (or span's) keys and to the nodes of
the prefix tree above it. Each of these parts is a softmax over its own keys; two parts with outputs
o1, o2 and log-sum-exps l1, l2 merge exactly into (Juravsky et al. 2024, arXiv 2402.05099, section 3.1)

    o = (e^l1 o1 + e^l2 o2) / (e^l1 + e^l2)

so that a prefix shared by many rows is read once, as one matrix product of all their queries. Query heads
that share a key head are folded into the query axis. Registered with transformers as `kshot_prefix`; models
that pass keyword arguments down to their attention function work unmodified. Concedes: no logit
soft-capping and no attention sinks (models with these use the plain path).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import AttentionInterface

from kshot.harness.decoding.own_attention import SHARED as NAME
from kshot.harness.prefix.step import Pass, Span

WASTE = 2.0  # rows are read together, up to the longest of them, while that is at most so many times their own keys


def attend(
    query: torch.Tensor,  # (batch, heads, queries, dim)
    key: torch.Tensor,  # (batch, heads, keys, dim)
    value: torch.Tensor,
    scale: float,
    mask: torch.Tensor | None = None,
    causal: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Softmax attention and its log-sum-exp: (batch, heads, queries, dim) and (batch, heads, queries)."""
    if query.device.type == "cpu" and key.shape[-1] == value.shape[-1]:
        if mask is not None and mask.dim() == 2:
            mask = mask[None, None]  # the kernel takes (batch, heads, queries, keys), each but the last two 1 if shared
        out, total = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, 0.0, causal, attn_mask=mask, scale=scale
        )
        return out, total.to(torch.float32)
    return attend_by_products(query, key, value, scale, mask, causal)


def attend_by_products(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scale: float,
    mask: torch.Tensor | None = None,
    causal: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """`attend` as two products around a softmax. Where each row brings few queries, as in decoding, it beats the
    CPU's flash kernel (1.0 to 1.8 times, 16 to 96 rows with 64 to 256 keys)."""
    scores = torch.matmul(query * scale, key.transpose(-1, -2)).float()
    if causal:
        hidden = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores.masked_fill_(hidden, float("-inf"))
    if mask is not None:
        scores.add_(mask)
    top = scores.amax(-1, keepdim=True)
    mass = scores.sub_(top).exp_().sum(-1, keepdim=True)
    out = torch.matmul(scores.to(value.dtype), value).div_(mass)
    return out, (top + mass.log()).squeeze(-1)


def merge(
    out: torch.Tensor, total: torch.Tensor, out2: torch.Tensor, total2: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Two parts of one softmax as one. A part that saw nothing has weight zero; the first always saw something."""
    both = torch.logaddexp(total, total2)
    first, second = (total - both).exp()[..., None], (total2 - both).exp()[..., None]
    return (out * first + out2 * second).to(out.dtype), both


def prefix_attention(
    module: torch.nn.Module,
    query: torch.Tensor,  # (1, heads, N, dim)
    key: torch.Tensor,  # (1, kv_heads, N, dim)
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    kshot_pass: Pass | None = None,
    **unused: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention function: stores the new keys and attends. Returns (1, N, heads, dim)."""
    assert kshot_pass is not None, "the model does not pass keyword arguments to its attention"
    if unused.get("softcap") is not None or unused.get("s_aux") is not None:
        raise NotImplementedError("soft-capping and attention sinks need the plain path")  # checked at load
    layer: int = module.layer_idx  # type: ignore[assignment]
    step, scale = kshot_pass, scaling if scaling is not None else query.shape[-1] ** -0.5
    kv_heads, tokens = key.shape[1], key.shape[2]
    folds = query.shape[1] // kv_heads
    grouped = query.view(kv_heads, folds, tokens, -1)
    out = query.new_empty(kv_heads, folds, tokens, value.shape[-1])
    total = torch.empty(kv_heads, folds, tokens, dtype=torch.float32, device=query.device)
    if step.rows:
        running_rows(step, layer, grouped, key, value, scale, sliding_window, out, total)
    for index, span in enumerate(step.spans):
        encode_span(step, layer, index, span, grouped, key, value, scale, sliding_window, out, total)
    for index, (node, at) in enumerate(step.nodes):
        assert node.layers is not None
        keys, values = node.layers[layer]
        queries = grouped if at is None else grouped[:, :, at]
        mask, blind = step.node_mask(index, node, at, sliding_window, folds)
        found, weight = attend(
            queries.reshape(1, kv_heads, -1, queries.shape[-1]), keys[None], values[None], scale, mask
        )
        found = found.view(kv_heads, folds, queries.shape[2], -1)
        weight = weight.reshape(kv_heads, folds, queries.shape[2])
        if blind is not None:  # the kernel gives them a log-sum-exp of 0 or NaN; a weight of zero is right
            found, weight = found.masked_fill(blind[:, None], 0.0), weight.masked_fill(blind, float("-inf"))
        if at is None:
            out, total = merge(out, total, found, weight)
        else:
            out[:, :, at], total[:, :, at] = merge(out[:, :, at], total[:, :, at], found, weight)
    return out.permute(2, 0, 1, 3).reshape(1, tokens, kv_heads * folds, -1), None


def running_rows(
    step: Pass,
    layer: int,
    grouped: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scale: float,
    window: int | None,
    out: torch.Tensor,
    total: torch.Tensor,
) -> None:
    """One new token a running row: its key into the store, and attention over the row's own keys."""
    keys, values = step.store.layers[layer]
    slots, places = step.row_index
    count = step.rows
    keys[slots, :, places] = key[0, :, :count].transpose(0, 1)
    values[slots, :, places] = value[0, :, :count].transpose(0, 1)
    for first, last in groups(step.lengths):
        length = max(step.lengths[first:last]) + 1
        mask = step.row_mask(first, last, length, window)
        found, weight = attend_by_products(
            grouped[:, :, first:last].permute(2, 0, 1, 3),  # (rows, kv_heads, folds, dim)
            keys[first:last, :, :length],
            values[first:last, :, :length],
            scale,
            mask,
        )
        out[:, :, first:last] = found.permute(1, 2, 0, 3)
        total[:, :, first:last] = weight.permute(1, 2, 0)


def groups(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of rows that read their keys together: so that a long row does not make many short ones read its length."""
    found, first, longest, keys = [], 0, 0, 0
    for at, length in enumerate(lengths):
        longest, keys = max(longest, length + 1), keys + length + 1
        if at > first and longest * (at + 1 - first) > WASTE * keys:
            found.append((first, at))
            first, longest, keys = at, length + 1, length + 1
    return [*found, (first, len(lengths))]


def encode_span(
    step: Pass,
    layer: int,
    index: int,
    span: Span,
    grouped: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scale: float,
    window: int | None,
    out: torch.Tensor,
    total: torch.Tensor,
) -> None:
    """The tokens of a span, each attending to those before it in its span and in its row."""
    part = slice(span.start, span.stop)
    keys, values = key[:, :, part], value[:, :, part]
    if span.layers is not None:
        span.layers.append((keys[0].clone(), values[0].clone()))
    kv_heads, folds = grouped.shape[:2]
    tokens = span.stop - span.start
    queries = grouped[:, :, part].reshape(1, kv_heads, folds * tokens, -1)
    held_keys, held_values = keys[:, :, :0], values[:, :, :0]
    if span.slot is not None:
        stored_keys, stored_values = step.store.layers[layer]
        stored_keys[span.slot, :, span.held : span.held + tokens] = keys[0]
        stored_values[span.slot, :, span.held : span.held + tokens] = values[0]
        held_keys = stored_keys[span.slot : span.slot + 1, :, : span.held]
        held_values = stored_values[span.slot : span.slot + 1, :, : span.held]
    if window is not None and span.held + tokens > window:
        mask = step.span_mask(index, span, window, folds)
        found, weight = attend(
            queries, torch.cat([held_keys, keys], 2), torch.cat([held_values, values], 2), scale, mask
        )
    else:  # every query head with its own copy of the keys lets the kernel skip the upper triangle
        found, weight = attend(
            grouped[:, :, part].reshape(1, kv_heads * folds, tokens, -1),
            keys.repeat_interleave(folds, 1),
            values.repeat_interleave(folds, 1),
            scale,
            causal=True,
        )
        found = found.reshape(1, kv_heads, folds * tokens, -1)
        weight = weight.reshape(1, kv_heads, folds * tokens)
        if span.held:
            found, weight = merge(found, weight, *attend(queries, held_keys, held_values, scale))
    out[:, :, part] = found.reshape(kv_heads, folds, tokens, -1)
    total[:, :, part] = weight.reshape(kv_heads, folds, tokens)


AttentionInterface.register(NAME, prefix_attention)
