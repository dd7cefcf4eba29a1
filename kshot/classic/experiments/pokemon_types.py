"""Water or Normal: the lecture's Gaussian generative model, with an own covariance a class and with a shared one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kshot.classic.data.pokemon import STATS, load_pokemon
from kshot.classic.experiments.boundaries import draw_boundary
from kshot.classic.experiments.registry import experiment
from kshot.classic.gaussian import GaussianClassifier
from kshot.classic.inputs import Array
from kshot.eval.report.model import Column, Figure, Report, Section, Table
from kshot.eval.report.style import BLUE, VERMILLION, small_multiples, styled
from kshot.eval.statistics import Interval, paired, wilson

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

FEATURES = {"defense and sp_defense": (2, 4), "all six stats": tuple(range(len(STATS)))}
LOOKS = {"own": (VERMILLION, "s"), "shared": (BLUE, "o")}


@experiment
def pokemon_types(*, splits: int = 200, seed: int = 0) -> Report:
    """Sharing one covariance between the classes halves the parameters, and shows in the test accuracy.

    P(C_k | x) = P(x | C_k) P(C_k) / sum_j P(x | C_j) P(C_j), each P(x | C_k) a Gaussian; shared: Sigma = N_1/N Sigma_1
    + N_2/N Sigma_2 (Hung-yi Lee, "Classification: Probabilistic Generative Model"). Trained on Pokedex numbers below
    400 and tested on the rest, as in the lecture, and on `splits` random splits of the same sizes.
    """
    table = load_pokemon().only("Water", "Normal")
    X, y = table.stats, table.types
    early = table.numbers < 400
    train, test = np.flatnonzero(early), np.flatnonzero(~early)

    rows, right = [], {}
    for title, columns in FEATURES.items():
        for kind in LOOKS:
            model = GaussianClassifier(covariance=kind).fit(X[np.ix_(train, columns)], y[train])
            fits = model.predict(X[np.ix_(train, columns)]) == y[train]
            hits = right[title, kind] = model.predict(X[np.ix_(test, columns)]) == y[test]
            interval = wilson(int(hits.sum()), len(test))
            d = len(columns)
            numbers = 2 * d + (2 if kind == "own" else 1) * d * (d + 1) // 2
            span = f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
            rows.append((title, kind, str(numbers), f"{100 * fits.mean():.1f}", f"{100 * hits.mean():.1f}", span))
    columns_ = [
        Column("features"), Column("covariance"), Column("numbers learned", numeric=True),
        Column("train accuracy (%)", numeric=True), Column("test accuracy (%)", numeric=True), Column("95% interval"),
    ]  # fmt: skip
    accuracies = Table(
        "Trained on numbers below 400", columns_, rows, f"{len(train)} train rows, {len(test)} test rows."
    )

    six = "all six stats"
    lecture = paired(right[six, "shared"].astype(float).tolist(), right[six, "own"].astype(float).tolist())
    drawn = {title: random_splits(X[:, columns], y, len(train), splits, seed) for title, columns in FEATURES.items()}
    gains = {title: resampled(both[:, 1] - both[:, 0], len(train), len(test)) for title, both in drawn.items()}
    over = Table(
        f"Over {splits} random splits",
        [
            Column("features"), Column("own (%)", numeric=True), Column("shared (%)", numeric=True),
            Column("shared minus own (points)", numeric=True), Column("95% interval"),
        ],
        [
            (
                title, f"{100 * drawn[title][:, 0].mean():.1f}", f"{100 * drawn[title][:, 1].mean():.1f}",
                f"{100 * gain:+.1f}", f"[{100 * span.low:+.1f}, {100 * span.high:+.1f}]",
            )
            for title, (gain, span) in gains.items()
        ],
        "Mean test accuracy; the interval allows for splits that share rows (Nadeau and Bengio 2003, corrected t).",
    )  # fmt: skip

    shared, own = (100 * right[six, kind].mean() for kind in ("shared", "own"))
    gain, span = gains[six]
    verdict = "helps" if span.low > 0 else "hurts" if span.high < 0 else "makes no difference that these rows can show"
    summary = [
        f"Sharing one covariance {verdict}: with all six stats {shared:.1f}% of the {len(test)} unseen Pokemon are right "
        f"against {own:.1f}% with own covariances, and over {splits} random splits it is {100 * gain:+.1f} points "
        f"[{100 * span.low:+.1f}, {100 * span.high:+.1f}].",
        f"The lecture's split alone would not do: its difference is {100 * lecture.difference:+.1f} points "
        f"[{100 * lecture.interval.low:+.1f}, {100 * lecture.interval.high:+.1f}] (paired, p = {lecture.p:.2f}).",
        refusal(X[train], y[train]),
    ]
    sections = [
        Section("Accuracy", [accuracies, accuracy_figure(drawn), over]),
        Section("What sharing does to the boundary", [boundary_figure(X[train], y[train])]),
    ]
    return Report("Water or Normal: a Gaussian a class", summary, sections)


def random_splits(X: Array, y: Array, size: int, splits: int, seed: int) -> Array:
    """Test accuracy of (own, shared) on each random split, (splits, 2)."""
    random = np.random.default_rng(seed)
    found = np.empty((splits, 2))
    for split in range(splits):
        order = random.permutation(len(X))
        train, test = order[:size], order[size:]
        for place, kind in enumerate(("own", "shared")):
            found[split, place] = GaussianClassifier(covariance=kind).fit(X[train], y[train]).score(X[test], y[test])
    return found


def resampled(differences: Array, train: int, test: int) -> tuple[float, Interval]:
    """Mean difference over random splits, and its interval by the corrected resampled t-test.

    Splits share rows, so the variance of the mean is s^2 (1/J + test/train) instead of s^2 / J (Nadeau and Bengio
    2003, Machine Learning 52:239, section 3.1).
    """
    from scipy import stats

    n = len(differences)
    mean = float(differences.mean())
    error = float(differences.std(ddof=1)) * np.sqrt(1 / n + test / train)
    half = float(stats.t.ppf(0.975, n - 1)) * error
    return mean, Interval(mean - half, mean + half)


def refusal(X: Array, y: Array) -> str:
    """What the model says to the lecture's seventh feature, which is the sum of the six others."""
    try:
        GaussianClassifier().fit(np.column_stack([X.sum(axis=1), X]), y)
    except ValueError as error:
        return f"The lecture's seventh feature, total, is the sum of the six; the model takes no such column: {error}"
    raise AssertionError("a sum of columns makes their covariance singular")


