"""Training a digits MLP: kshot's network against the same network in torch on CPU, one thread each.

    python bench/classic_network.py [--repeats 5]

Both sides in one run, in turns, the best of `--repeats` each; both start from the same weights, see the same batches
and take the same Adam steps in float32, and their losses an epoch are compared. torch's Adam is timed with and without
its fused kernels and the faster one counts. The last line is one JSON object; its ratio is kshot's seconds over
torch's, below 1 where kshot is faster.
"""

from __future__ import annotations

import argparse
import json
from time import perf_counter
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from kshot.classic.descent.descend import one_epoch
from kshot.classic.descent.optimizers import Adam
from kshot.classic.networks.layers import Dense, softmax_cross_entropy
from kshot.classic.networks.network import Network, perceptron

HIDDEN, BATCH, EPOCHS, LR = (128, 64), 64, 20, 1e-3


def digits() -> tuple[np.ndarray, np.ndarray]:
    """All 1,797 digits, 0..1, float32."""
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y.astype(np.int64)


def same_in_torch(network: Network) -> nn.Sequential:
    """The network's twin in torch, with its weights."""
    parts: list[nn.Module] = []
    for layer in network.layers:
        if not isinstance(layer, Dense):
            parts.append(nn.ReLU())
            continue
        weights, bias = (torch.tensor(layer.parameters[name].copy()) for name in ("W", "b"))
        linear = nn.Linear(*weights.shape)
        linear.weight.data, linear.bias.data = weights.T.contiguous(), bias
        parts.append(linear)
    return nn.Sequential(*parts)


def ours(X: np.ndarray, y: np.ndarray, plan: list[list[np.ndarray]]) -> tuple[float, list[float]]:
    """Seconds of training, and the mean loss of each epoch."""
    network = perceptron(64, HIDDEN, 10, np.random.default_rng(0), dtype=np.float32)
    optimizer = Adam(lr=LR)
    losses = []
    began = perf_counter()
    for epoch in plan:
        total = 0.0
        for rows in epoch:
            total += network.loss(X[rows], y[rows], softmax_cross_entropy) * len(rows)
            optimizer.step(network.parameters, network.gradients)
        losses.append(total / len(X))
    return perf_counter() - began, losses


def theirs(X: np.ndarray, y: np.ndarray, plan: list[list[np.ndarray]], *, fused: bool) -> tuple[float, list[float]]:
    """The same in torch."""
    network = same_in_torch(perceptron(64, HIDDEN, 10, np.random.default_rng(0), dtype=np.float32))
    optimizer = torch.optim.Adam(network.parameters(), lr=LR, fused=fused)
    images, labels = torch.from_numpy(X), torch.from_numpy(y)
    parts = [[torch.from_numpy(rows) for rows in epoch] for epoch in plan]
    losses = []
    began = perf_counter()
    for epoch in parts:
        total = 0.0
        for rows in epoch:
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(images[rows]), labels[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / len(X))
    return perf_counter() - began, losses


def digits_mlp(repeats: int = 5) -> dict[str, Any]:
    """Best seconds of both, their ratio, and by how much the losses of the last epoch differ."""
    X, y = digits()
    rng = np.random.default_rng(1)
    plan = [one_epoch(len(X), BATCH, rng, least=2) for _ in range(EPOCHS)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        mine, plain, fused = [], [], []
        for _ in range(repeats):
            mine.append(ours(X, y, plan))
            plain.append(theirs(X, y, plan, fused=False))
            fused.append(theirs(X, y, plan, fused=True))
    finally:
        torch.set_num_threads(threads)
    best, other = min(mine)[0], min(min(plain)[0], min(fused)[0])
    differ = max(abs(a - b) / b for a, b in zip(mine[0][1], plain[0][1], strict=True))
    assert differ < 1e-3, f"the losses differ by {differ:.1e}: not the same training"
    return {
        "kshot_seconds": round(best, 4),
        "torch_seconds": round(other, 4),
        "torch_unfused_seconds": round(min(plain)[0], 4),
        "ratio": round(best / other, 3),
        "largest_relative_difference_of_losses": float(f"{differ:.1e}"),
        "last_loss": round(mine[0][1][-1], 5),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    found = digits_mlp(parser.parse_args().repeats)
    for key, value in found.items():
        print(f"{key:40} {value}")
    print(json.dumps({"digits_mlp": found}))


if __name__ == "__main__":
    main()
