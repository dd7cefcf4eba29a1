"""What makes a deep network's loss surface smooth: slices with and without skip connections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kshot.classic.data.digits import Digits, load_digits, split_by_class
from kshot.classic.data.inputs import Array
from kshot.classic.descent.descend import batches
from kshot.classic.experiments.registry import experiment
from kshot.classic.landscape.critical_points import Extremes, hessian_product, lanczos, read
from kshot.classic.landscape.slices import filter_normalised, slice_1d, slice_2d
from kshot.classic.networks.modules import accuracy, update
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.numbers import mean_plus_minus
from kshot.eval.report.style import COLOURS, MARKERS
from kshot.eval.report.ticks import plain_logarithms

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALONG = np.linspace(-1, 1, 41)


@dataclass(frozen=True, slots=True)
class SlicedNetwork:
    """One network after training, and what its surface looks like."""

    loss: float
    accuracy: float  # on the test digits
    slices: Array  # (directions, ALONG)
    ends: Extremes
    picture: Array | None  # (side, side)

    @property
    def bent_down(self) -> float:
        """Percent of the inner points of the slices at which the loss is curved downwards, as no convex one is."""
        return 100 * float((np.diff(self.slices, n=2, axis=1) < 0).mean())

    @property
    def half_way(self) -> float:
        """The loss at alpha = 0.5 and -0.5, mean over the slices."""
        quarter = len(ALONG) // 4
        return float(self.slices[:, [quarter, -1 - quarter]].mean())

    @property
    def negative_share(self) -> float:
        """|lambda_min / lambda_max| of the Hessian: 0 where it is convex."""
        return abs(min(self.ends.low, 0.0)) / self.ends.high


MEASURES: dict[str, tuple[Callable[[SlicedNetwork], float], int]] = {
    "training loss": (lambda one: one.loss, 3),
    "test accuracy (%)": (lambda one: 100 * one.accuracy, 1),
    "loss at alpha = ±0.5": (lambda one: one.half_way, 2),
    "slices bent down (%)": (lambda one: one.bent_down, 1),
    "|smallest / largest eigenvalue|": (lambda one: one.negative_share, 2),
}
"""What is told of each network, and in how many decimals."""


@experiment
def loss_surface(
    *,
    depth: int = 16,
    width: int = 16,
    updates: int = 600,
    lr: float = 3e-3,
    repeats: int = 4,
    directions: int = 4,
    side: int = 21,
    seed: int = 0,
) -> Report:
    """Deep networks without skip connections have narrow, bent loss surfaces; with them, or with few layers, wide ones.

    L(theta + alpha d + beta e) with random directions, each filter as long as the network's own: d_ij <- d_ij / |d_ij|
    |theta_ij| (Li et al. 2018, arXiv 1712.09913, section 4 and figure 1). ReLU networks on half of scikit-learn's
    digits, h <- relu(W h + b) without and h <- h + relu(W h + b) with skip connections, trained alike (Adam) from
    `repeats` starts; `directions` random directions each.
    """
    parts = split_by_class(load_digits(), seed=seed)
    kinds = {
        f"{depth} layers": (depth, False),
        f"{depth} layers, skip connections": (depth, True),
        "2 layers": (2, False),
    }
    found = {
        name: [
            run(parts, layers, skip, width, updates, lr, directions, side if repeat == 0 else 0, 1000 * seed + repeat)
            for repeat in range(repeats)
        ]
        for name, (layers, skip) in kinds.items()
    }
    told = {
        title: [mean_plus_minus([value(one) for one in runs], decimals) for runs in found.values()]
        for title, (value, decimals) in MEASURES.items()
    }
    table = Table(
        "Surfaces around trained networks",
        columns("network", *(f"{title}#" for title in told)),
        [(name, *(means[at] for means in told.values())) for at, name in enumerate(found)],
        f"Means over {repeats} starts with 95% intervals by Student's t; {directions} random directions each, "
        f"{len(ALONG)} points a slice. Bent down: the second difference is negative, which a convex loss has nowhere.",
    )
    losses, _, away, bent, _ = told.values()
    summary = [
        f"Half a filter's length from where training ended, the loss is {away[0]} with {depth} layers, {away[1]} where "
        f"they have skip connections, and {away[2]} with 2 layers; {bent[0]}%, {bent[1]}% and {bent[2]}% of the slices "
        "are bent down, as a convex loss is nowhere.",
        f"The same training brought the three to losses of {losses[0]}, {losses[1]} and {losses[2]}.",
    ]
    sections = [
        Section("Slices in two directions", [picture_figure({name: runs[0] for name, runs in found.items()})]),
        Section("Slices in one direction", [slices_figure(found), table]),
    ]
    return Report("Loss surfaces", summary, sections)


class ReluModule(nn.Module):
    """64 pixels, ReLU layers of one width, 10 digits; with `skip` every layer adds to what it is given."""

    def __init__(self, layers: int, width: int, skip: bool, generator: torch.Generator) -> None:
        super().__init__()
        sizes = [64, *[width] * layers]
        inner = [nn.Linear(d, m, dtype=torch.float64) for d, m in pairwise(sizes)]
        self.first, self.inner = inner[0], nn.ModuleList(inner[1:])
        self.last = nn.Linear(width, 10, dtype=torch.float64)
        self.skip = skip
        with torch.no_grad():  # He et al. 2015; a layer that adds begins small, or the sum would grow with depth
            for layer in (*inner, self.last):
                drawn = torch.randn(layer.weight.shape, generator=generator, dtype=torch.float64)
                adds = skip and layer is not self.first and layer is not self.last
                layer.weight.copy_(drawn * (2 / layer.in_features) ** 0.5 / (layers**0.5 if adds else 1))
                layer.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x))
        for layer in self.inner:
            h = h + torch.relu(layer(h)) if self.skip else torch.relu(layer(h))
        out: Tensor = self.last(h)
        return out


def run(
    parts: tuple[Digits, Digits],
    layers: int,
    skip: bool,
    width: int,
    updates: int,
    lr: float,
    directions: int,
    side: int,
    seed: int,
) -> SlicedNetwork:
    """Trains a network with Adam by mini-batches and takes slices around it; a picture where `side` is not 0."""
    (X, y), unseen = parts[0].tensors(), parts[1]
    generator = torch.Generator().manual_seed(seed)
    module = ReluModule(layers, width, skip, generator)
    optimizer = torch.optim.Adam(module.parameters(), lr=lr)
    draw = batches(len(y), 64, np.random.default_rng(seed))
    for _ in range(updates):
        rows = torch.as_tensor(next(draw))
        update(optimizer, F.cross_entropy(module(X[rows]), y[rows]))

    def loss() -> Tensor:
        return F.cross_entropy(module(X), y)

    slices = np.array([slice_1d(module, loss, filter_normalised(module, generator), ALONG) for _ in range(directions)])
    picture = None
    if side:
        d, e = filter_normalised(module, generator), filter_normalised(module, generator)
        steps = np.linspace(-1, 1, side)
        picture = slice_2d(module, loss, d, e, steps, steps)
    start = torch.randn(len(read(module)), generator=generator, dtype=torch.float64)
    ends = lanczos(hessian_product(module, loss), start, max_products=60, tol=1e-2)
    return SlicedNetwork(loss().item(), accuracy(module, *unseen.tensors()), slices, ends, picture)


def picture_figure(networks: dict[str, SlicedNetwork]) -> Figure:
    """Contours of one slice in two directions for each network."""
    caption = (
        "Training loss over two random filter-normalised directions around the trained network (star); one start of "
        f"each kind; losses above {50} are drawn as {50}."
    )

    @framed("surfaces", "Loss surfaces around trained networks", caption, count=len(networks), height=3.1)
    def drawn(*panels: Axes) -> None:
        levels = [0, 0.05, 0.1, 0.2, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 50]
        for axes, (name, one) in zip(panels, networks.items(), strict=True):
            assert one.picture is not None
            steps = np.linspace(-1, 1, len(one.picture))
            shown = np.minimum(one.picture, levels[-1])
            bands = axes.contourf(steps, steps, shown, levels=levels, cmap="cividis", norm="symlog")
            axes.contour(steps, steps, shown, levels=levels, colors="white", linewidths=0.4)
            axes.plot(0, 0, "*", color="white", markeredgecolor="black", markersize=9)
            axes.set(title=name, xlabel="alpha", aspect="equal")
        panels[0].set_ylabel("beta")
        panels[0].figure.colorbar(
            bands, ax=panels, label="training loss (nats a digit)", ticks=levels, format="%g", shrink=0.9
        )

    return drawn


def slices_figure(found: dict[str, list[SlicedNetwork]]) -> Figure:
    """All slices in one direction, a panel for each kind."""
    caption = "Training loss along random filter-normalised directions; a colour and a marker for each start."

    @framed("slices", "Slices in one direction", caption, count=len(found), height=2.9)
    def drawn(*panels: Axes) -> None:
        for axes, (name, runs) in zip(panels, found.items(), strict=True):
            for number, one in enumerate(runs):
                for at, values in enumerate(one.slices):
                    axes.plot(
                        ALONG,
                        values,
                        color=COLOURS[number % len(COLOURS)],
                        marker=MARKERS[number % len(MARKERS)],
                        markevery=8,
                        markersize=3,
                        linewidth=0.8,
                        alpha=0.8,
                        label=f"start {number + 1}" if at == 0 else None,
                    )
            axes.set(title=name, xlabel="alpha", yscale="log", ylim=(0.005, 1000))
            plain_logarithms(axes.yaxis)
            axes.grid()
        panels[0].set_ylabel("training loss (nats a digit)")
        panels[0].legend(loc="lower left", fontsize=7.5)

    return drawn
