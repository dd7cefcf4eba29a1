"""The two passes of backpropagation on a network small enough to follow by hand, and what they cost."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from kshot.classic.data.inputs import Array
from kshot.classic.experiments.registry import experiment
from kshot.classic.networks import autograd
from kshot.classic.networks.autograd import Tensor
from kshot.classic.networks.gradient_check import central_differences, check_gradient
from kshot.classic.networks.layers import softmax_cross_entropy
from kshot.classic.networks.network import perceptron
from kshot.classic.networks.trace import Trace, trace
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.style import BLUE, GREY, VERMILLION
from kshot.eval.report.ticks import plain_logarithms

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WEIGHTS = ([[0.15, 0.20], [0.25, 0.30]], [[0.40, 0.45], [0.50, 0.55]])
BIASES = ([0.35, 0.35], [0.60, 0.60])
X, Y = [0.05, 0.10], [0.01, 0.99]
HIDDEN = (2, 8, 32, 128)
"""Units of both hidden layers of the networks whose gradient is timed."""
Costs = list[tuple[int, float, float, float]]
"""(parameters, seconds of a forward pass, of forward and backward, of central differences)."""


@experiment
def backpropagation(*, rows: int = 32, seed: int = 0) -> Report:
    """One forward and one backward pass give every derivative; differences would need two forward passes for each.

    Forward: z^l = W^l a^(l-1) + b^l, a^l = sigma(z^l). Backward: delta^L = sigma'(z^L) * dC/da^L, delta^l =
    sigma'(z^l) * (W^(l+1)^T delta^(l+1)). Then dC/dw_ij^l = a_j^(l-1) delta_i^l (Hung-yi Lee, "Backpropagation"). The
    small network is that of Mazur's step-by-step example (2015), where every figure can be checked; larger ones, with
    `rows` examples, are drawn from `seed` and timed on this machine.
    """
    worked = trace(WEIGHTS, BIASES, x=X, y=Y)
    ours = np.concatenate([gradient.ravel() for gradient in (*worked.weight_gradients, *worked.bias_gradients)])
    numeric, graph = by_differences(), by_autograd()
    apart, apart_graph = float(np.abs(ours - numeric).max()), float(np.abs(ours - graph).max())
    costs = timed(rows, seed)
    parameters, forward, both, differences = costs[-1]
    summary = [
        f"With {parameters:,} parameters one forward and one backward pass give the whole gradient in "
        f"{both / forward:.1f} times the time of a forward pass, central differences in {differences / forward:,.0f} "
        f"times.",
        f"On the small network the derivatives by hand differ from central differences by at most {apart:.0e} and from "
        f"the autograd's by {apart_graph:.0e}; the loss is C = {worked.loss:.9f}.",
    ]
    sections = [
        Section("A network to follow by hand", [network_figure(worked), passes(worked), gradients(worked, numeric)]),
        Section("What it costs", [cost_figure(costs), cost_table(costs)]),
        Section("The trace in full", str(worked).split("\n"), background=True),
    ]
    return Report("Backpropagation, forward and backward", summary, sections)


def by_differences() -> Array:
    """dC/dw of the small network by central differences, weights first, then biases."""
    arrays = [np.array(values) for values in (*WEIGHTS, *BIASES)]

    def loss() -> float:
        return trace(arrays[:2], arrays[2:], x=X, y=Y).loss

    return np.concatenate([central_differences(loss, array).ravel() for array in arrays])


def by_autograd() -> Array:
    """The same from a graph."""
    leaves = [Tensor(values, requires_grad=True) for values in (*WEIGHTS, *BIASES)]
    a = Tensor(X)
    for W, b in zip(leaves[:2], leaves[2:], strict=True):
        a = autograd.sigmoid(W @ a + b)
    (((a - np.array(Y)) ** 2).sum() * 0.5).backward()
    return np.concatenate([leaf.grad.ravel() for leaf in leaves if leaf.grad is not None])


def passes(worked: Trace) -> Table:
    """z, a, sigma' and delta of every neuron."""
    rows = []
    for layer, (z, slope, delta) in enumerate(zip(worked.z, worked.slopes, worked.delta, strict=True), 1):
        for i in range(len(z)):
            values = (z[i], worked.a[layer][i], slope[i], delta[i])
            rows.append((f"layer {layer}", str(i + 1), *(f"{value:.6f}" for value in values)))
    heads = columns("layer", "neuron#", "forward: z#", "a#", "sigma'(z)#", "backward: delta = dC/dz#")
    return Table("Both passes", heads, rows)


def gradients(worked: Trace, numeric: Array) -> Table:
    """dC/dw = a * delta of every weight, beside central differences."""
    rows, at = [], 0
    for layer, gradient in enumerate(worked.weight_gradients):
        for (i, j), value in np.ndenumerate(gradient):
            rows.append(
                (
                    f"w{i + 1}{j + 1}, layer {layer + 1}",
                    f"{worked.a[layer][j]:.6f}",
                    f"{worked.delta[layer][i]:.6f}",
                    f"{value:.9f}",
                    f"{numeric[at]:.9f}",
                )
            )
            at += 1
    heads = columns("weight", "a#", "delta#", "a * delta#", "differences#")
    return Table("dC/dw = a * delta", heads, rows, "The bias's derivative is delta itself.")


