"""Deep against wide at as many parameters: where depth pays, and where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kshot.classic.data.digits import load_digits, split_at_random
from kshot.classic.data.inputs import Array
from kshot.classic.descent.optimizers import Adam
from kshot.classic.experiments.drawing import draw_means
from kshot.classic.experiments.registry import experiment
from kshot.classic.networks.layers import softmax_cross_entropy, squared_error
from kshot.classic.networks.network import perceptron, train
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.numbers import mean_in_brackets
from kshot.eval.report.style import BLUE, VERMILLION
from kshot.eval.statistics import t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEPTHS = (1, 2, 3, 5, 8)
FOLDS = 3


@experiment
def deep_wide(*, parameters: int = 1000, seeds: int = 6, epochs: int = 40, seed: int = 0) -> Report:
    """A function made of folds is learned by a deep thin network and not by a wide one with as many parameters.

    The sawtooth t(t(t(x))) with t(x) = 1 - |2x - 1| doubles its teeth with every fold: a network of L layers makes them
    with a few units a layer, a network of one layer needs a unit for every tooth (Telgarsky 2016, "Benefits of depth
    in neural networks"; Hung-yi Lee, "Why Deep?", the folded paper). The widths are those whose number of parameters
    is nearest to `parameters`; the digits, no such function, stand beside it.
    """
    sawtooth: dict[int, Array] = {}
    read: dict[int, Array] = {}
    digits = 3 * parameters
    for depth in DEPTHS:
        sawtooth[depth] = np.array(
            [learn_sawtooth(depth, width(1, depth, 1, parameters), epochs, seed + at) for at in range(seeds)]
        )
        read[depth] = np.array(
            [learn_digits(depth, width(64, depth, 10, digits), epochs, seed + at) for at in range(seeds)]
        )
    means = {depth: float(values.mean()) for depth, values in sawtooth.items()}
    best = min(means, key=lambda depth: means[depth])
    shares = {depth: 100 * float(values.mean()) for depth, values in read.items()}
    most, least = (pick(shares, key=lambda depth: shares[depth]) for pick in (max, min))
    summary = [
        f"With about {parameters:,} parameters one hidden layer leaves {means[1]:.3f} of the sawtooth's variance "
        f"unexplained, {best} layers {means[best]:.3f}: {said(sawtooth, best)}.",
        f"The digits are no such function: with about {digits:,} parameters {layers(most)} most of the unseen ones, "
        f"{shares[most]:.1f}%, {layers(least)} fewest, {shares[least]:.1f}%.",
    ]
    rows = []
    for depth in DEPTHS:
        units, other = width(1, depth, 1, parameters), width(64, depth, 10, digits)
        rows.append(
            (
                str(depth),
                f"{units} ({count(1, depth, 1, units):,})",
                mean_in_brackets(sawtooth[depth], 3, least=0),
                f"{other} ({count(64, depth, 10, other):,})",
                mean_in_brackets(read[depth], scale=100, least=0),
            )
        )
    table = Table(
        "Deep against wide",
        columns(
            "hidden layers#",
            "sawtooth: units a layer (parameters)#",
            "test error, share of the variance [95%]#",
            "digits: units a layer (parameters)#",
            "test accuracy (%) [95%]#",
        ),
        rows,
        f"Means over {seeds} starts and draws of the rows.",
    )
    example = fits(parameters, epochs, seed, best)
    sections = [
        Section("Test error at equal parameters", [depth_figure(sawtooth, read), table]),
        Section("What they learned", [fit_figure(example)]),
    ]
    return Report("Deep against wide", summary, sections)


def layers(depth: int) -> str:
    """Depth as a subject."""
    return "1 hidden layer reads" if depth == 1 else f"{depth} hidden layers read"


def said(found: dict[int, Array], best: int) -> str:
    """Whether the best depth is better than one layer beyond the spread of the starts (a paired interval)."""
    if best == 1:
        return "here depth does not help"
    gain = found[1] - found[best]
    sure = "depth pays" if t_interval(gain).low > 0 else "too few starts to tell"
    return f"{sure} (difference {mean_in_brackets(gain, 2)})"


def count(inputs: int, depth: int, outputs: int, units: int) -> int:
    """Parameters of a network of `depth` hidden layers."""
    return (inputs + 1) * units + (depth - 1) * (units + 1) * units + (units + 1) * outputs


def width(inputs: int, depth: int, outputs: int, parameters: int) -> int:
    """The units a layer whose number of parameters is nearest.

    >>> width(1, 1, 1, 1000), width(1, 5, 1, 1000)
    (333, 15)
    """
    return min(range(1, parameters + 1), key=lambda units: abs(count(inputs, depth, outputs, units) - parameters))


def fold(x: Array, times: int = FOLDS) -> Array:
    """t(...t(x)) with t(x) = 1 - |2x - 1|, of x from 0 to 1."""
    for _ in range(times):
        x = 1 - np.abs(2 * x - 1)
    return x


def sawtooth_rows(rng: np.random.Generator, rows: int) -> tuple[Array, Array]:
    """x from -1 to 1 and the standardised fold of (x + 1) / 2, (rows, 1) each."""
    x = rng.uniform(0, 1, (rows, 1))
    return 2 * x - 1, (fold(x) - 0.5) / np.sqrt(1 / 12)  # a sawtooth is uniform: its variance is 1/12


def trained_sawtooth(depth: int, units: int, epochs: int, seed: int):  # type: ignore[no-untyped-def]
    """A network trained on 2,000 rows."""
    rng = np.random.default_rng(seed)
    x, y = sawtooth_rows(rng, 2000)
    network = perceptron(1, (units,) * depth, 1, rng)
    train(network, x, y, loss=squared_error, optimizer=Adam(lr=3e-3), epochs=epochs, batch_size=50, rng=rng)
    return network, rng


def learn_sawtooth(depth: int, units: int, epochs: int, seed: int) -> float:
    """The squared error on 2,000 other rows, as a share of the variance."""
    network, rng = trained_sawtooth(depth, units, epochs, seed)
    x, y = sawtooth_rows(rng, 2000)
    return squared_error(network.forward(x), y)[0]


def learn_digits(depth: int, units: int, epochs: int, seed: int) -> float:
    """The share of unseen digits that are read, trained on 900."""
    rng = np.random.default_rng(seed)
    seen, unseen = split_at_random(load_digits(), 900, rng)
    network = perceptron(64, (units,) * depth, 10, rng)
    train(
        network,
        seen.X,
        seen.y,
        loss=softmax_cross_entropy,
        optimizer=Adam(lr=3e-3),
        epochs=max(1, epochs // 2),
        batch_size=50,
        rng=rng,
    )
    return float((network.forward(unseen.X).argmax(axis=1) == unseen.y).mean())


def fits(parameters: int, epochs: int, seed: int, best: int) -> dict[str, tuple[Array, Array]]:
    """The learned function of one start, wide and deep: (x, values)."""
    x = np.linspace(-1, 1, 801)[:, None]
    found = {}
    for depth in (1, best if best > 1 else DEPTHS[-1]):
        network, _ = trained_sawtooth(depth, width(1, depth, 1, parameters), epochs, seed)
        name = f"{depth} hidden layer{'s' if depth > 1 else ''} of {width(1, depth, 1, parameters)}"
        found[name] = (x[:, 0], network.forward(x)[:, 0])
    return found


def depth_figure(sawtooth: dict[int, Array], read: dict[int, Array]) -> Figure:
    """Test error over depth on both tasks."""
    caption = "Means over starts with 95% intervals, and every start as a dot; the number of parameters is the same."

    @framed("depth", "Test error against depth at equal parameters", caption, count=2, height=3.0)
    def drawn(*panels: Axes) -> None:
        for axes, (title, found) in zip(
            panels,
            (("sawtooth", sawtooth), ("digits", {depth: 1 - values for depth, values in read.items()})),
            strict=True,
        ):
            spread(axes, DEPTHS, list(found.values()))
            axes.set(title=title, xlabel="hidden layers, at equal parameters", ylim=(0, None))
            axes.set_xticks(DEPTHS)
            axes.grid()
        panels[0].set_ylabel("test error (share of variance; share wrong)")

    return drawn


def spread(axes: Axes, places: Sequence[int], values: Sequence[Array]) -> None:
    """Means with intervals, and each value as a dot."""
    draw_means(axes, places, values, color=BLUE, marker="o")
    for place, some in zip(places, values, strict=True):
        axes.plot(
            np.full(len(some), place + 0.15), some, ".", color=VERMILLION, markersize=3.5, linestyle="none", alpha=0.8
        )


def fit_figure(example: dict[str, tuple[Array, Array]]) -> Figure:
    """The sawtooth and what the wide and the deep network make of it."""
    caption = "One start each, with about as many parameters."

    @framed("sawtooth", "What a wide and a deep network learned", caption, count=len(example), height=2.6, columns=2)
    def drawn(*panels: Axes) -> None:
        for axes, (title, (x, values)) in zip(panels, example.items(), strict=True):
            truth = (fold((x + 1) / 2) - 0.5) / np.sqrt(1 / 12)
            axes.plot(x, truth, color=VERMILLION, linewidth=1.0, linestyle="--", label="sawtooth")
            axes.plot(x, values, color=BLUE, linewidth=1.4, label="network")
            axes.set(title=title, xlabel="x", ylim=(-2.4, 2.9))
            axes.grid()
        panels[0].set_ylabel("y (standard deviations)")
        panels[0].legend(fontsize=7.5, loc="upper center", ncols=2)

    return drawn
