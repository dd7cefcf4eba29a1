"""Where descent comes to a stop that is no best place: plateau, saddle, local minimum; and what momentum does there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kshot.classic.data.inputs import Array
from kshot.classic.descent.descend import Descent, Rows, descend
from kshot.classic.descent.optimizers import SGD
from kshot.classic.experiments.registry import experiment
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.style import BLUE, VERMILLION
from kshot.eval.report.ticks import plain_logarithms

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Surface = Callable[[Array], tuple[Array, Array]]
"""Places (..., weights) -> (losses (...), gradients (..., weights))."""
LOOKS = {"without momentum": (BLUE, "o"), "with momentum": (VERMILLION, "s")}


def plateau(w: Array) -> tuple[Array, Array]:
    """L = 1 - exp(-w^2 / 2): one minimum, at 0, and flat far from it."""
    bell = np.exp(-(w[..., 0] ** 2) / 2)
    return 1 - bell, (w[..., 0] * bell)[..., None]


def saddle(w: Array) -> tuple[Array, Array]:
    """L = x^2 / 2 - y^2 / 2 + y^4 / 4: a saddle at (0, 0), minima of -1/4 at (0, 1) and (0, -1)."""
    x, y = w[..., 0], w[..., 1]
    return x**2 / 2 - y**2 / 2 + y**4 / 4, np.stack([x, y**3 - y], axis=-1)


def two_valleys(w: Array) -> tuple[Array, Array]:
    """L = (w^2 - 1)^2 / 4 + w / 10: a local minimum near 0.95, the lower one near -1.05."""
    x = w[..., 0]
    return (x**2 - 1) ** 2 / 4 + x / 10, ((x**2 - 1) * x + 0.1)[..., None]


# surface, start, the least loss there is
PLACES: dict[str, tuple[Surface, tuple[float, ...], float]] = {
    "plateau": (plateau, (3.8,), 0.0),
    "saddle": (saddle, (-1.6, 1e-5), -0.25),
    "local minimum": (
        two_valleys,
        (1.9,),
        float(two_valleys(np.roots([1.0, 0.0, -1.0, 0.1]).real.astype(np.float64)[:, None])[0].min()),
    ),
}


@experiment
def limits(*, lr: float = 0.1, momentum: float = 0.9, updates: int = 4000, tol: float = 1e-2, seed: int = 0) -> Report:
    """A small gradient is no minimum: descent crawls on a plateau and a saddle, and stays in a local minimum.

    w <- w - lr v, v <- momentum v + g (Hung-yi Lee, "Gradient Descent": more limitations; "When Gradient is Small").
    Three surfaces given by formula, so that the least loss is known; training that stops once the gradient is `tol` or
    shorter is shown beside training that goes on. Nothing is drawn, so `seed` has no use.
    """
    found = {
        (place, name): descend(partial(one, surface), np.array(start), SGD(lr=lr, momentum=amount), updates=updates)
        for place, (surface, start, _) in PLACES.items()
        for name, amount in zip(LOOKS, (0.0, momentum), strict=True)
    }
    stops = {key: first_flat(descent, tol) for key, descent in found.items()}
    arrivals = {
        (place, name): found[place, name].updates_to(PLACES[place][2] + 0.01 * excess(found[place, name], place))
        for place, name in found
    }
    rows = [
        (
            place,
            name,
            "never" if stop is None else str(stop),
            "" if stop is None else place_name(descent.path[stop]),
            "" if stop is None else f"{share_left(descent, place, stop):.0f}",
            "never" if arrivals[place, name] is None else str(arrivals[place, name]),
            place_name(descent.weights),
            f"{share_left(descent, place, -1):.0f}",
        )
        for (place, name), descent in found.items()
        for stop in [stops[place, name]]
    ]
    table = Table(
        f"Gradient descent with lr = {lr:g}, momentum {momentum:g} or none",
        columns(
            "place",
            "momentum",
            f"update at which |g| <= {tol:g}#",
            "where",
            "of the way down left (%)#",
            "updates to 1% left#",
            f"after {updates} updates",
            "left (%)#",
        ),
        rows,
        "The way down is from the loss at the start to the least loss that the surface has.",
    )

    def told(place: str, name: str) -> str:
        needed = arrivals[place, name]
        return f"never in {updates}" if needed is None else str(needed)

    without, with_ = LOOKS
    early = {place: stops[place, without] for place in PLACES}
    left = ", ".join(
        f"{share_left(found[place, without], place, stop):.0f}% ({place})"
        for place, stop in early.items()
        if stop is not None
    )
    summary = [
        f"Descent that stops where the gradient is {tol:g} or shorter stops with {left} of the way down still to go."
        if left
        else f"In {updates} updates descent comes nowhere to a gradient of {tol:g} or shorter.",
        "Going on, it takes "
        + "; ".join(f"{told(place, without)} updates ({place}), with momentum {told(place, with_)}" for place in PLACES)
        + ", to 1% of the way.",
    ]
    starts = np.linspace(0.2, 2.0, 91)
    lower = {
        name: share_lower(starts, lr, amount, updates) for name, amount in zip(LOOKS, (0.0, momentum), strict=True)
    }
    sure = lower[with_] == len(starts)
    way = "a sure way here" if sure else "no sure way"
    summary.append(
        f"Momentum is {way} out of a local minimum: of {len(starts)} starts from {starts[0]:g} to "
        f"{starts[-1]:g}, {lower[with_]} end in the lower valley with it and {lower[without]} without."
    )
    pictures = [
        line_figure("plateau", found, stops),
        saddle_figure(found, stops),
        line_figure("local minimum", found, stops),
    ]
    return Report("The limits of gradient descent", summary, [Section("Three places", [*pictures, table])])


def one(surface: Surface, w: Array, rows: Rows) -> tuple[float, Array]:
    """A surface as `descend` asks for it; there are no rows."""
    loss, gradient = surface(w)
    return float(loss), gradient


def share_lower(starts: Array, lr: float, momentum: float, updates: int) -> int:
    """How many of the starts end in the lower of the two valleys, left of the hill."""
    ends = descend(
        lambda w, rows: (0.0, two_valleys(w[:, None])[1][:, 0]), starts, SGD(lr=lr, momentum=momentum), updates=updates
    ).weights
    return int((ends < 0).sum())


def first_flat(descent: Descent, tol: float) -> int | None:
    """The first update at which the gradient is `tol` or shorter."""
    flat = np.flatnonzero(descent.slopes <= tol)
    return int(flat[0]) if len(flat) else None


def excess(descent: Descent, place: str) -> float:
    """The whole way down."""
    return float(descent.losses[0] - PLACES[place][2])


def share_left(descent: Descent, place: str, at: int) -> float:
    """Percent of the way down that is left at an update."""
    return max(0.0, 100 * float(descent.losses[at] - PLACES[place][2]) / excess(descent, place))


def place_name(w: Array) -> str:
    """A place with two decimals."""
    return ", ".join(f"{value + 0.0:.2f}" for value in w.round(2))


def line_figure(place: str, found: dict[tuple[str, str], Descent], stops: dict[tuple[str, str], int | None]) -> Figure:
    """The loss over its one weight, both descents on it, and the loss over updates."""
    surface, start, _ = PLACES[place]

    caption = (
        f"Left: L = {'1 - exp(-w²/2)' if place == 'plateau' else '(w² - 1)²/4 + w/10'} and a few updates of both "
        "descents, drawn a little above it; the star is where each ends. Right: the same against updates; the cross is "
        "where the gradient is first so short that training would stop."
    )

    @framed(place.replace(" ", "-"), place.capitalize(), caption, count=2, height=3.0)
    def drawn(axes: Axes, beside: Axes) -> None:
        reach = 1.1 * start[0] if place == "plateau" else start[0] + 0.05
        w = np.linspace(-reach, reach, 300)
        axes.plot(w, surface(w[:, None])[0], color="black", linewidth=1)
        for offset, (name, (colour, marker)) in enumerate(LOOKS.items(), 1):
            descent = found[place, name]
            lift = 0.035 * offset * excess(descent, place)
            height = descent.losses + lift
            gone = np.abs(np.diff(descent.path[:, 0], prepend=np.inf)).clip(max=9).cumsum()
            spaced = np.unique(np.floor(gone / (0.05 * reach)), return_index=True)[1]
            axes.plot(descent.path[:, 0], height, color=colour, linewidth=0.7)
            axes.plot(descent.path[spaced, 0], height[spaced], marker, color=colour, markersize=3.5, label=name)
            axes.plot(descent.path[-1, 0], descent.losses[-1] + lift, "*", color=colour, markersize=11)
        axes.set(xlabel="w", ylabel="loss")
        axes.legend(loc="upper center", fontsize=7.5)
        losses_over_updates(beside, place, found, stops)

    return drawn


def losses_over_updates(
    axes: Axes, place: str, found: dict[tuple[str, str], Descent], stops: dict[tuple[str, str], int | None]
) -> None:
    """Both losses against updates, with the place where each would have stopped."""
    for name, (colour, _) in LOOKS.items():
        descent, stop = found[place, name], stops[place, name]
        axes.plot(
            descent.updates + 1, descent.losses, color=colour, linewidth=1.3, linestyle="-" if "out" in name else "--"
        )
        if stop is not None:
            axes.plot(stop + 1, descent.losses[stop], "X", color=colour, markersize=8, markeredgecolor="black")
    axes.axhline(PLACES[place][2], color="grey", linewidth=0.8, linestyle=":")
    axes.set(xscale="log", xlabel="update, the start as 1")
    plain_logarithms(axes.xaxis)


def saddle_figure(found: dict[tuple[str, str], Descent], stops: dict[tuple[str, str], int | None]) -> Figure:
    """Contours around the saddle with both descents, and the loss over updates."""
    caption = (
        "Left: L = x²/2 - y²/2 + y⁴/4, the black contour through the saddle at (0, 0), and every third update of both "
        "descents to the minimum at (0, 1). Right: the loss against updates, the minimum's dotted; the cross is where "
        "the gradient is first so short that training would stop."
    )

    @framed("saddle", "Saddle", caption, count=2, height=3.2, apart=True)
    def drawn(axes: Axes, beside: Axes) -> None:
        across, up = np.meshgrid(np.linspace(-1.8, 1.0, 113), np.linspace(-0.5, 1.4, 77))
        surface = saddle(np.stack([across, up], axis=-1))[0]
        levels = np.linspace(-0.25, 1.4, 23)
        axes.contour(across, up, surface, levels=levels, colors="grey", linewidths=0.6, alpha=0.8)
        axes.contour(across, up, surface, levels=[0.0], colors="black", linewidths=0.9)
        for name, (colour, marker) in LOOKS.items():
            descent, stop = found["saddle", name], stops["saddle", name]
            axes.plot(*descent.path[:300:3].T, color=colour, marker=marker, markersize=3.2, linewidth=0.8, label=name)
            axes.plot(*descent.weights, "*", color=colour, markersize=11)
            if stop is not None:
                axes.plot(*descent.path[stop], "X", color=colour, markersize=8, markeredgecolor="black")
        axes.set(xlabel="x", ylabel="y")
        axes.legend(loc="lower left", fontsize=7.5, frameon=True, facecolor="white", edgecolor="none")
        losses_over_updates(beside, "saddle", found, stops)
        beside.set_ylabel("loss")

    return drawn
