"""Overfitting on a few digits, and what helps: each remedy against the same large network, on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kshot.classic.data.digits import Digits, load_digits
from kshot.classic.data.inputs import Values
from kshot.classic.descent.optimizers import Adam
from kshot.classic.experiments.registry import experiment
from kshot.classic.experiments.wording import by_interval, listed, within
from kshot.classic.networks.layers import (
    Convolution,
    Dense,
    Dropout,
    Flatten,
    Layer,
    Relu,
    Unflatten,
    softmax_cross_entropy,
)
from kshot.classic.networks.network import Network, train
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.numbers import brackets, mean_in_brackets
from kshot.eval.report.style import BLUE, GREY, VERMILLION
from kshot.eval.report.ticks import plain_logarithms
from kshot.eval.statistics import Interval, t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LARGE = (128, 128)
WATCHED = 300
"""Test digits on which the loss of every epoch is taken; the accuracy is of all."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A way to train; without more it is the large network on the rows as they are."""

    name: str
    layers: Callable[[np.random.Generator], list[Layer]]
    weight_decay: float = 0.0
    jitter: bool = False
    patience: int | None = None
    rows: int = 1  # times as many train rows


@dataclass(frozen=True, slots=True)
class RemedyRun:
    """How one run ended."""

    train_losses: list[float]
    test_losses: list[float]
    accuracy: float
    parameters: int


def dense(*units: int, dropout: float = 0.0) -> Callable[[np.random.Generator], list[Layer]]:
    """Fully connected layers."""

    def layers(rng: np.random.Generator) -> list[Layer]:
        made: list[Layer] = []
        for width in units:
            made += [Dense(width), Relu()]
            if dropout:
                made.append(Dropout(dropout, rng))
        return [*made, Dense(10, gain=1.0)]

    return layers


def convolutional(rng: np.random.Generator) -> list[Layer]:
    """Two convolutions, the same weights at every place of the image."""
    shared: list[Layer] = [Convolution(8, 3, padding=1), Relu(), Convolution(16, 3, stride=2, padding=1), Relu()]
    return [Unflatten((1, 8, 8)), *shared, Flatten(), Dense(10, gain=1.0)]


BASE = "large network"
REMEDIES = (
    Remedy(BASE, dense(*LARGE)),
    Remedy("fewer parameters", dense(16)),
    Remedy("early stopping", dense(*LARGE), patience=10),
    Remedy("regularisation (L2)", dense(*LARGE), weight_decay=1e-2),
    Remedy("dropout", dense(*LARGE, dropout=0.5)),
    Remedy("weight sharing", convolutional),
    Remedy("augmentation", dense(*LARGE), jitter=True),
    Remedy("4 times the rows", dense(*LARGE), rows=4),
)


