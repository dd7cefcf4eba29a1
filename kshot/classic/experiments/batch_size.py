"""Small against large batches: what an update and an epoch cost, what they reach, and how sharp the minimum is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from kshot.classic.data.digits import Digits, load_digits, split_by_class
from kshot.classic.data.inputs import Array
from kshot.classic.descent.descend import batches
from kshot.classic.experiments.drawing import draw_means
from kshot.classic.experiments.registry import experiment
from kshot.classic.experiments.wording import by_interval
from kshot.classic.landscape.critical_points import hessian_product, lanczos, read
from kshot.classic.networks.modules import accuracy, update
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.numbers import mean_plus_minus
from kshot.eval.report.style import BLUE, VERMILLION
from kshot.eval.report.ticks import plain_logarithms
from kshot.eval.statistics import t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZES = (8, 32, 128, 0)
"""0: all rows."""
TIMED = (1, 4, 16, 64, 256, 0)
DECIMALS = {"updates": 0, "epochs": 0, "train": 1, "test": 1, "sharpness": 2}


@dataclass(frozen=True, slots=True)
class BatchRun:
    """One training run, stopped at the same training loss whatever the batch."""

    updates: int
    epochs: int
    reached: bool
    train: float  # accuracy
    test: float
    sharpness: float  # the Hessian's largest eigenvalue


@experiment
def batch_size(
    *, goal: float = 0.03, lr: float = 0.5, hidden: int = 32, repeats: int = 5, most_updates: int = 4000, seed: int = 0
) -> Report:
    """A larger batch costs more an update and less an epoch; the small one's noise leads to another minimum.

    theta <- theta - lr g, g the mean gradient of a batch (Hung-yi Lee, "Tips for training: batch and momentum"; Keskar
    et al. 2017, arXiv 1609.04836: large batches end in sharper minima that generalise less well). A network with one
    hidden layer on half of scikit-learn's digits; every run stops at the same training loss, since the Hessian of the
    cross-entropy shrinks with it. Sharpness: the Hessian's largest eigenvalue over all train rows, by Lanczos.
    """
    seen, unseen = split_by_class(load_digits(), seed=seed)
    rows = len(seen)
    seconds = {size or rows: time_an_update(seen, size or rows, hidden, lr, seed) for size in TIMED}
    runs = {
        size or rows: [
            train(seen, unseen, size or rows, goal, lr, hidden, most_updates, 1000 * seed + repeat)
            for repeat in range(repeats)
        ]
        for size in SIZES
    }
    costs = Table(
        "Time for an update and an epoch",
        columns("batch#", "update (ms)#", "updates an epoch#", "epoch (ms)#"),
        [
            (str(size), f"{1e3 * each:.3f}", str(-(-rows // size)), f"{1e3 * each * -(-rows // size):.1f}")
            for size, each in seconds.items()
        ],
        "The fastest of 40 updates, on this machine's processor.",
    )
    values = {
        "updates": [[float(run.updates) for run in each] for each in runs.values()],
        "epochs": [[float(run.epochs) for run in each] for each in runs.values()],
        "train": [[100 * run.train for run in each] for each in runs.values()],
        "test": [[100 * run.test for run in each] for each in runs.values()],
        "sharpness": [[run.sharpness for run in each] for each in runs.values()],
    }
    told = {key: [mean_plus_minus(some, DECIMALS[key]) for some in each] for key, each in values.items()}
    reached = Table(
        f"Trained to a loss of {goal:g}",
        columns(
            "batch#",
            "updates#",
            "epochs#",
            "train accuracy (%)#",
            "test accuracy (%)#",
            "largest eigenvalue#",
            "came there",
        ),
        [
            (str(size), *(told[key][at] for key in values), f"{sum(run.reached for run in each)} of {repeats}")
            for at, (size, each) in enumerate(runs.items())
        ],
        f"{rows} train and {len(unseen)} test digits, lr {lr:g}; means over {repeats} starts with 95% intervals "
        "by Student's t.",
    )
    small, large = min(runs), max(runs)
    first, last = seconds[min(seconds)], seconds[max(seconds)]
    better = np.array(values["test"][0]) - values["test"][-1]
    sharp = np.array(values["sharpness"][-1]) - values["sharpness"][0]
    longer = np.mean(values["epochs"][-1]) / np.mean(values["epochs"][0])
    came = [sum(run.reached for run in runs[size]) for size in (small, large)]
    if came == [repeats, repeats]:
        how, against = "Trained to the same loss", f"to the same loss all rows at once need {longer:.0f} times as many"
    else:
        how = (
            f"Trained to the same loss or {most_updates:,} updates, the loss {came[0]} and {came[1]} times of {repeats}"
        )
        against = f"until they stopped all rows at once took {longer:.2g} times as many"
    summary = [
        f"{how}, batches of {small} end at a largest eigenvalue of {told['sharpness'][0]} and all "
        f"{large} rows at once at {told['sharpness'][-1]}, a minimum that is {verdict(sharp, 'sharper', 'flatter')} "
        f"({mean_plus_minus(sharp, 2, signed=True)}); of the test digits {told['test'][0]}% and {told['test'][-1]}% "
        f"are right, the small batch {verdict(better, 'more accurate', 'less accurate')} "
        f"({mean_plus_minus(better, signed=True)} points).",
        f"An update with {max(seconds)} rows takes {last / first:.1f} times as long as with 1, so that an epoch takes "
        f"{first * rows / last:.0f} times less; but {against} epochs as batches of {small}.",
    ]
    sections = [
        Section("What a batch costs", [time_figure(seconds, rows), costs]),
        Section("What it reaches", [outcome_figure(list(runs), values), reached]),
    ]
    return Report("Batch size", summary, sections)


def network(hidden: int, generator: torch.Generator) -> nn.Sequential:
    """64 pixels, one hidden layer of tanh, 10 digits; weights drawn by LeCun's rule."""
    first, last = nn.Linear(64, hidden, dtype=torch.float64), nn.Linear(hidden, 10, dtype=torch.float64)
    with torch.no_grad():
        for layer in (first, last):
            drawn = torch.randn(layer.weight.shape, generator=generator, dtype=torch.float64)
            layer.weight.copy_(drawn / layer.in_features**0.5)
            layer.bias.zero_()
    return nn.Sequential(first, nn.Tanh(), last)


