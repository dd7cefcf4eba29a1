"""Slices of a loss surface: the loss along one or two directions through a module's weights.

Meets: any torch module; random directions with filter normalisation (Li et al. 2018, arXiv 1712.09913, section 4), so
that slices of different networks may be compared; the module is left as it was, running means included, also after an
error. Concedes: a slice shows two directions of many; each value is one run of the loss.

A loss is a function without arguments that runs the module, as in `critical_points`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from kshot.classic.data.inputs import Array
from kshot.classic.landscape.critical_points import Loss, parameters, read, write


def filter_normalised(module: nn.Module, generator: torch.Generator, *, one_dimensional: bool = False) -> Tensor:
    """A random direction d with each filter as long as the module's own, d_ij <- d_ij / |d_ij| |theta_ij|, (n,).

    A ReLU network is the same function when one layer is doubled and the next halved, and looks twice as flat in the
    first: a step as long as the filter it moves does not see this. A filter is what makes one output: a row of a
    linear layer, a kernel over all channels of a convolution. Biases and the scales of batch norm, which have one
    dimension, stay where they are, as in the paper's figures, or are each taken for one filter with `one_dimensional`.
    """
    parts = []
    for theta in parameters(module):
        d = torch.randn(theta.shape, generator=generator, dtype=theta.dtype, device=generator.device).to(theta.device)
        if theta.dim() > 1:
            filters, own = d.reshape(len(d), -1), theta.detach().reshape(len(d), -1)
            d = filters / filters.norm(dim=1, keepdim=True) * own.norm(dim=1, keepdim=True)
        elif one_dimensional:
            d = d / d.norm() * theta.detach().norm()
        else:
            d = torch.zeros_like(d)
        parts.append(d.reshape(-1))
    return torch.cat(parts)


@contextmanager
def restored(module: nn.Module) -> Iterator[Tensor]:
    """The weights as one vector; whatever is done to the module's parameters and buffers inside is undone."""
    kept = {name: value.detach().clone() for name, value in module.state_dict().items()}
    try:
        yield read(module)
    finally:
        module.load_state_dict(kept)


def slice_1d(module: nn.Module, loss: Loss, d: Tensor, alphas: Sequence[float] | Array) -> Array:
    """L(theta + alpha d) for every alpha, (alphas,)."""
    (found,) = slice_2d(module, loss, d, torch.zeros_like(d), alphas, [0.0])
    return np.asarray(found)


def slice_2d(
    module: nn.Module,
    loss: Loss,
    d: Tensor,
    e: Tensor,
    alphas: Sequence[float] | Array,
    betas: Sequence[float] | Array,
) -> Array:
    """L(theta + alpha d + beta e), (betas, alphas): a row for each beta, as contour plots take it.

    Raises ValueError where a direction has not one number for each trained parameter.
    """
    found = np.empty((len(betas), len(alphas)))
    with restored(module) as theta, torch.no_grad():
        for direction in (d, e):
            if direction.shape != theta.shape:
                raise ValueError(f"a direction has shape {tuple(direction.shape)}; the weights have {len(theta)}.")
        for row, beta in enumerate(betas):
            for column, alpha in enumerate(alphas):
                write(module, theta + float(alpha) * d + float(beta) * e)
                found[row, column] = loss().item()
    return found


def towards(module: nn.Module, other: nn.Module) -> Tensor:
    """The direction from one module to another of the same shape, at alpha = 1 there (Goodfellow et al. 2015), (n,)."""
    return read(other) - read(module)
