"""Water or Normal: the lecture's Gaussian generative model, with an own covariance a class and with a shared one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedShuffleSplit

from kshot.classic.classification.gaussian import GaussianClassifier
from kshot.classic.data.inputs import Array
from kshot.classic.data.pokemon import STATS, load_pokemon
from kshot.classic.experiments.boundaries import draw_boundary
from kshot.classic.experiments.drawing import draw_means
from kshot.classic.experiments.registry import experiment
from kshot.classic.experiments.wording import by_interval
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.numbers import brackets, mean_plus_minus
from kshot.eval.report.style import BLUE, VERMILLION
from kshot.eval.statistics import Interval, paired, t_interval, wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TWO, SIX = "defense and sp_defense", "all six stats"
FEATURES = {TWO: (2, 4), SIX: tuple(range(len(STATS)))}
SMALLER = (24, 36, 54, 80)
"""Train rows of the random draws, beside as many as the lecture has."""
LOOKS = {"own": (VERMILLION, "s"), "shared": (BLUE, "o")}


@experiment
def pokemon_types(*, draws: int = 100, seed: int = 0) -> Report:
    """One covariance shared by the classes has about half the numbers to learn, and does better where rows are few.

    P(C_k | x) = P(x | C_k) P(C_k) / sum_j P(x | C_j) P(C_j), each P(x | C_k) a Gaussian; shared: Sigma = N_1/N Sigma_1
    + N_2/N Sigma_2 (Hung-yi Lee, "Classification: Probabilistic Generative Model"). Trained on Pokedex numbers below
    400 and tested on the rest, as in the lecture; then on `draws` random draws of each size, tested on all other rows.
    """
    table = load_pokemon().only("Water", "Normal")
    X, y = table.stats, table.types
    train, test = np.flatnonzero(table.numbers < 400), np.flatnonzero(table.numbers >= 400)

    rows, hits = [], {}
    for title, chosen in FEATURES.items():
        for kind in LOOKS:
            seen, unseen, d = X[train][:, chosen], X[test][:, chosen], len(chosen)
            model = GaussianClassifier(covariance=kind).fit(seen, y[train])
            right = hits[title, kind] = model.predict(unseen) == y[test]
            numbers = 2 * d + (2 if kind == "own" else 1) * d * (d + 1) // 2
            rows.append(
                (
                    title,
                    kind,
                    str(numbers),
                    f"{100 * model.score(seen, y[train]):.1f}",
                    f"{100 * right.mean():.1f}",
                    brackets(wilson(int(right.sum()), len(test)), scale=100),
                )
            )
    accuracies = Table(
        "Trained on numbers below 400",
        columns(
            "features", "covariance", "numbers learned#", "train accuracy (%)#", "test accuracy (%)#", "95% interval"
        ),
        rows,
        f"{len(train)} train rows, {len(test)} test rows.",
    )

    sizes = (*SMALLER, len(train))
    curves = {title: learning_curve(X[:, chosen], y, sizes, draws, seed) for title, chosen in FEATURES.items()}
    gains = {title: both[..., 1] - both[..., 0] for title, both in curves.items()}  # (sizes, draws)
    drawn = Table(
        f"Test accuracy over {draws} random draws of the train rows",
        columns("features", "train rows#", "own (%)#", "shared (%)#", "shared minus own (points)#"),
        [
            (
                title,
                str(size),
                f"{100 * both[at, :, 0].mean():.1f}",
                f"{100 * both[at, :, 1].mean():.1f}",
                points(gains[title][at]),
            )
            for title, both in curves.items()
            for at, size in enumerate(sizes)
        ],
        "Means with 95% intervals of draws from this table: what other draws would give, not what other Pokemon would.",
    )

    shared, own = (hits[SIX, kind].astype(float) for kind in ("shared", "own"))
    lecture = paired(shared.tolist(), own.tolist())
    span = brackets(lecture.interval, scale=100, signed=True)
    verdict = of_sharing([t_interval(gain) for gain in gains[SIX]])
    alone = by_interval(lecture.interval, "shows it", "shows the opposite", "is too small to tell")
    summary = [
        f"Sharing one covariance {verdict}: with all six stats {100 * shared.mean():.1f}% of the lecture's {len(test)} "
        f"unseen Pokemon are right against {100 * own.mean():.1f}% with own covariances, and over random draws it adds "
        f"{points(gains[SIX][0])} points with {sizes[0]} train rows and {points(gains[SIX][-1])} with {sizes[-1]}.",
        f"With two of the stats, where an own covariance learns only 3 numbers more, it adds "
        f"{points(gains[TWO][0])} and {points(gains[TWO][-1])} points.",
        f"The lecture's split alone {alone}: {100 * lecture.difference:+.1f} points {span}, p = {lecture.p:.2f}.",
        refusal(X[train], y[train]),
    ]
    sections = [
        Section("Accuracy", [accuracies, curve_figure(sizes, curves), drawn]),
        Section("What sharing does to the boundary", [boundary_figure(X[train], y[train])]),
    ]
    return Report("Water or Normal: a Gaussian a class", summary, sections)


def of_sharing(spans: Sequence[Interval]) -> str:
    """What the intervals of shared minus own say, from few train rows to many."""
    signs = [by_interval(span, "+", "-", "0") for span in spans]
    if set(signs) <= {"+"} or set(signs) <= {"-"}:
        return "helps" if signs[0] == "+" else "harms"
    return {"+": "helps where rows are few", "-": "harms where rows are few", "0": "does not surely help"}[signs[0]]


def learning_curve(X: Array, y: NDArray[Any], sizes: Sequence[int], draws: int, seed: int) -> Array:
    """Test accuracy of (own, shared) on random draws of each size that keep the classes' shares, (sizes, draws, 2)."""
    random = np.random.RandomState(seed)
    found = np.empty((len(sizes), draws, 2))
    for at, size in enumerate(sizes):
        splits = StratifiedShuffleSplit(draws, train_size=size, random_state=random).split(X, y)
        for draw, (train, test) in enumerate(splits):
            for place, kind in enumerate(("own", "shared")):
                model = GaussianClassifier(covariance=kind).fit(X[train], y[train])
                found[at, draw, place] = model.score(X[test], y[test])
    return found


