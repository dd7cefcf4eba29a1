"""Where the error comes from: the same model fitted in many universes, its mean and its spread against the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit
from sklearn.neighbors import KNeighborsClassifier

from kshot.classic.data.inputs import Array
from kshot.classic.experiments.registry import experiment
from kshot.classic.regression.linear import PolynomialRegression, RidgeRegression
from kshot.classic.selection.bias_variance import BiasVariance, decompose
from kshot.classic.selection.refits import sample_predictions
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.style import BLUE, COLOURS, GREY, VERMILLION
from kshot.eval.report.ticks import plain_logarithms, plain_number
from kshot.eval.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEGREES = (1, 2, 3, 4, 5, 6, 7, 8)
SIZES = (15, 30, 60, 120, 240)
LAMBDAS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
NEIGHBOURS = (1, 3, 7, 15, 31, 61)
ROWS, MIDDLE, HIGH = 30, 5, 8
"""Training rows of a universe; the degree whose rows are varied; the degree that is regularised."""
SPREAD = 0.3
"""Standard deviation of the noise."""
PARTS = {"loss": ("black", "o"), "bias": (BLUE, "s"), "variance": (VERMILLION, "D"), "noise": (GREY, "^")}


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A decomposition and its intervals."""

    parts: BiasVariance
    intervals: dict[str, Interval]

    def told(self, part: str) -> str:
        """A part's mean and its interval."""
        return f"{self.parts.mean(part):.4f} [{self.intervals[part].low:.4f}, {self.intervals[part].high:.4f}]"


def measured(parts: BiasVariance) -> Measured:
    """With intervals, once."""
    return Measured(parts, parts.intervals(draws=400))


@experiment
def bias_variance(*, universes: int = 1000, refits: int = 150, seed: int = 0) -> Report:
    """A more complex model has less bias and more variance; more rows lower variance, regularisation raises bias.

    E (f - y)^2 = Var y + (E f - E y)^2 + Var f: noise, squared bias, variance (Hung-yi Lee, "Where does the error come
    from?"). Each of `universes` training sets has 30 rows of y = sin(4x + 1/2) + noise of standard deviation 0.3, one
    x in each of 30 equal strips of [-1, 1]; all are fitted at once. For 0-1 loss, P(f != y) = c1 N + B + c2 V (Domingos
    2000): k nearest neighbours of 100 rows in `refits` universes, P(class 1 | x) = sigmoid(6 sin(3 x_1) + 6 x_2). The
    truth is known, so noise is.
    """
    random = np.random.default_rng(seed)
    points = np.linspace(-0.9, 0.9, 61)[:, None]
    noise = SPREAD * random.normal(size=(100, len(points)))
    targets = truth(points[:, 0]) + np.concatenate([noise, -noise])  # their mean is the truth itself
    Xs, ys = universe(random, universes, ROWS)

    def parts(model: Any, Xs: Array, ys: Array, at: Array) -> Measured:
        return measured(decompose(sample_predictions(model, Xs, ys, at), targets))

    ladder = {degree: parts(PolynomialRegression(degree=degree), Xs, ys, points) for degree in DEGREES}
    rows = {
        size: parts(PolynomialRegression(degree=MIDDLE), *universe(random, universes, size), points) for size in SIZES
    }
    kept = {
        strength: parts(RidgeRegression(alpha=strength), powers(Xs[..., 0]), ys, powers(points[:, 0]))
        for strength in LAMBDAS
    }
    nearest = neighbours(random, refits)

    best = min(ladder, key=lambda degree: ladder[degree].parts.mean("loss"))
    simplest, richest = ladder[DEGREES[0]].parts, ladder[DEGREES[-1]].parts
    few, many = NEIGHBOURS[0], NEIGHBOURS[-1]
    summary = [
        f"From degree {DEGREES[0]} to {DEGREES[-1]} squared bias goes {change(ladder, 'bias')} and variance "
        f"{change(ladder, 'variance')}; their sum with the noise is least at degree {best}, "
        f"{ladder[best].parts.mean('loss'):.3f}.",
        f"{SIZES[-1]} rows instead of {SIZES[0]} bring degree {MIDDLE}'s variance {change(rows, 'variance')} and its "
        f"bias {change(rows, 'bias')}; lambda = {LAMBDAS[-1]:g} instead of {LAMBDAS[0]:g} brings degree {HIGH}'s bias "
        f"{change(kept, 'bias')} and its variance {change(kept, 'variance')}.",
        f"Degree {DEGREES[0]} is diagnosed as {simplest.diagnosis()}; degree {DEGREES[-1]} as {richest.diagnosis()}.",
        f"0-1 loss: with {many} neighbours instead of {few} bias goes {change(nearest, 'bias')} and the variance where "
        f"the main prediction is right {change(nearest, 'unbiased_variance')}; where it is wrong, variance takes off "
        f"{nearest[many].parts.mean('biased_variance'):.3f} of the loss with {many} neighbours and "
        f"{nearest[few].parts.mean('biased_variance'):.3f} with {few}.",
    ]
    sections = [
        Section(
            "The model's degree",
            [
                universe_figure(points[:, 0], ladder, (1, 3, HIGH)),
                parts_figure("bias-degree", "The parts of the error against the degree", "degree", ladder),
                parts_table("Squared loss of each degree", "degree", ladder),
                point_figure(points[:, 0], ladder, (1, 3, HIGH)),
            ],
        ),
        Section(
            "More rows, and regularisation",
            [
                parts_figure("bias-rows", f"More rows: degree {MIDDLE}", "training rows", rows, log=True),
                parts_table(f"Squared loss of degree {MIDDLE}", "training rows", rows),
                parts_figure("bias-lambda", f"Regularisation: degree {HIGH}", "lambda", kept, log=True),
                parts_table(f"Squared loss of degree {HIGH}", "lambda", kept),
            ],
        ),
        Section(
            "0-1 loss",
            [
                parts_figure("bias-neighbours", "The parts of 0-1 loss", "neighbours", nearest, log=True),
                parts_table("0-1 loss of k nearest neighbours", "neighbours", nearest),
            ],
        ),
    ]
    return Report("Where the error comes from: bias and variance", summary, sections)


