"""The PyTorch warm-up on real digits: a small convolutional network, what it gets wrong, what its filters look for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kshot.classic.data.inputs import Values
from kshot.classic.experiments.drawing import draw_image
from kshot.classic.experiments.registry import experiment
from kshot.classic.experiments.wording import within
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.numbers import brackets
from kshot.eval.report.style import BLUE, VERMILLION
from kshot.eval.report.ticks import plain_logarithms
from kshot.eval.statistics import paired, wilson

if TYPE_CHECKING:  # torch takes seconds to import, and listing the experiments does without it
    import torch
    from matplotlib.axes import Axes

    from kshot.classic.networks.vision import History, SmallCNN

MEAN, STD = (0.305,), (0.376,)
"""Of all pixels of the digits, 0 to 1."""
SHOWN = 8


@dataclass(frozen=True, slots=True)
class TrainedCNN:
    """A network and how it did."""

    model: SmallCNN
    history: History
    scores: torch.Tensor
    truth: torch.Tensor

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which test digits it reads."""
        right: NDArray[np.bool_] = (self.scores.argmax(dim=1) == self.truth).numpy()
        return right


@experiment
def vision(*, epochs: int = 15, train_rows: int = 1000, log_dir: str = "", seed: int = 0) -> Report:
    """Dataset, DataLoader, transforms, nn.Module, loss, backward, step: a small convolutional network on real digits.

    (x * w)_ij = sum_kl w_kl x_(i+k)(j+l), the same w at every place of the image (Hung-yi Lee, "Convolutional Neural
    Network", and the course's PyTorch warm-up). Trained as it comes and with random crops (each image moved by up to a
    pixel), tested on the digits left over. `log_dir`: a folder for TensorBoard's scalars and images.
    """
    import torch

    from kshot.classic.data.images import Normalize, RandomCrop, digit_images
    from kshot.classic.networks.vision import SmallCNN, fit, predict

    order = np.random.default_rng(seed).permutation(len(digit_images()))
    within("vision: train_rows", train_rows, 1, len(order) - 1)
    train, test = order[:train_rows], order[train_rows:]
    normalize = Normalize(MEAN, STD)
    unseen = digit_images(normalize, test)
    crop = RandomCrop(8, padding=1, generator=torch.Generator().manual_seed(seed))
    found = {}
    for name, transform in (("as they are", normalize), ("random crops", lambda image: normalize(crop(image)))):
        model = SmallCNN(1, 8, 10, seed=seed)
        folder = Path(log_dir) / name.replace(" ", "-") if log_dir else None
        history = fit(model, digit_images(transform, train), unseen, epochs=epochs, seed=seed, log_dir=folder)
        found[name] = TrainedCNN(model, history, *predict(model, unseen))
    plain, cropped = found["as they are"], found["random crops"]
    better = paired(cropped.right.astype(float).tolist(), plain.right.astype(float).tolist())
    interval = wilson(int(plain.right.sum()), len(test))
    parameters = sum(values.numel() for values in plain.model.parameters())
    summary = [
        f"A network of two convolutions, {parameters:,} parameters, reads {100 * plain.right.mean():.1f}% "
        f"{brackets(interval, scale=100)} of {len(test)} unseen digits after {epochs} epochs on {train_rows:,}; with "
        f"random crops {100 * cropped.right.mean():.1f}%.",
        f"The difference is {100 * better.difference:+.1f} points "
        f"{brackets(better.interval, scale=100, signed=True)}, p = {better.p:.2g}.",
    ]
    rows = []
    for name, one in found.items():
        span = wilson(int(one.right.sum()), len(test))
        rows.append(
            (
                name,
                f"{one.history.train_losses[-1]:.4f}",
                f"{one.history.test_losses[-1]:.4f}",
                f"{100 * one.right.mean():.1f}",
                brackets(span, scale=100),
            )
        )
    table = Table(
        "Test digits",
        columns("train images", "training loss#", "test loss#", "test accuracy (%)#", "95% interval"),
        rows,
        f"{len(test)} test digits, one start.",
    )
    pixels = digit_images(rows=test).images[:, 0].numpy()
    sections = [
        Section("Training", [curve_figure(found), table]),
        Section("What it gets wrong", [mistake_figure(plain, pixels)]),
        Section("What its filters look for", [filter_figure(plain.model)]),
    ]
    return Report("Vision quick start: a small convolutional network", summary, sections)


def curve_figure(found: dict[str, TrainedCNN]) -> Figure:
    """Losses over epochs."""

    @framed(
        "training",
        "Training",
        "Loss of train and of test digits, an epoch each.",
        count=len(found),
        height=2.8,
        columns=2,
    )
    def drawn(*panels: Axes) -> None:
        for axes, (name, one) in zip(panels, found.items(), strict=True):
            epochs = np.arange(1, len(one.history.train_losses) + 1)
            for label, losses, colour, marker in (
                ("train", one.history.train_losses, BLUE, "o"),
                ("test", one.history.test_losses, VERMILLION, "s"),
            ):
                axes.plot(
                    epochs,
                    losses,
                    color=colour,
                    marker=marker,
                    markersize=4,
                    linewidth=1.3,
                    label=label,
                    markevery=max(1, len(epochs) // 6),
                )
            axes.set(title=name, xlabel="epoch", yscale="log")
            plain_logarithms(axes.yaxis)
            axes.grid()
        panels[0].set_ylabel("loss (nats)")
        panels[0].legend(fontsize=7.5)

    return drawn


def mistake_figure(one: TrainedCNN, pixels: Values) -> Figure:
    """The surest mistakes."""
    import torch

    from kshot.classic.networks.vision import mistakes

    worst = mistakes(one.scores, one.truth)[:SHOWN]
    sure = torch.softmax(one.scores, dim=1)

    caption = "Test digits read wrongly, the surest first, with the probability given to the wrong reading."

    @framed("mistakes", "The surest mistakes", caption, count=max(1, len(worst)), height=1.7, columns=4)
    def drawn(*panels: Axes) -> None:
        for axes, at in zip(panels, worst, strict=False):
            said = int(one.scores[at].argmax())
            draw_image(axes, pixels[at], low=0, high=1)
            axes.set_title(f"{int(one.truth[at])} read as {said} ({100 * float(sure[at, said]):.0f}%)")
        if not len(worst):
            panels[0].set_axis_off()
            panels[0].text(0.5, 0.5, "none", ha="center")

    return drawn


def filter_figure(model: SmallCNN) -> Figure:
    """The kernels of the first convolution."""
    kernels = model.first.weight.detach()[:, 0].numpy()
    most = float(np.abs(kernels).max())

    caption = (
        f"The 3 x 3 kernels of the first convolution: purple weights are positive, orange negative, up to {most:.2f}."
    )

    @framed("filters", "The filters of the first convolution", caption, count=len(kernels), height=0.95, columns=8)
    def drawn(*panels: Axes) -> None:
        for axes, kernel in zip(panels, kernels, strict=True):
            axes.pcolormesh(kernel, cmap="PuOr", vmin=-most, vmax=most, edgecolors="face", linewidth=0)
            axes.set_ylim(len(kernel), 0)
            axes.set_aspect("equal")
            axes.set_axis_off()

    return drawn
