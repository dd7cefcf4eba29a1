"""What classifies: a guess, and a model's guesses of many inputs, in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from kshot.adapters.padding import batch_of, pad_id
from kshot.types import EngineError


@dataclass(frozen=True)
class Guess:
    """The answer of a head, or of a cloze, to one input."""

    label: str
    probabilities: Mapping[str, float]  # by label, in the order of the labels; they sum to one


def guesses(labels: Sequence[str], rows: Sequence[Sequence[float]]) -> list[Guess]:
    """The likeliest label of every row of probabilities; of equal ones the first."""
    return [Guess(labels[row.index(max(row))], dict(zip(labels, row, strict=True))) for row in map(list, rows)]


def checked(logits: torch.Tensor) -> torch.Tensor:
    """The logits, where they are numbers: what is not is no answer, and is not graded. Raises EngineError."""
    if not bool(logits.isfinite().all()):
        raise EngineError(
            "the model's logits are not finite: its weights, or its adapter's, are damaged or have left all bounds in "
            "training, or the dtype is too narrow; try --dtype float32, or another model."
        )
    return logits


@torch.inference_mode()
def logits_of(model: Any, tokenizer: Any, inputs: Sequence[str | Sequence[int]], batch: int = 16) -> torch.Tensor:
    """(inputs, labels): a classifying model's logits, inputs of like length together."""
    encoded = [
        tokenizer(one, split_special_tokens=True).input_ids if isinstance(one, str) else list(one) for one in inputs
    ]
    order = sorted(range(len(encoded)), key=lambda at: len(encoded[at]))
    device = next(model.parameters()).device
    pad = pad_id(tokenizer)
    was = model.training
    model.eval()
    found: dict[int, torch.Tensor] = {}
    try:
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            rows = [encoded[at] for at in part]
            logits = checked(model(**batch_of(rows, pad, device)).logits.float().cpu())
            found.update(zip(part, logits, strict=True))
    finally:
        model.train(was)
    return torch.stack([found[at] for at in range(len(encoded))]) if encoded else torch.zeros(0, 0)


def predict(
    model: Any, tokenizer: Any, labels: Sequence[str], inputs: Sequence[str | Sequence[int]], *, batch: int = 16
) -> list[Guess]:
    """The likeliest label of every input (a text, or its tokens), with all labels' probabilities."""
    return guesses(labels, logits_of(model, tokenizer, inputs, batch).softmax(-1).tolist())
