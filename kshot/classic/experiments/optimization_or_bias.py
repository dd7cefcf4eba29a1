"""20 against 56 layers: a deeper network with a larger TRAINING loss is not overfitting, it is not optimised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kshot.classic.data.digits import Digits, load_digits, split_by_class
from kshot.classic.descent.optimizers import Adam
from kshot.classic.experiments.registry import experiment
from kshot.classic.experiments.wording import by_interval
from kshot.classic.networks.layers import Dense, Layer, Relu, Residual, softmax_cross_entropy
from kshot.classic.networks.network import Network, train
from kshot.classic.regression.feature_scaling import Standardisation
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.numbers import mean_in_brackets
from kshot.eval.report.style import BLUE, VERMILLION
from kshot.eval.report.ticks import plain_logarithms
from kshot.eval.statistics import Interval, t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEPTHS = (20, 56)
LOOKS = {20: (BLUE, "o"), 56: (VERMILLION, "s")}


@dataclass(frozen=True, slots=True)
class DepthRun:
    """A network trained: its loss an epoch, and after training on train rows and on unseen ones."""

    losses: list[float]
    train_loss: float
    test_error: float
    network: Network


@experiment
def optimization_or_bias(*, units: int = 32, epochs: int = 20, seeds: int = 4, seed: int = 0) -> Report:
    """A plain network of 56 layers has a larger training loss than one of 20; with residual connections it has not.

    The 56 layers could do whatever the 20 do: 36 of them need only copy, W = I and b = 0. A larger training loss is
    then no model bias and no overfitting but optimisation (He et al. 2016, "Deep Residual Learning", figure 1; Hung-yi
    Lee, "General Guidance"). Residual blocks a + f(a), of two layers each, make copying the start. Digits, `units` a
    layer, He's start (a block's last layer starts smaller, as 27 blocks add up), Adam; losses are after training.
    """
    parts = split_by_class(load_digits(), seed=seed, test_share=0.3)
    scaler = Standardisation().fit(parts[0].X)
    seen, unseen = (Digits(scaler.transform(part.X).astype(np.float32), part.y) for part in parts)
    runs = {
        (kind, depth): [run(kind == "residual", depth, units, epochs, seed + at, seen, unseen) for at in range(seeds)]
        for kind in ("plain", "residual")
        for depth in DEPTHS
    }
    copies = [copied(one.network, units, 56 - 20, seen) for one in runs["plain", 20]]
    losses = {key: [one.train_loss for one in some] for key, some in runs.items()}
    plain, residual = (np.array(losses[kind, 56]) - losses[kind, 20] for kind in ("plain", "residual"))
    means = {key: float(np.mean(some)) for key, some in losses.items()}
    gain = np.array(losses["plain", 56]) - losses["residual", 56]
    summary = [
        f"The training loss of the plain network {of_depth(t_interval(plain))} with 56 layers, "
        f"{means['plain', 56]:.2f} against {means['plain', 20]:.2f} with 20, and 36 copying layers on top of the 20 "
        f"have {np.mean(copies):.2f}: {cause(t_interval(plain))}; with residual connections 56 layers have "
        f"{means['residual', 56]:.3f}, {of_skips(t_interval(gain))}, against {means['residual', 20]:.3f} with 20.",
        f"56 minus 20 layers, over {seeds} starts: plain {mean_in_brackets(plain, 2, signed=True)}, residual "
        f"{mean_in_brackets(residual, 3, signed=True)}; 56 layers, plain minus residual "
        f"{mean_in_brackets(gain, 2, signed=True)}.",
    ]
    rows_ = []
    for (kind, depth), some in runs.items():
        first = [one.losses[0] for one in some]
        rows_.append(
            (
                f"{kind}, {depth} layers",
                f"{some[0].network.parameters.size:,}",
                f"{np.mean(first):.2f}",
                f"{means[kind, depth]:.3f}",
                ", ".join(f"{one.train_loss:.3f}" for one in some),
                f"{100 * np.mean([one.test_error for one in some]):.1f}",
            )
        )
    rows_.append(
        (
            "plain, 20 layers and 36 that copy",
            f"{runs['plain', 56][0].network.parameters.size:,}",
            "",
            f"{np.mean(copies):.3f}",
            ", ".join(f"{loss:.3f}" for loss in copies),
            "",
        )
    )
    table = Table(
        "Training loss",
        columns(
            "network",
            "parameters#",
            "loss of the first epoch#",
            "training loss at the end#",
            "of each start",
            "test error (%)#",
        ),
        rows_,
        "Cross-entropy in nats; guessing has 2.303. Only a network that could not be trained is worse on train rows.",
    )
    return Report(
        "20 against 56 layers: optimisation or model bias", summary, [Section("Training", [loss_figure(runs), table])]
    )


def of_depth(span: Interval) -> str:
    """What the interval of 56 minus 20 layers says."""
    return by_interval(span, "is larger", "is smaller", "is not surely larger")


def cause(span: Interval) -> str:
    """What follows of it: copying layers show that the model could."""
    return by_interval(span, "optimisation fails, not the model", "optimisation does not fail", "no failure is sure")


def of_skips(span: Interval) -> str:
    """What the interval of plain minus residual says."""
    return by_interval(span, "surely less than without", "surely more than without", "not surely less than without")


def layers_of(residual: bool, depth: int, units: int) -> list[Layer]:
    """A network of `depth` layers with weights: in, depth - 2 in between, alone or in blocks of two, and out."""
    layers: list[Layer] = [Dense(units), Relu()]
    for _ in range((depth - 2) // 2):
        if residual:
            layers += [Residual([Dense(units), Relu(), Dense(units, gain=4 / depth)]), Relu()]
        else:
            layers += [Dense(units), Relu(), Dense(units), Relu()]
    return [*layers, Dense(10, gain=1.0)]


def run(residual: bool, depth: int, units: int, epochs: int, seed: int, seen: Digits, unseen: Digits) -> DepthRun:
    """One network, trained."""
    rng = np.random.default_rng(seed)
    network = Network(layers_of(residual, depth, units), (seen.X.shape[1],), rng, dtype=np.float32)
    curve = train(
        network,
        seen.X,
        seen.y,
        loss=softmax_cross_entropy,
        optimizer=Adam(lr=2e-3),
        epochs=epochs,
        batch_size=128,
        rng=rng,
    )
    wrong = float((network.forward(unseen.X).argmax(axis=1) != unseen.y).mean())
    return DepthRun(curve.losses, softmax_cross_entropy(network.forward(seen.X), seen.y)[0], wrong, network)


def copied(network: Network, units: int, more: int, seen: Digits) -> float:
    """The training loss of the network with more layers, which copy: W = I, b = 0, and relu of what is not negative."""
    layers: list[Layer] = [
        type(layer)() if isinstance(layer, Relu) else Dense(layer.parameters["b"].size) for layer in network.layers
    ]
    for _ in range(more):
        layers[-1:-1] = [Dense(units), Relu()]
    deeper = Network(layers, (seen.X.shape[1],), np.random.default_rng(0), dtype=np.float32)
    dense = [layer for layer in network.layers if isinstance(layer, Dense)]
    new = [layer for layer in deeper.layers if isinstance(layer, Dense)]
    for at, layer in enumerate(new):
        copying = len(dense) - 1 <= at < len(new) - 1
        source = dense[-1] if at == len(new) - 1 else None if copying else dense[at]
        layer.parameters["W"][...] = np.eye(units) if source is None else source.parameters["W"]
        layer.parameters["b"][...] = 0 if source is None else source.parameters["b"]
    return softmax_cross_entropy(deeper.forward(seen.X), seen.y)[0]


def loss_figure(runs: dict[tuple[str, int], list[DepthRun]]) -> Figure:
    """Training loss over epochs, plain and residual."""
    caption = "The loss of each epoch's batches: thin lines are starts, thick ones their means."

    @framed("layers", "Training loss of 20 and of 56 layers", caption, count=2, height=3.0)
    def drawn(*panels: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        for axes, kind in zip(panels, ("plain", "residual"), strict=True):
            for depth, (colour, marker) in LOOKS.items():
                curves = np.array([one.losses for one in runs[kind, depth]])
                epochs = np.arange(1, curves.shape[1] + 1)
                axes.plot(epochs, curves.T, color=colour, linewidth=0.6, alpha=0.5)
                axes.plot(
                    epochs,
                    curves.mean(axis=0),
                    color=colour,
                    linewidth=1.8,
                    marker=marker,
                    markersize=4,
                    markevery=max(1, len(epochs) // 6),
                    label=f"{depth} layers",
                )
            axes.set(title=kind, xlabel="epoch", yscale="log")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            plain_logarithms(axes.yaxis)
            axes.grid()
        panels[0].set_ylabel("training loss (nats)")
        panels[0].legend(loc="lower left", fontsize=7.5)

    return drawn