def points(gain: Array) -> str:
    """A mean difference and half its interval in percentage points."""
    return mean_plus_minus(gain, scale=100, signed=True)


def refusal(X: Array, y: NDArray[Any]) -> str:
    """What the model says to the lecture's seventh feature, which is the sum of the six others."""
    try:
        GaussianClassifier().fit(np.column_stack([X.sum(axis=1), X]), y)
    except ValueError as error:
        return f"The lecture's seventh feature, total, is the sum of the six; the model takes no such column: {error}"
    raise AssertionError("a sum of columns makes their covariance singular")


def curve_figure(sizes: Sequence[int], curves: dict[str, Array]) -> Figure:
    """Test accuracy over train rows with both covariances, one panel a set of features."""
    caption = "Test accuracy, mean over random draws of the train rows with its 95% interval."

    @framed(
        "pokemon-rows",
        "Own against shared covariance as train rows grow",
        caption,
        count=len(curves),
        height=3.0,
        columns=2,
    )
    def drawn(*panels: Axes) -> None:
        for axes, (title, both) in zip(panels, curves.items(), strict=True):
            for place, (kind, (colour, marker)) in enumerate(LOOKS.items()):
                draw_means(axes, sizes, 100 * both[..., place], color=colour, marker=marker, label=f"{kind} covariance")
            axes.set(title=title, xlabel="train rows")
            axes.grid()
        panels[0].set_ylabel("test accuracy (%)")
        panels[0].legend(loc="upper left", fontsize=7.5)

    return drawn


def boundary_figure(X: Array, y: NDArray[Any]) -> Figure:
    """Train rows in two columns, both models' boundaries, and the Gaussians as ellipses."""
    chosen = FEATURES[TWO]
    two = X[:, list(chosen)]

    caption = "Train rows; ellipses at one and two standard deviations; the black line is where both are as probable."

    @framed("pokemon-boundary", "The boundary with own and with shared covariance", caption, count=2, height=3.5)
    def drawn(*panels: Axes) -> None:
        for axes, kind in zip(panels, LOOKS, strict=True):
            model = GaussianClassifier(covariance=kind).fit(two, y)
            draw_boundary(axes, model, two, y)
            around = np.linspace(0, 2 * np.pi, 100)
            circle = np.array([np.cos(around), np.sin(around)])
            for k, colour in enumerate((BLUE, VERMILLION)):
                sigma = model.covariance_ if kind == "shared" else model.covariance_[k]
                for radius in (1, 2):
                    ring = model.means_[k][:, None] + radius * np.linalg.cholesky(sigma) @ circle
                    axes.plot(*ring, color=colour, linewidth=1.2, linestyle="-" if radius == 1 else "--")
            axes.set(title=f"{kind} covariance", xlabel=f"{STATS[chosen[0]]} (base stat)")
        panels[0].set_ylabel(f"{STATS[chosen[1]]} (base stat)")
        panels[0].legend(loc="upper right", fontsize=7.5)

    return drawn