def accuracy_figure(drawn: dict[str, Array]) -> Figure:
    """Every split's accuracy with own covariances against that with a shared one."""

    def draw() -> Drawing:
        with styled():
            drawing, panels = small_multiples(len(drawn), height=3.2, columns=2)
            for axes, (title, both) in zip(panels, drawn.items(), strict=True):
                bins = np.linspace(*(100 * np.array([min(b.min() for b in drawn.values()), 1.0])), 30)
                for place, (kind, (colour, marker)) in enumerate(LOOKS.items()):
                    values = 100 * both[:, place]
                    axes.hist(
                        values, bins=bins, histtype="step", color=colour, linewidth=1.4, label=f"{kind} covariance"
                    )
                    axes.plot(values.mean(), -0.04 * len(values) / 4, marker, color=colour, markersize=6, clip_on=False)
                axes.set(title=title, xlabel="test accuracy (%)")
                axes.grid(axis="y")
            panels[0].set_ylabel("random splits")
            panels[0].legend(loc="upper left", fontsize=7.5)
            return drawing

    caption = "Test accuracy over random splits; the markers below the axis are the means."
    return Figure("pokemon-splits", "Own against shared covariance over random splits", caption, draw)


def boundary_figure(X: Array, y: Array) -> Figure:
    """Train rows in two columns, both models' boundaries, and the Gaussians as ellipses."""
    columns = FEATURES["defense and sp_defense"]
    two = X[:, columns]

    def draw() -> Drawing:
        with styled():
            drawing, panels = small_multiples(2, height=3.5, columns=2)
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
                axes.set(title=f"{kind} covariance", xlabel=f"{STATS[columns[0]]} (base stat)")
            panels[0].set_ylabel(f"{STATS[columns[1]]} (base stat)")
            panels[0].legend(loc="upper right", fontsize=7.5)
            return drawing

    caption = "Train rows; ellipses at one and two standard deviations; the black line is where both are as probable."
    return Figure("pokemon-boundary", "The boundary with own and with shared covariance", caption, draw)
