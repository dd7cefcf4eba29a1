"""A small gradient is not yet a minimum: the critical points of a small network, their kinds, and the ways out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn import functional as F

from kshot.classic.experiments.registry import experiment
from kshot.classic.landscape.critical_points import (
    Loss,
    Point,
    approach,
    escape,
    examine,
    gradient,
    hessian,
    read,
    write,
)
from kshot.classic.networks.modules import update
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.style import BLUE, COLOURS, VERMILLION
from kshot.eval.report.ticks import plain_logarithms

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS = {"minimum": (BLUE, "o"), "saddle": (VERMILLION, "s"), "degenerate": (COLOURS[2], "D")}


@dataclass(frozen=True, slots=True)
class Search:
    """From one start: where training was, what was found from there, and how far the way out led."""

    updates: int  # of training before the search
    trained: Point
    found: Point
    fell: float  # the loss, by one step along the eigenvector of the smallest eigenvalue; nan but at a saddle
    after: float  # the loss when training had gone on from there; nan but at a saddle


@experiment
def critical_points(*, searches: int = 40, width: int = 6, l2: float = 1e-3, seed: int = 0) -> Report:
    """Where the gradient is 0 some eigenvalues are still negative: fewer the lower the loss, and along one leads a way.

    At a critical point L(theta' + u) = L(theta') + 1/2 u^T H u; minimum ratio = positive eigenvalues / eigenvalues
    (Hung-yi Lee, "When Gradient is Small"). The lecture's y = w2 w1 x with one row x = y = 1, by hand and by machine;
    then a network of `width` tanh units that learns sin(3 pi x) / (3 pi x) on 32 rows: from `searches` random starts it
    is trained for 10 to 3,000 updates, then a place without gradient is looked for. The loss has `l2` |theta|^2,
    without which critical points lie in flat valleys where few searches end.
    """
    table, escape_words, toy = toy_saddle()
    done = [search(width, l2, number, searches, seed) for number in range(searches)]
    points = [one for one in done if one.found.kind in LOOKS]
    saddles = [one for one in points if one.found.kind == "saddle"]
    minima = [one for one in points if one.found.kind == "minimum"]
    kinds = Table(
        f"What {searches} searches ended in",
        columns(
            "kind",
            "points#",
            "loss, median#",
            "loss, from least to largest",
            "minimum ratio, median#",
            "smallest eigenvalue, median#",
            "gradient norm, largest#",
        ),
        [
            line
            for kind in (*LOOKS, "not critical")
            for line in kind_line(kind, [one.found for one in done if one.found.kind == kind])
        ],
        f"{len(done[0].found.weights)} weights; critical: a gradient norm of at most 1e-6. A search that ends above it "
        "lies where H g is 0 and g is not (Frye et al. 2021), or had too few steps.",
    )
    ratios = [one.found.minimum_ratio for one in points]
    losses = [one.found.loss for one in points]
    told = len(set(losses)) > 1 and len(set(ratios)) > 1
    relation, p = spearmanr(losses, ratios) if told else (np.nan, np.nan)
    fell = np.array([one.fell for one in saddles])
    before, after = np.array([one.found.loss for one in saddles]), np.array([one.after for one in saddles])
    small = [one.trained for one in done if one.trained.slope <= 0.01]
    negative = sum(float(point.eigenvalues[0]) < 0 for point in small)
    summary = [
        f"{len(points)} of {searches} searches in a small network end where the gradient is 0, {len(saddles)} of them "
        f"at saddles and {len(minima)} at minima; the minimum ratio is {min(ratios, default=np.nan):.2f} to "
        f"{max(ratios, default=np.nan):.2f}, {of_relation(float(relation), float(p))}.",
        f"The loss falls along the eigenvector of the smallest eigenvalue at {int((fell > 0).sum())} of {len(saddles)} "
        f"saddles; training that goes on from there brings its median from {median(before)} to {median(after)}.",
        f"Training alone had come to a gradient norm of 0.01 or less {len(small)} times, and {negative} times with a "
        f"negative eigenvalue{': a small gradient was no minimum there' if negative else ''}.",
        escape_words,
    ]
    sections = [
        Section("The lecture's saddle, y = w2 w1 x", [toy, table]),
        Section("A small network", [ratio_figure(points), kinds, escape_figure(saddles)]),
    ]
    return Report("Critical points", summary, sections)


def of_relation(relation: float, p: float) -> str:
    """How the minimum ratio goes with the loss, by a rank correlation and its p."""
    if not np.isfinite(relation):
        return "too few different ones to tell how it goes with the loss"
    sure = "lower" if relation < 0 else "higher"
    told = sure if p < 0.05 else f"not for certain {sure}"
    return f"{told} where the loss is higher (rank correlation {relation:.2f}, p = {p:.2g})"


class Product(nn.Module):
    """The lecture's y = w2 w1 x."""

    def __init__(self) -> None:
        super().__init__()
        self.w1 = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.w2 = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.w2 * self.w1 * x
        return out


