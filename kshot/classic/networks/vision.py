"""The course's PyTorch warm-up: an nn.Module with a convolution, a training loop, and what TensorBoard shows of it.

Meets: Dataset -> DataLoader -> Module -> loss -> backward -> step, each in its plain form; every draw from the seed
given; scalars and images for TensorBoard where a folder is given. Concedes: one small network; CPU unless told.

    train_images = digit_images(rows=np.arange(1000))
    model = SmallCNN(1, 8, 10, seed=0)
    history = fit(model, train_images, digit_images(rows=np.arange(1000, 1797)), epochs=10, seed=0)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from kshot.classic.networks.modules import update
from kshot.types import UserError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class SmallCNN(nn.Module):
    """Two convolutions of 3 x 3, each with relu and a pooling by 2, and a linear layer on what is left."""

    def __init__(self, channels: int, side: int, classes: int, *, kernels: int = 16, seed: int = 0) -> None:
        super().__init__()
        if side % 4:
            raise ValueError(f"SmallCNN halves the sides twice: {side} pixels must be a multiple of 4.")
        with torch.random.fork_rng(devices=[]):  # layers draw their start from torch's global generator: put it back
            torch.default_generator.manual_seed(seed)
            self.first = nn.Conv2d(channels, kernels, 3, padding=1)
            self.second = nn.Conv2d(kernels, 2 * kernels, 3, padding=1)
            self.last = nn.Linear(2 * kernels * (side // 4) ** 2, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(n, channels, side, side) -> a score a class, (n, classes)."""
        a = functional.max_pool2d(torch.relu(self.first(images)), 2)
        a = functional.max_pool2d(torch.relu(self.second(a)), 2)
        scores: torch.Tensor = self.last(a.flatten(1))
        return scores


@dataclass(frozen=True, slots=True)
class History:
    """What each epoch came to."""

    train_losses: list[float] = field(default_factory=list)
    test_losses: list[float] = field(default_factory=list)
    test_accuracies: list[float] = field(default_factory=list)


def fit(
    model: nn.Module,
    train: Dataset[tuple[torch.Tensor, int]],
    test: Dataset[tuple[torch.Tensor, int]],
    *,
    epochs: int = 10,
    batch_size: int = 64,
    lr: float = 3e-3,
    weight_decay: float = 0.0,
    seed: int = 0,
    device: str = "cpu",
    log_dir: Path | None = None,
) -> History:
    """Trains with Adam on the cross-entropy; judged on the test images after every epoch.

    log_dir: a folder for TensorBoard (`tensorboard --logdir`). Raises UserError where tensorboard is not installed,
    before anything is trained.
    """
    writer = None if log_dir is None else summary_writer(log_dir)
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(train, batch_size=batch_size, shuffle=True, generator=generator)
    model = model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)
    history = History()
    try:
        for epoch in range(epochs):
            model.train()
            total, seen = 0.0, 0
            for images, labels in loader:
                loss = functional.cross_entropy(model(images.to(device)), labels.to(device))
                update(optimizer, loss)
                total, seen = total + loss.item() * len(labels), seen + len(labels)
            scores, truth = predict(model, test, device=device)
            history.train_losses.append(total / seen)
            history.test_losses.append(functional.cross_entropy(scores, truth).item())
            history.test_accuracies.append((scores.argmax(dim=1) == truth).float().mean().item())
            if writer is not None:
                log(writer, epoch + 1, history, test, scores, truth)
    finally:
        if writer is not None:
            writer.close()
    return history


@torch.no_grad()
def predict(
    model: nn.Module, images: Dataset[tuple[torch.Tensor, int]], *, batch_size: int = 512, device: str = "cpu"
) -> tuple[torch.Tensor, torch.Tensor]:
    """(scores, labels) of all images, in order."""
    model.eval()
    # a DataLoader draws a seed for workers that it does not have; not from the global generator
    loader = DataLoader(images, batch_size=batch_size, generator=torch.Generator())
    found = [(model(x.to(device)).cpu(), labels) for x, labels in loader]
    scores, truth = zip(*found, strict=True)
    return torch.cat(scores), torch.cat(truth)


def mistakes(scores: torch.Tensor, truth: torch.Tensor) -> NDArray[np.intp]:
    """The images classified wrongly, the surest mistake first."""
    sure, said = torch.softmax(scores, dim=1).max(dim=1)
    wrong = torch.nonzero(said != truth).flatten()
    order: NDArray[np.intp] = wrong[torch.argsort(sure[wrong], descending=True, stable=True)].numpy()
    return order


def summary_writer(log_dir: Path) -> SummaryWriter:
    """TensorBoard's writer. Raises UserError where tensorboard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError(
            "log_dir needs tensorboard, which is not installed: pip install 'kshot[tensorboard]'."
        ) from None
    return SummaryWriter(log_dir=str(log_dir))  # type: ignore[no-untyped-call,unused-ignore]


def log(
    writer: SummaryWriter, epoch: int, history: History, test: Any, scores: torch.Tensor, truth: torch.Tensor
) -> None:
    """Losses and accuracy as scalars, and the surest mistakes as images."""
    values: Sequence[tuple[str, list[float]]] = (
        ("loss/train", history.train_losses),
        ("loss/test", history.test_losses),
        ("accuracy/test", history.test_accuracies),
    )
    for name, numbers in values:
        writer.add_scalar(name, numbers[-1], epoch)  # type: ignore[no-untyped-call,unused-ignore]
    worst = mistakes(scores, truth)[:16]
    if len(worst):
        images = torch.stack([test[int(at)][0] for at in worst])
        low, high = images.min(), images.max()
        shown = (images - low) / torch.clamp(high - low, min=1e-12)
        writer.add_images("surest mistakes", shown, epoch)  # type: ignore[no-untyped-call,unused-ignore]