@experiment
def overfitting(*, rows: int = 200, wrong: float = 0.2, epochs: int = 60, seeds: int = 5, seed: int = 0) -> Report:
    """A large network learns few digits by heart, wrong labels too; what keeps it from that helps on unseen ones.

    The training loss goes to 0, the test loss turns and rises. Against it (Hung-yi Lee, "General Guidance"): fewer
    parameters; early stopping (on a fifth of the rows, held out); L2, C + lambda/2 |w|^2; dropout of half of each
    hidden layer; weight sharing, a convolution with the same weights at every place; augmentation, each image
    turned, scaled and moved a little, anew in every epoch. `seeds` draws of `rows` train digits, the same for all
    remedies, `wrong` of their labels another digit's; tested on the rest, with right labels.
    """
    digits = load_digits(np.float32)
    within("overfitting: rows", rows, 10, len(digits) // 4 - 1)  # 4 times as many, and some to test on
    within("overfitting: wrong", wrong, 0, 1)
    found: dict[str, list[RemedyRun]] = {remedy.name: [] for remedy in REMEDIES}
    for at in range(seeds):
        order = np.random.default_rng(seed + at).permutation(len(digits))
        test = digits.rows(order[4 * rows :])
        told = mislabelled(digits, wrong, np.random.default_rng([seed, at]))
        for remedy in REMEDIES:
            seen = told.rows(order[: remedy.rows * rows])
            found[remedy.name].append(outcome(remedy, seen, test, epochs, seed + at))
    scores = {name: np.array([one.accuracy for one in some]) for name, some in found.items()}
    base = scores[BASE]
    gains = {name: 100 * (values - base) for name, values in scores.items() if name != BASE}
    spans = {name: t_interval(values) for name, values in gains.items()}
    more_rows = REMEDIES[-1].name
    first = max((name for name in gains if name != more_rows), key=lambda name: gains[name].mean())
    turned = [one.test_losses[-1] / min(one.test_losses) for one in found[BASE]]
    last = np.mean([one.train_losses[-1] for one in found[BASE]])
    summary = [
        f"On {rows} digits, {100 * wrong:.0f}% of them with a wrong label, the large network's training loss ends at "
        f"{last:.3f} and it reads {100 * base.mean():.1f}% of unseen ones; of what was tried on the same rows "
        f"{most_help(first, spans[first])}, {100 * scores[first].mean():.1f}% ({gains[first].mean():+.1f} points "
        f"{brackets(spans[first], signed=True)}).",
        sorted_out({name: span for name, span in spans.items() if name != more_rows}, seeds),
        f"Its test loss ends {np.mean(turned):.2f} times as high as it was at its least.",
        f"4 times as many rows give {gains[more_rows].mean():+.1f} points {brackets(spans[more_rows], signed=True)}.",
    ]
    table = Table(
        f"{rows} train digits, {seeds} draws",
        columns(
            "what",
            "parameters#",
            "training loss at the end#",
            "test loss: least, end#",
            "test accuracy (%)#",
            "against the large network (points) [95%]#",
        ),
        [row(name, found[name], scores[name], gains.get(name)) for name in found],
        "Means over draws of the train rows, intervals paired, by Student's t; early stopping trains on four fifths.",
    )
    sections = [
        Section("What helps", [gain_figure(gains), table]),
        Section("Curves", [curve_figure(found)]),
    ]
    return Report("Overfitting, and what helps", summary, sections)


def most_help(first: str, span: Interval) -> str:
    """What the best remedy comes to, by the interval of what it adds."""
    unsure = f"nothing surely helps, {first} does best"
    return by_interval(span, f"{first} helps most", f"nothing helps, {first} harms least", unsure)


def sorted_out(spans: dict[str, Interval], seeds: int) -> str:
    """The remedies by what their intervals say."""
    kinds = ("better", "worse", "neither")
    found = {kind: [name for name, span in spans.items() if by_interval(span, *kinds) == kind] for kind in kinds}
    return (
        f"Surely better over {seeds} draws: {listed(found['better'])}; surely worse: {listed(found['worse'])}; not "
        f"surely either: {listed(found['neither'])}."
    )


def mislabelled(digits: Digits, share: float, rng: np.random.Generator) -> Digits:
    """The same images, of which about this share is said to be another digit."""
    chosen, by = rng.random(len(digits)) < share, rng.integers(1, 10, len(digits))
    return Digits(digits.X, np.where(chosen, (digits.y + by) % 10, digits.y))


def outcome(remedy: Remedy, seen: Digits, test: Digits, epochs: int, seed: int) -> RemedyRun:
    """One network trained on the rows and judged on the others."""
    rng = np.random.default_rng(seed)
    network = Network(remedy.layers(rng), (64,), rng, dtype=np.float32)
    optimizer = Adam(lr=2e-3, weight_decay=remedy.weight_decay)
    held = seen.rows(slice(len(seen) * 4 // 5, None))
    if remedy.patience:
        seen = seen.rows(slice(len(seen) * 4 // 5))
    rows, watched = seen.X.copy(), test.rows(slice(WATCHED))
    test_losses: list[float] = []

    def watch() -> float:
        """The loss of test rows for the curve, of rows held out for early stopping; and the next epoch's images."""
        test_losses.append(softmax_cross_entropy(network.forward(watched.X), watched.y)[0])
        if remedy.jitter:
            rows[...] = jittered(seen.X, rng)
        return softmax_cross_entropy(network.forward(held.X), held.y)[0] if remedy.patience else test_losses[-1]

    curve = train(
        network,
        rows,
        seen.y,
        loss=softmax_cross_entropy,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=25,
        rng=rng,
        watch=watch,
        patience=remedy.patience,
    )
    right = network.forward(test.X).argmax(axis=1) == test.y
    return RemedyRun(curve.losses, test_losses, float(right.mean()), network.parameters.size)


def jittered(X: Values, rng: np.random.Generator) -> Values:
    """Each 8 x 8 image turned by up to 15 degrees, scaled by up to a tenth, moved by up to half a pixel; bilinear."""
    n = len(X)
    angle, scale = rng.uniform(-np.pi / 12, np.pi / 12, n), rng.uniform(0.9, 1.1, n)
    moves = rng.uniform(-0.5, 0.5, (2, n, 1, 1))
    down, right = np.meshgrid(np.arange(8) - 3.5, np.arange(8) - 3.5, indexing="ij")
    cos, sin = (scale * part(angle) for part in (np.cos, np.sin))
    rows = cos[:, None, None] * down - sin[:, None, None] * right + 3.5 + moves[0]  # where each pixel is taken from
    columns = sin[:, None, None] * down + cos[:, None, None] * right + 3.5 + moves[1]
    images = np.pad(X.reshape(n, 8, 8), ((0, 0), (2, 3), (2, 3)))  # empty outside
    rows, columns = np.clip(rows + 2, 0, 11), np.clip(columns + 2, 0, 11)
    top, left = rows.astype(int), columns.astype(int)
    below, beside = rows - top, columns - left
    which = np.arange(n)[:, None, None]
    upper = (1 - beside) * images[which, top, left] + beside * images[which, top, left + 1]
    lower = (1 - beside) * images[which, top + 1, left] + beside * images[which, top + 1, left + 1]
    result: Values = ((1 - below) * upper + below * lower).reshape(n, 64).astype(X.dtype)
    return result


def row(name: str, some: list[RemedyRun], scores: Values, gains: Values | None) -> tuple[str, ...]:
    """A remedy's row of the table."""
    least, end = (np.mean([pick(one.test_losses) for one in some]) for pick in (min, lambda losses: losses[-1]))
    against = ""
    if gains is not None:
        against = mean_in_brackets(gains, signed=True)
    losses = np.mean([one.train_losses[-1] for one in some])
    return (
        name,
        f"{some[0].parameters:,}",
        f"{losses:.3f}",
        f"{least:.2f}, {end:.2f}",
        f"{100 * scores.mean():.1f}",
        against,
    )


def gain_figure(gains: dict[str, Values]) -> Figure:
    """What each remedy adds, with intervals and every draw."""
    caption = "Mean difference with its 95% interval (circles), and each draw of the train rows (dots)."

    @framed("remedies", "What helps against overfitting", caption, width=6.4, height=3.2)
    def drawn(axes: Axes) -> None:
        for place, values in enumerate(gains.values()):
            span = t_interval(values)
            axes.errorbar(
                values.mean(),
                place,
                xerr=[[values.mean() - span.low], [span.high - values.mean()]],
                color=BLUE,
                marker="o",
                markersize=5,
                capsize=3,
                linewidth=1.4,
            )
            axes.plot(
                values, np.full(len(values), place + 0.22), ".", color=VERMILLION, markersize=3.5, linestyle="none"
            )
        axes.axvline(0, color=GREY, linewidth=1.0)
        axes.set_yticks(range(len(gains)), list(gains))
        axes.invert_yaxis()
        axes.set_xlabel("test accuracy against the large network (percentage points)")
        axes.grid(axis="x")

    return drawn


def curve_figure(found: dict[str, list[RemedyRun]]) -> Figure:
    """Training and test loss over epochs, a panel a remedy, means over the draws that still train."""
    caption = (
        "Means over draws, as far as all of them train; training losses are those of the batches, with dropout in."
    )

    @framed("curves", "Training and test loss", caption, count=len(found), height=2.1, columns=4)
    def drawn(*panels: Axes) -> None:
        for axes, (name, some) in zip(panels, found.items(), strict=True):
            for label, colour, marker, curves in (
                ("train", BLUE, "o", [one.train_losses for one in some]),
                ("test", VERMILLION, "s", [one.test_losses for one in some]),
            ):
                shortest = min(map(len, curves))
                middle = np.mean([curve[:shortest] for curve in curves], axis=0)
                axes.plot(
                    np.arange(1, shortest + 1),
                    middle,
                    color=colour,
                    marker=marker,
                    markersize=3.5,
                    linewidth=1.3,
                    markevery=max(1, shortest // 5),
                    label=label,
                )
            axes.set(title=name, yscale="log", ylim=(1e-3, 5))
            plain_logarithms(axes.yaxis)
            axes.grid()
        for axes in panels[4:]:
            axes.set_xlabel("epoch")
        for axes in panels[::4]:
            axes.set_ylabel("loss (nats)")
        panels[0].legend(fontsize=7.5, loc="lower left")

    return drawn
