"""All optimisers on a long valley and on real digits, each with its best step, and how much that step matters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_softmax

from kshot.classic.data.digits import load_digits
from kshot.classic.data.inputs import Array
from kshot.classic.descent.descend import Descent, Rows, RowsObjective, batches, descend
from kshot.classic.descent.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from kshot.classic.experiments.registry import experiment
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.style import COLOURS, MARKERS, VERMILLION
from kshot.eval.report.ticks import plain_logarithms

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAKERS: dict[str, Callable[[float], Optimizer]] = {
    "gradient descent": lambda lr: SGD(lr=lr),
    "momentum 0.9": lambda lr: SGD(lr=lr, momentum=0.9),
    "Nesterov 0.9": lambda lr: SGD(lr=lr, momentum=0.9, nesterov=True),
    "Adagrad": lambda lr: Adagrad(lr=lr),
    "RMSprop": lambda lr: RMSprop(lr=lr),
    "Adam": lambda lr: Adam(lr=lr),
    "AdamW": lambda lr: AdamW(lr=lr),
}
IN_VALLEY = tuple(name for name in MAKERS if name != "AdamW")
"""AdamW's decay pulls to 0, where the valley has its minimum; without decay it is Adam."""
LOOKS = dict(zip(MAKERS, zip(COLOURS, MARKERS, strict=False), strict=True))
START = np.array([-1.8, 1.2])
DIGITS_LR = 10.0 ** np.arange(-5, 2.1, 0.5)
VALLEY_LR = 10.0 ** np.arange(-4, 0.6, 0.25)


