"""The ladder of degrees 1 to 5 on ten points: each fits them better, and the last ones fit new points worse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kshot.classic.data.cp import load_cp
from kshot.classic.data.inputs import Array
from kshot.classic.experiments.registry import experiment
from kshot.classic.experiments.wording import within
from kshot.classic.regression.linear import PolynomialRegression
from kshot.classic.selection.validation import n_folds
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.style import BLUE, VERMILLION
from kshot.eval.report.ticks import plain_logarithms

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@experiment
def overfitting_ladder(*, degrees: int = 5, seed: int = 0) -> Report:
    """A higher degree always fits the ten points better, and from some degree on new points worse.

    y = b + w_1 x + w_2 x^2 + ... + w_d x^d with the least sum of squares (Hung-yi Lee, "Regression: Case Study"). The
    lecture's error is sqrt(sum_n (y_n - f(x_n))^2) / N; on its ten training points it is 31.9, 15.4, 15.3, 14.9 and
    12.8 for degree 1 to 5. Its test points are not at hand: here each point is held out in turn, and predicted from the
    nine others. Nothing is drawn, so `seed` has no use.
    """
    X, y = load_cp()
    within("overfitting-ladder: degrees", degrees, 2, len(y) - 2)
    ladder = range(1, degrees + 1)
    models = [PolynomialRegression(degree=degree).fit(X, y) for degree in ladder]
    train = np.array([y - model.predict(X) for model in models])  # (degrees, points)
    held = np.array([held_out_errors(degree, X, y) for degree in ladder])
    inner = np.flatnonzero((X[:, 0] > X.min()) & (X[:, 0] < X.max()))
    errors = {
        "train": lecture_error(train),
        "held out": lecture_error(held),
        "held out, inner": lecture_error(held[:, inner]),
    }
    best = int(errors["held out"].argmin())
    table = Table(
        "Error of each degree (CP)",
        columns("degree#", "training points#", "held-out points#", "held out, inner eight only#", "function"),
        [
            (
                str(degree),
                *(f"{errors[kind][at]:,.1f}" for kind in errors),
                written(models[at], float(X.min()), float(X.max())),
            )
            for at, degree in enumerate(ladder)
        ],
        "sqrt(sum of squared errors) / points. Each held-out point is predicted from the nine others; the smallest and "
        "the largest CP lie outside of the nine, where a polynomial is free, so the last column leaves them out.",
    )
    worst = errors["held out"][-1] / errors["held out"][best]
    times = f"{worst:,.{0 if worst >= 10 else 1}f} times"
    steps = "falls with every degree" if (np.diff(errors["train"]) < 0).all() else "does not fall with every degree"
    outer = 100 * (1 - (held[-1, inner] ** 2).sum() / (held[-1] ** 2).sum())
    inner_best = int(errors["held out, inner"].argmin())
    summary = [
        f"Training error {steps}, from {errors['train'][0]:.1f} at degree 1 to {errors['train'][-1]:.1f} at degree "
        f"{degrees}, while the error on held-out points is least at degree {best + 1} "
        f"({errors['held out'][best]:,.1f}) and {times} as large at degree {degrees} "
        f"({errors['held out'][-1]:,.1f}).",
        f"{outer:.0f}% of its square is the two outermost points, each beyond the other nine; on the inner eight alone "
        f"degree {inner_best + 1} is best, with {errors['held out, inner'][inner_best]:,.1f} against "
        f"{errors['held out, inner'][-1]:,.1f} at degree {degrees}.",
    ]
    sections = [
        Section("Training and held-out error", [table, error_figure(list(ladder), errors)]),
        Section("The functions", [ladder_figure(X[:, 0], y, models)]),
    ]
    return Report("Overfitting: the ladder of degrees", summary, sections)


def held_out_errors(degree: int, X: Array, y: Array) -> Array:
    """Each point's y - f(x), f fitted to the others, (points,)."""
    errors = np.empty(len(y))
    for train, held in n_folds(len(y), len(y)):
        errors[held] = y[held] - PolynomialRegression(degree=degree).fit(X[train], y[train]).predict(X[held])
    return errors


def lecture_error(errors: Array) -> Array:
    """sqrt(sum of squares) / points, along the last axis."""
    lengths: Array = np.linalg.norm(errors, axis=-1) / errors.shape[-1]
    return lengths


def written(model: PolynomialRegression, low: float, high: float) -> str:
    """b + w_1 x + ... in the units of the data."""
    weights = np.polynomial.Polynomial(np.append(model.intercept_, model.coef_), domain=[low, high]).convert().coef
    terms = [f"{weights[0]:.3g}"]
    for power, weight in enumerate(weights[1:], 1):
        sign = "-" if weight < 0 else "+"
        number = (
            f"{abs(weight):.2g}"
            if abs(weight) >= 1e-3
            else np.format_float_positional(abs(weight), precision=2, fractional=False, trim="-")
        )
        terms.append(
            f"{sign} {number} x{'²³⁴⁵⁶⁷⁸⁹'[power - 2] if 2 <= power <= 9 else f'^{power}' if power > 9 else ''}"
        )
    return " ".join(terms)


def error_figure(degrees: Sequence[int], errors: dict[str, Array]) -> Figure:
    """Training and held-out error over the degree."""
    caption = "sqrt(sum of squared errors) / points; each held-out point is predicted from the nine others."

    @framed("ladder-errors", "Training and held-out error", caption, width=4.8, height=3.0)
    def drawn(axes: Axes) -> None:
        looks = {
            "train": (BLUE, "o", "-", "training points"),
            "held out": (VERMILLION, "s", "-", "held-out points"),
            "held out, inner": (VERMILLION, "s", "--", "held out, inner eight"),
        }
        for kind, (colour, marker, dashes, label) in looks.items():
            filled = "none" if dashes == "--" else colour
            axes.plot(
                degrees,
                errors[kind],
                color=colour,
                marker=marker,
                linestyle=dashes,
                markersize=5,
                linewidth=1.4,
                markerfacecolor=filled,
                label=label,
            )
        axes.set_yscale("log")
        plain_logarithms(axes.yaxis)
        axes.set(xlabel="degree", ylabel="error (CP)", xticks=list(degrees))
        axes.grid()
        axes.legend(loc="upper left", fontsize=7.5)

    return drawn


def ladder_figure(x: Array, y: Array, models: Sequence[PolynomialRegression]) -> Figure:
    """Each degree's function, in full and with each point left out."""
    caption = "Black: fitted to all ten points; thin lines: with one point left out, ten times."

    @framed("ladder-functions", "The function of each degree", caption, count=len(models), height=2.5, columns=3)
    def drawn(*panels: Axes) -> None:
        across = np.linspace(0, 650, 200)[:, None]
        for axes, model in zip(panels, models, strict=True):
            for train, _ in n_folds(len(y), len(y)):
                other = PolynomialRegression(degree=model.degree).fit(x[train, None], y[train])
                axes.plot(across, other.predict(across), color=VERMILLION, linewidth=0.7, alpha=0.7)
            axes.plot(across, model.predict(across), color="black", linewidth=1.5)
            axes.plot(x, y, "o", color=BLUE, markersize=4, linestyle="none")
            axes.set(title=f"degree {model.degree}", ylim=(-300, 2000))
            axes.grid()
        for axes in panels[-3:]:
            axes.set_xlabel("CP before evolution")
        for axes in panels[::3]:
            axes.set_ylabel("CP after evolution")

    return drawn