def toy_saddle() -> tuple[Table, str, Figure]:
    """The lecture's two weights at 0: derivatives by hand and by machine, the step out, and descent from there."""
    module, one = Product(), torch.ones((), dtype=torch.float64)

    def loss() -> Tensor:
        squared: Tensor = (one - module(one)) ** 2
        return squared

    g, H, point = gradient(module, loss), hessian(module, loss), examine(module, loss)
    fell = escape(module, loss, point.downhill)
    out = read(module)
    path = [np.zeros(2), out.numpy()]
    for _ in range(60):
        write(module, read(module) - 0.1 * gradient(module, loss))
        path.append(read(module).numpy())
    table = Table(
        "L = (1 - w1 w2)^2 at w1 = w2 = 0",
        columns("derivative", "by hand", "at 0, by hand", "at 0, by machine"),
        [
            ("dL/dw1", "-2 (1 - w1 w2) w2", "0", f"{g[0] + 0:g}"),
            ("dL/dw2", "-2 (1 - w1 w2) w1", "0", f"{g[1] + 0:g}"),
            ("d²L/dw1²", "2 w2²", "0", f"{H[0, 0] + 0:g}"),
            ("d²L/dw1 dw2", "-2 + 4 w1 w2", "-2", f"{H[0, 1]:g}"),
            ("d²L/dw2²", "2 w1²", "0", f"{H[1, 1] + 0:g}"),
            ("eigenvalues", "", "-2, 2", ", ".join(f"{value:g}" for value in point.eigenvalues.round(decimals=6))),
            ("kind", "", "saddle", point.kind),
        ],
    )
    words = (
        f"At the lecture's saddle w1 = w2 = 0 the gradient is 0 and the loss {point.loss:g}; one step along "
        f"({point.downhill[0]:.2f}, {point.downhill[1]:.2f}), whose eigenvalue is {point.eigenvalues[0]:g}, brings it "
        f"to {point.loss - fell:.2f}."
    )
    return table, words, toy_figure(np.array(path))


def network(width: int, generator: torch.Generator) -> nn.Sequential:
    """One input, one layer of tanh, one output; the weights drawn."""
    module = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 1)).double()
    for layer in module:
        if isinstance(layer, nn.Linear):
            for parameter in (layer.weight, layer.bias):
                parameter.data.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return module


def search(width: int, l2: float, number: int, searches: int, seed: int) -> Search:
    """Trains the network of one start, looks for a critical point from there, and leaves it where it is a saddle."""
    module = network(width, torch.Generator().manual_seed(1_000_003 * seed + number))
    x = torch.linspace(-1, 1, 32, dtype=torch.float64)[:, None]
    y = torch.sinc(3 * x)

    def loss() -> Tensor:
        penalty = torch.stack([parameter.square().sum() for parameter in module.parameters()]).sum()
        return F.mse_loss(module(x), y) + l2 * penalty

    updates = round(10 * 300 ** (number / max(searches - 1, 1)))
    train(module, loss, updates)
    trained = examine(module, loss)
    approach(module, loss)
    found = examine(module, loss)
    fell = after = np.nan
    if found.kind == "saddle":
        fell = escape(module, loss, found.downhill)
        train(module, loss, 500)
        after = loss().item()
    return Search(updates, trained, found, fell, after)