@experiment
def optimizers(
    *,
    condition: float = 100.0,
    angle: float = 30.0,
    updates: int = 1000,
    epochs: int = 10,
    batch_size: int = 64,
    repeats: int = 3,
    seed: int = 0,
) -> Report:
    """Momentum shortens a long valley whichever way it lies; a step for each weight only if it lies along the weights.

    Steps w <- w - lr v with v <- momentum v + g; w <- w - lr g / sqrt(sum g^2) (Adagrad); with moving means of g and
    g^2 (RMSprop, Adam) (Hung-yi Lee, "Gradient Descent"; "Error surface is rugged: adaptive learning rate"). The
    valley is L = 1/2 w^T A w, `condition` times as steep across as along, as it is and turned by `angle` degrees; the
    real problem is softmax regression on 1,797 digits by mini-batches. Every optimiser has the best lr of one grid.
    """
    valleys = {"along the weights": valley(condition, 0.0), f"turned by {angle:g}°": valley(condition, angle)}
    best = {
        (name, where): best_lr(MAKERS[name], objective, updates)
        for where, objective in valleys.items()
        for name in IN_VALLEY
    }
    needed = {key: found.updates_to(goal(found)) for key, (_, found) in best.items()}
    steps = {key: f"more than {updates}" if made is None else str(made) for key, made in needed.items()}
    table = Table(
        f"Updates to a millionth of the first loss, {condition:g} times as steep across as along",
        columns("optimiser", *(f"{where}: {what}#" for where in valleys for what in ("lr", "updates"))),
        [
            (name, *(text for where in valleys for text in (f"{best[name, where][0]:.2g}", steps[name, where])))
            for name in IN_VALLEY
        ],
        f"Each with the lr, of {len(VALLEY_LR)} from {VALLEY_LR[0]:g} to {VALLEY_LR[-1]:.2g}, that takes the fewest.",
    )
    curves, per_epoch = digits(epochs, batch_size, repeats, seed)
    late = {name: each[:, :, each.shape[2] // 2 :].mean(axis=2) for name, each in curves.items()}  # (lr, repeats)
    final = {name: each.mean(axis=1) for name, each in late.items()}  # (lr,)
    leasts = {name: int(np.nanargmin(np.where(np.isfinite(losses), losses, np.nan))) for name, losses in final.items()}
    usable = {name: usable_range(losses) for name, losses in final.items()}
    real = Table(
        f"Softmax regression on digits, {epochs} epochs",
        columns("optimiser", "best lr#", "training loss#", "over seeds#", "lr with at most twice that loss"),
        [
            (
                name,
                f"{DIGITS_LR[at]:.2g}",
                f"{final[name][at]:.4f}",
                f"{late[name][at].min():.4f} to {late[name][at].max():.4f}",
                "{:.2g} to {:.2g}".format(*usable[name]),
            )
            for name, at in leasts.items()
        ],
        f"Mini-batches of {batch_size}, {epochs * per_epoch} updates; cross-entropy over all rows, mean over the "
        f"second half of the epochs and {repeats} orders of the rows; {len(DIGITS_LR)} lr from {DIGITS_LR[0]:g} "
        f"to {DIGITS_LR[-1]:g}.",
    )
    straight, turned = (
        [steps[name, where] for name in ("gradient descent", "momentum 0.9", "Adagrad")] for where in valleys
    )
    least = {name: float(final[name][at]) for name, at in leasts.items()}
    first, last = min(least, key=least.__getitem__), max(least, key=least.__getitem__)
    lrs = {name: f"{DIGITS_LR[at]:.2g}" for name, at in leasts.items()}
    summary = [
        f"In a valley {condition:g} times as steep across as along, gradient descent takes {straight[0]} updates, "
        f"momentum {straight[1]} and Adagrad {straight[2]}; turned by {angle:g}° it is {turned[0]}, {turned[1]} and "
        f"{turned[2]}: {of_each_weight([needed['Adagrad', where] for where in valleys])}.",
        f"On digits, each with its best lr, the training losses run from {least[first]:.4f} ({first}) to "
        f"{least[last]:.4f} ({last}); the best lr is {lrs['gradient descent']} for gradient descent and {lrs['Adam']} "
        "for Adam.",
    ]
    sections = [
        Section(
            "A long valley",
            [paths_figure(where, objective, best) for where, objective in valleys.items()] + [table],
        ),
        Section("Digits", [curves_figure(curves, leasts, per_epoch), sensitivity_figure(final), real]),
    ]
    return Report("Optimisers", summary, sections)


def of_each_weight(needed: Sequence[int | None]) -> str:
    """What Adagrad's updates along the weights and turned say of a step for each weight; None: not reached."""
    straight, turned = (math.inf if made is None else made for made in needed)
    if straight < turned:
        return "a step for each weight helps as far as the valley lies along a weight"
    return "here a step for each weight does not need the valley to lie along a weight"


def valley(condition: float, angle: float) -> RowsObjective:
    """L = 1/2 w^T A w with eigenvalues 1 and `condition`, its floor turned by `angle` degrees from the first weight."""
    turn = np.deg2rad(angle)
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    A = axes @ np.diag([1.0, condition]) @ axes.T

    def objective(w: Array, rows: Rows) -> tuple[float, Array]:
        slope: Array = A @ w
        return 0.5 * float(w @ slope), slope

    return objective


def goal(found: Descent) -> float:
    """A millionth of the loss at the start."""
    return 1e-6 * float(found.losses[0])


def best_lr(maker: Callable[[float], Optimizer], objective: RowsObjective, updates: int) -> tuple[float, Descent]:
    """The lr with the fewest updates to the goal, or with the lowest loss where none comes there; and its descent."""
    tried = []
    for lr in VALLEY_LR:
        found = descend(objective, START, maker(lr), updates=updates)
        needed = found.updates_to(goal(found))
        last = found.losses[-1] if np.isfinite(found.losses[-1]) else np.inf
        tried.append((updates + 1 if needed is None else needed, last, float(lr), found))
    _, _, lr, found = min(tried, key=lambda one: one[:3])
    return lr, found


def digits(epochs: int, batch_size: int, repeats: int, seed: int) -> tuple[dict[str, Array], int]:
    """Training loss of softmax regression before the first epoch and after each, (lr, repeats, epochs + 1) a name;
    and the updates of an epoch."""
    rows = load_digits()
    X = np.column_stack([rows.X, np.ones(len(rows))])
    target = np.eye(10)[rows.y]

    def objective(w: Array, chosen: Rows) -> tuple[float, Array]:
        logs = log_softmax(X[chosen] @ w, axis=1)
        loss = -(target[chosen] * logs).sum() / len(logs)
        gradient: Array = X[chosen].T @ (np.exp(logs) - target[chosen]) / len(logs)
        return float(loss), gradient

    each = -(-len(rows) // batch_size)
    found = {name: np.full((len(DIGITS_LR), repeats, epochs + 1), np.inf) for name in MAKERS}
    for name, maker in MAKERS.items():
        for at, lr in enumerate(DIGITS_LR):
            for repeat in range(repeats):  # the same orders for all
                draw = batches(len(rows), batch_size, np.random.default_rng([seed, repeat]))
                start = np.zeros((X.shape[1], 10))
                went = descend(objective, start, maker(lr), updates=epochs * each, draw=draw, every=each)
                found[name][at, repeat, : len(went.losses)] = went.losses
    return found, each


def usable_range(losses: Array) -> tuple[float, float]:
    """The smallest and the largest lr whose loss is at most twice the least."""
    fits = np.flatnonzero(losses <= 2 * np.nanmin(losses))
    return float(DIGITS_LR[fits[0]]), float(DIGITS_LR[fits[-1]])


def paths_figure(where: str, objective: RowsObjective, best: dict[tuple[str, str], tuple[float, Descent]]) -> Figure:
    """A panel for each optimiser: contours of the valley and the way it took."""
    caption = (
        f"The valley {where}: the loss falls fourfold from contour to contour. From the dot to the star, the first 200 "
        "updates of each optimiser with its best lr."
    )

    @framed(
        f"paths-{'straight' if where.startswith('along') else 'turned'}",
        f"Paths, {where}",
        caption,
        count=len(IN_VALLEY),
        height=2.3,
        columns=3,
    )
    def drawn(*panels: Axes) -> None:
        across, up = np.meshgrid(np.linspace(-2.2, 1.0, 81), np.linspace(-1.3, 1.6, 81))
        flat = [objective(np.array(w), slice(None))[0] for w in zip(across.ravel(), up.ravel(), strict=True)]
        surface = np.array(flat).reshape(across.shape)
        levels = surface.max() * 4.0 ** np.arange(-7, 1)
        for axes, name in zip(panels, IN_VALLEY, strict=True):
            lr, found = best[name, where]
            axes.contour(across, up, surface, levels=levels, colors="grey", linewidths=0.6, alpha=0.7)
            axes.plot(*found.path[:200].T, color=VERMILLION, marker=".", markersize=3.5, linewidth=0.9)
            axes.plot(*found.path[0], "o", color="black", markersize=5)
            axes.plot(0, 0, "*", color="black", markersize=8)
            axes.set(title=f"{name}, lr {lr:.2g}", xlim=(-2.2, 1.0), ylim=(-1.3, 1.6))
        for axes in panels[3:]:
            axes.set_xlabel("w1")
        for axes in panels[::3]:
            axes.set_ylabel("w2")

    return drawn


def curves_figure(curves: dict[str, Array], leasts: dict[str, int], per_epoch: int) -> Figure:
    """Training loss against updates, each optimiser with its best lr."""
    caption = (
        "Softmax regression on digits by mini-batches: mean over the orders of rows, shaded from least to largest."
    )

    @framed("digits-loss", "Training loss against updates", caption, width=6.4, height=3.4)
    def drawn(axes: Axes) -> None:
        for name, (colour, marker) in LOOKS.items():
            each = curves[name][leasts[name]]
            made = per_epoch * np.arange(each.shape[1])
            axes.plot(made, each.mean(axis=0), color=colour, marker=marker, markersize=4, linewidth=1.2, label=name)
            axes.fill_between(made, each.min(axis=0), each.max(axis=0), color=colour, alpha=0.15, linewidth=0)
        axes.set(yscale="log", xlabel="updates", ylabel="training loss (nats a digit)")
        plain_logarithms(axes.yaxis)
        axes.grid()
        axes.legend(loc="upper right", ncols=2, fontsize=7.5)

    return drawn


def sensitivity_figure(final: dict[str, Array]) -> Figure:
    """The training loss against lr."""
    caption = "Loss, mean over the second half of the epochs, against lr; before training it is 2.3."

    @framed("digits-lr", "How much the learning rate matters", caption, width=6.4, height=3.4)
    def drawn(axes: Axes) -> None:
        for name, (colour, marker) in LOOKS.items():
            shown = np.where(np.isfinite(final[name]), final[name], np.nan)
            axes.plot(DIGITS_LR, shown, color=colour, marker=marker, markersize=4, linewidth=1.2, label=name)
        axes.set(xscale="log", yscale="log", xlabel="lr", ylabel="training loss (nats a digit)")
        plain_logarithms(axes.xaxis)
        plain_logarithms(axes.yaxis)
        axes.grid()
        axes.legend(loc="upper center", ncols=2, fontsize=7.5)

    return drawn