def timed(rows: int, seed: int) -> Costs:
    """Seconds of a gradient both ways, from small to large networks; differences are timed on 100 weights at most."""
    found = []
    for units in HIDDEN:
        rng = np.random.default_rng(seed)
        network = perceptron(16, (units, units), 4, rng, activation="tanh")
        a, labels = rng.normal(size=(rows, 16)), rng.integers(0, 4, rows)

        def value(network=network, a=a, labels=labels) -> float:  # type: ignore[no-untyped-def]
            return softmax_cross_entropy(network.forward(a), labels)[0]

        def both(network=network, a=a, labels=labels) -> float:  # type: ignore[no-untyped-def]
            return float(network.loss(a, labels, softmax_cross_entropy))

        seconds = []
        for call in (value, both):
            call()
            times = []
            for _ in range(7):
                began = perf_counter()
                for _ in range(20):
                    call()
                times.append((perf_counter() - began) / 20)
            seconds.append(min(times))
        both()
        some = network.parameters[:100]
        began = perf_counter()
        check = check_gradient(value, some, network.gradients[:100].copy())
        spent = (perf_counter() - began) * network.parameters.size / len(some)
        assert check.passed, str(check)
        found.append((network.parameters.size, seconds[0], seconds[1], spent))
    return found


def cost_table(costs: Costs) -> Table:
    """Milliseconds of a gradient both ways."""
    heads = columns(
        *("parameters#", "forward (ms)#", "forward and backward (ms)#", "central differences (ms)#", "times as long#")
    )
    rows = [
        (f"{n:,}", *(f"{1000 * one:,.3f}" for one in (forward, both, many)), f"{many / both:,.0f}")
        for n, forward, both, many in costs
    ]
    caption = "Best of 7 times 20; differences from 100 weights at most, for all. Another run gives other figures."
    return Table("Seconds of a gradient", heads, rows, caption)


def cost_figure(costs: Costs) -> Figure:
    """Time of a gradient over the number of parameters."""
    caption = "Time of the whole gradient against the number of parameters, on this machine."

    @framed("gradient-cost", "The cost of a gradient", caption, width=5.0, height=3.1)
    def drawn(axes: Axes) -> None:
        sizes = [cost[0] for cost in costs]
        for at, (name, colour, marker) in enumerate(
            (
                ("forward pass", GREY, "D"),
                ("forward and backward", BLUE, "o"),
                ("central differences", VERMILLION, "s"),
            )
        ):
            times = [1000 * cost[at + 1] for cost in costs]
            axes.plot(sizes, times, color=colour, marker=marker, markersize=4.5, label=name)
        axes.set(xscale="log", yscale="log", xlabel="parameters", ylabel="time (ms)")
        plain_logarithms(axes.xaxis)
        plain_logarithms(axes.yaxis)
        axes.grid()
        axes.legend(fontsize=7.5)

    return drawn


def network_figure(worked: Trace) -> Figure:
    """The small network with what goes forward and backward through each neuron."""
    caption = (
        "Going forward each neuron gets its a (blue), going backward its delta (orange); on the lines the weights."
    )

    @framed("passes", "Forward and backward through a small network", caption, width=7.2, height=3.6)
    def drawn(axes: Axes) -> None:
        from matplotlib.patches import Circle

        places = [[(2.6 * layer, 1.6 - 1.9 * i) for i in range(len(a))] for layer, a in enumerate(worked.a)]
        blank = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
        for layer, W in enumerate(worked.weights):
            for (i, j), w in np.ndenumerate(W):
                (x0, y0), (x1, y1) = places[layer][j], places[layer + 1][i]
                axes.plot([x0, x1], [y0, y1], color=GREY, linewidth=0.9, zorder=1)
                share = 0.3
                x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
                axes.text(x, y, f"{w:.2f}", fontsize=7, ha="center", va="center", bbox=blank, color="#333333")
        for layer, nodes in enumerate(places):
            for i, (x, y) in enumerate(nodes):
                axes.add_patch(Circle((x, y), 0.2, facecolor="white", edgecolor=BLUE, linewidth=1.4, zorder=2))
                name = f"x{i + 1}" if layer == 0 else f"{i + 1}"
                axes.text(x, y, name, ha="center", va="center", fontsize=8, color="#333333", zorder=3)
                axes.text(x, y + 0.28, f"a = {worked.a[layer][i]:.4f}", ha="center", va="bottom", color=BLUE)
                if layer:
                    delta = f"delta = {worked.delta[layer - 1][i]:.5f}"
                    axes.text(x, y - 0.28, delta, ha="center", va="top", color=VERMILLION, bbox=blank)
        for i, (_, y) in enumerate(places[-1]):
            axes.text(places[-1][0][0] + 0.45, y, f"target {worked.y[i]:.2f}", va="center")
        axes.set(xlim=(-0.7, 6.6), ylim=(-0.9, 2.2), aspect="equal")
        axes.set_axis_off()

    return drawn