def train(module: nn.Module, loss: Loss, updates: int) -> None:
    """Gradient descent with momentum on the whole loss."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)
    for _ in range(updates):
        update(optimizer, loss())


def median(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    """The median in three decimals, or a dash where there is nothing."""
    return f"{np.median(values):.3f}" if len(values) else "-"


def kind_line(kind: str, points: list[Point]) -> list[tuple[str, ...]]:
    """A row of the table of kinds, or none."""
    if not points:
        return []
    losses = np.array([point.loss for point in points])
    lowest = np.array([float(point.eigenvalues[0]) for point in points])
    return [
        (
            kind,
            str(len(points)),
            median(losses),
            f"{losses.min():.3f} to {losses.max():.3f}",
            f"{np.median([point.minimum_ratio for point in points]):.2f}",
            f"{np.median(lowest):.2g}",
            f"{max(point.slope for point in points):.1g}",
        )
    ]


def toy_figure(path: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Figure:
    """Contours of (1 - w1 w2)^2 with the saddle, the step out of it, and descent."""
    caption = "The loss of y = w2 w1 x with one row x = y = 1: the dotted step along the eigenvector, then descent."

    @framed("toy-saddle", "The lecture's saddle and the way out", caption, width=4.4, height=3.6)
    def drawn(axes: Axes) -> None:
        w1, w2 = np.meshgrid(np.linspace(-2, 2, 101), np.linspace(-2, 2, 101))
        levels = [0.0, 0.02, 0.1, 0.3, 0.6, 1.0, 1.6, 2.5, 4.0, 8.0, 16.0, 25.0]
        bands = axes.contourf(w1, w2, (1 - w1 * w2) ** 2, levels=levels, cmap="cividis", norm="symlog")
        axes.figure.colorbar(bands, ax=axes, label="loss", ticks=levels[1:], format="%g")
        axes.plot(*path[:2].T, color="white", linewidth=1.8, linestyle=":")
        axes.plot(*path[1:].T, color="white", linewidth=1.6, marker=".", markersize=3)
        for place, marker, size, word in ((path[0], "X", 9, "saddle"), (path[-1], "*", 12, "after descent")):
            axes.plot(
                *place, marker, color="white", markeredgecolor="black", markersize=size, linestyle="none", label=word
            )
        axes.set(xlabel="w1", ylabel="w2", aspect="equal")
        axes.legend(loc="upper left", fontsize=7.5, frameon=True, facecolor="lightgrey", edgecolor="none")

    return drawn


def ratio_figure(points: list[Search]) -> Figure:
    """Minimum ratio against training loss of all critical points found."""
    caption = "Each mark is a critical point: the share of positive eigenvalues of its Hessian against its loss."

    @framed("minimum-ratio", "Minimum ratio against training loss", caption, width=5.6, height=3.2)
    def drawn(axes: Axes) -> None:
        for kind, (colour, marker) in LOOKS.items():
            chosen = [one.found for one in points if one.found.kind == kind]
            if chosen:
                axes.plot(
                    [point.loss for point in chosen],
                    [point.minimum_ratio for point in chosen],
                    marker,
                    color=colour,
                    markersize=5,
                    markerfacecolor="none",
                    linestyle="none",
                    label=kind,
                )
        axes.set(xlabel="training loss at the critical point", ylabel="minimum ratio")
        axes.grid()
        axes.legend(fontsize=7.5)

    return drawn


def escape_figure(saddles: list[Search]) -> Figure:
    """The loss at each saddle, after the step out, and after more training."""
    caption = "What a step along the eigenvector of the smallest eigenvalue does to the loss, and training from there."

    @framed("escapes", "Out of every saddle", caption, width=5.6, height=3.0)
    def drawn(axes: Axes) -> None:
        order = sorted(saddles, key=lambda one: one.found.loss)
        stages: list[tuple[str, str, str, Callable[[Search], float]]] = [
            ("at the saddle", VERMILLION, "s", lambda one: one.found.loss),
            ("one step out", COLOURS[4], "^", lambda one: one.found.loss - one.fell),
            ("500 updates later", BLUE, "o", lambda one: one.after),
        ]
        for label, colour, marker, value in stages:
            axes.plot(
                range(1, len(order) + 1),
                [value(one) for one in order],
                marker,
                color=colour,
                markersize=4.5,
                linestyle="none",
                label=label,
            )
        axes.set(xlabel="saddle, by its loss", ylabel="training loss", yscale="log")
        plain_logarithms(axes.yaxis)
        axes.grid()
        axes.legend(fontsize=7.5)

    return drawn
