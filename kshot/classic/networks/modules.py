"""A torch module trained update by update: what every loop of ours in torch is made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step down the loss."""
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()


def accuracy(module: nn.Module, X: Tensor, y: Tensor) -> float:
    """The share of rows whose largest score is their class's."""
    with torch.no_grad():
        return float((module(X).argmax(dim=1) == y).double().mean())