def truth(x: Array) -> Array:
    """The function that no universe sees without noise."""
    return np.sin(4 * x + 0.5)


def universe(random: np.random.Generator, sets: int, rows: int) -> tuple[Array, Array]:
    """Training sets: x (sets, rows, 1) and y (sets, rows)."""
    x = -1 + 2 * (np.arange(rows) + random.uniform(size=(sets, rows))) / rows
    return x[..., None], truth(x) + SPREAD * random.normal(size=(sets, rows))


def powers(x: Array) -> Array:
    """x to the powers of 1 to `HIGH`, as columns on a new last axis; the same for every universe."""
    made: Array = x[..., None] ** np.arange(1, HIGH + 1)
    return made


def neighbours(random: np.random.Generator, refits: int, rows: int = 100) -> dict[int, Measured]:
    """0-1 loss of k nearest neighbours for each k."""

    def probability(X: Array) -> Array:
        p: Array = expit(6 * np.sin(3 * X[..., 0]) + 6 * X[..., 1])
        return p

    side = np.linspace(-0.95, 0.95, 16)
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    targets = (random.uniform(size=(200, len(points))) < probability(points)).astype(int)
    Xs = random.uniform(-1, 1, size=(refits, rows, 2))
    ys = (random.uniform(size=(refits, rows)) < probability(Xs)).astype(int)
    return {
        k: measured(decompose(sample_predictions(KNeighborsClassifier(k), Xs, ys, points), targets, loss="0-1"))
        for k in NEIGHBOURS
    }


def change(found: dict[Any, Measured], part: str) -> str:
    """A part from the first to the last."""
    values = list(found.values())
    return f"from {values[0].told(part)} to {values[-1].told(part)}"