def time_an_update(seen: Digits, size: int, hidden: int, lr: float, seed: int, updates: int = 40) -> float:
    """Seconds of an update, the least of some, fetching its rows included: what else the machine does only adds."""
    X, y = seen.tensors()
    module = network(hidden, torch.Generator().manual_seed(seed))
    optimizer = torch.optim.SGD(module.parameters(), lr=lr)
    draw = batches(len(seen), size, np.random.default_rng(seed))
    taken = []
    for _ in range(updates):
        began = time.perf_counter()
        rows = torch.as_tensor(next(draw))
        update(optimizer, F.cross_entropy(module(X[rows]), y[rows]))
        taken.append(time.perf_counter() - began)
    return min(taken)


def train(
    seen: Digits, unseen: Digits, size: int, goal: float, lr: float, hidden: int, most_updates: int, seed: int
) -> BatchRun:
    """Goes down until the loss over all train rows is `goal`, looked at every 20 updates."""
    X, y = seen.tensors()
    module = network(hidden, torch.Generator().manual_seed(seed))
    optimizer = torch.optim.SGD(module.parameters(), lr=lr)
    draw = batches(len(seen), size, np.random.default_rng(seed))
    each = -(-len(seen) // size)
    made, loss = 0, np.inf
    while loss > goal and made < most_updates:
        for _ in range(min(20, most_updates - made)):
            rows = torch.as_tensor(next(draw))
            update(optimizer, F.cross_entropy(module(X[rows]), y[rows]))
            made += 1
        with torch.no_grad():
            loss = F.cross_entropy(module(X), y).item()
    start = torch.randn(len(read(module)), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    product = hessian_product(module, lambda: F.cross_entropy(module(X), y))
    sharpness = lanczos(product, start, max_products=30, tol=1e-2).high
    train_right, test_right = accuracy(module, X, y), accuracy(module, *unseen.tensors())
    return BatchRun(made, -(-made // each), loss <= goal, train_right, test_right, sharpness)


def verdict(gap: Array, above: str, below: str) -> str:
    """Differences in words, where 0 is outside the interval of their mean."""
    return by_interval(t_interval(gap), above, below, f"neither {above} nor {below} for certain")


def label_rows(axes: Axes, sizes: list[int]) -> None:
    """A logarithmic axis of batch sizes with a tick for each."""
    from matplotlib.ticker import NullLocator

    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("batch (rows)")
    axes.grid()


def time_figure(seconds: dict[int, float], rows: int) -> Figure:
    """Time of an update and of an epoch over the batch."""
    caption = f"The fastest of 40 updates; an epoch is {rows} rows."

    @framed("batch-time", "Time against batch size", caption, count=2, height=2.9, apart=True)
    def drawn(left: Axes, beside: Axes) -> None:
        sizes = list(seconds)
        left.plot(sizes, [1e3 * each for each in seconds.values()], color=BLUE, marker="o", markersize=4.5)
        epochs = [1e3 * each * -(-rows // size) for size, each in seconds.items()]
        beside.plot(sizes, epochs, color=VERMILLION, marker="s", markersize=4.5)
        left.set(title="an update", ylabel="time (ms)", ylim=(0, None))
        beside.set(title="an epoch", ylabel="time (ms)", yscale="log")
        plain_logarithms(beside.yaxis)
        for axes in (left, beside):
            label_rows(axes, sizes)

    return drawn


def outcome_figure(sizes: list[int], reached: dict[str, list[list[float]]]) -> Figure:
    """Test accuracy, sharpness and epochs over the batch, every run and the mean with its interval."""
    shown = {"test": "test accuracy (%)", "sharpness": "largest eigenvalue", "epochs": "epochs to the same loss"}

    caption = "All runs stop at the same training loss. Grey: each start; blue: the mean with its 95% interval."

    @framed("batch-outcome", "What each batch size reaches", caption, count=3, height=2.9, apart=True)
    def drawn(*panels: Axes) -> None:
        for axes, (key, label) in zip(panels, shown.items(), strict=True):
            for size, values in zip(sizes, reached[key], strict=True):
                axes.plot([size] * len(values), values, "o", color="grey", markersize=3, alpha=0.6)
            looks = {"color": BLUE, "marker": "D", "markersize": 5, "capsize": 3, "linewidth": 1.2}
            draw_means(axes, sizes, np.array(reached[key]), **looks)
            axes.set_ylabel(label)
            if key == "epochs":
                axes.set_yscale("log")
                plain_logarithms(axes.yaxis)
            label_rows(axes, sizes)

    return drawn