def parts_table(title: str, heading: str, found: dict[Any, Measured]) -> Table:
    """The parts of each, with intervals."""
    first = next(iter(found.values())).parts
    names = ("loss", "noise", "bias", "variance")
    more = ("unbiased_variance", "biased_variance") if first.loss == "0-1" else ()
    titles = {"variance": "net variance" if more else "variance"}
    told = (titles.get(name, name).replace("_", " ") for name in (*names, *more))
    cells = [
        (plain_number(float(value)), *(one.told(name) for name in (*names, *more))) for value, one in found.items()
    ]
    return Table(
        title,
        columns(f"{heading}#", *(f"{name}#" for name in told)),
        cells,
        f"Means over {len(first.points.loss)} points with 95% intervals over {len(first.predictions)} universes; loss "
        "= noise + bias + variance. Bias is squared under squared loss.",
    )


def parts_figure(name: str, title: str, label: str, found: dict[Any, Measured], *, log: bool = False) -> Figure:
    """The parts against one hyperparameter."""
    caption = "Means over the test points with 95% intervals over the universes; loss is the sum of the other three."

    @framed(name, title, caption, width=5.2, height=3.1)
    def drawn(axes: Axes) -> None:
        for part, (colour, marker) in PARTS.items():
            means = np.array([one.parts.mean(part) for one in found.values()])
            low = np.array([one.intervals[part].low for one in found.values()])
            high = np.array([one.intervals[part].high for one in found.values()])
            axes.errorbar(
                list(found),
                means,
                yerr=np.abs(np.array([means - low, high - means])),
                color=colour,
                marker=marker,
                markersize=4.5,
                linewidth=1.3,
                capsize=2.5,
                label=part,
            )
        if log:
            axes.set_xscale("log")
            axes.set_xticks(list(found), [plain_number(float(value)) for value in found])
            axes.minorticks_off()
        squared = next(iter(found.values())).parts.loss == "squared"
        if squared:
            axes.set_yscale("log")
            plain_logarithms(axes.yaxis)
        axes.set(xlabel=label, ylabel="squared loss" if squared else "0-1 loss")
        axes.grid()
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7.5)

    return drawn


def universe_figure(x: Array, ladder: dict[int, Measured], degrees: Sequence[int], shown: int = 100) -> Figure:
    """The lecture's picture: the functions of many universes, their mean and the truth."""
    caption = (
        f"Thin lines: the functions of {shown} universes. Their mean misses the truth by the bias; they spread around "
        "it by the variance."
    )

    @framed("bias-universes", "One model in many universes", caption, count=len(degrees), height=3.0, columns=3)
    def drawn(*panels: Axes) -> None:
        for axes, degree in zip(panels, degrees, strict=True):
            predictions = ladder[degree].parts.predictions
            axes.plot(x, predictions[:shown].T, color=VERMILLION, linewidth=0.4, alpha=0.35)
            axes.plot(x, predictions.mean(axis=0), color=BLUE, linewidth=1.8, linestyle="--", label="mean")
            axes.plot(x, truth(x), color="black", linewidth=1.4, label="truth")
            axes.set(title=f"degree {degree}", xlabel="x", ylim=(-2.2, 2.2))
            axes.grid()
        panels[0].set_ylabel("y")
        panels[0].legend(loc="upper left", fontsize=7.5)

    return drawn


def point_figure(x: Array, ladder: dict[int, Measured], degrees: Sequence[int]) -> Figure:
    """Bias and variance at every test point."""
    caption = "At each test point; variance is largest at the ends of the rows, where fewest rows hold the function."

    @framed("bias-points", "Bias and variance point by point", caption, count=2, height=2.8)
    def drawn(*panels: Axes) -> None:
        for axes, part in zip(panels, ("bias", "variance"), strict=True):
            for degree, colour, dashes in zip(degrees, COLOURS, ("-", "--", "-."), strict=False):
                axes.plot(
                    x,
                    getattr(ladder[degree].parts.points, part),
                    color=colour,
                    linestyle=dashes,
                    linewidth=1.5,
                    label=f"degree {degree}",
                )
            axes.set(title="squared bias" if part == "bias" else part, xlabel="x")
            axes.set_yscale("log")
            plain_logarithms(axes.yaxis)
            axes.set_ylim(1e-5, None)
            axes.grid()
        panels[0].set_ylabel("squared loss")
        panels[1].legend(loc="upper center", fontsize=7.5)

    return drawn
