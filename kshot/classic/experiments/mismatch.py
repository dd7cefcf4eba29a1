"""Mismatch: where test rows come from another distribution, more training rows of the old kind do not help."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kshot.classic.classification.network import NetworkClassifier
from kshot.classic.data.digits import Digits, digits_table, load_digits, split_at_random
from kshot.classic.data.inputs import Array, Values
from kshot.classic.diagnosis.examine import examine
from kshot.classic.experiments.drawing import draw_image, draw_means
from kshot.classic.experiments.registry import experiment
from kshot.classic.experiments.wording import by_interval, within
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.numbers import brackets, mean_in_brackets
from kshot.eval.report.style import BLUE, COLOURS, VERMILLION
from kshot.eval.statistics import Interval, t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZES = (75, 150, 300, 600, 1200)
KEPT = 400
"""Digits that no network sees, for testing: as they are, and moved."""
SOME = 75
LOOKS = {"same kind": (BLUE, "o"), "moved": (VERMILLION, "s")}


@experiment
def mismatch(*, shift: int = 1, draws: int = 6, epochs: int = 40, seed: int = 0) -> Report:
    """Trained on centred digits and tested on ones moved by a pixel, a network does badly however many it has seen.

    Overfitting is cured by more training rows; mismatch is not, since train and test rows come from different
    distributions (Hung-yi Lee, "General Guidance"). The diagnosis holds rows of the training set out: where those are
    read and the test rows are not, it is mismatch; a classifier that tells train from test rows confirms it. A few
    rows of the test's kind among the training rows do what many of the old kind do not.
    """
    within("mismatch: shift", shift, 1, 7)
    digits = load_digits()
    found = np.empty((draws, len(SIZES), 2))  # error on unseen digits: of the same kind, moved
    with_some = np.empty((draws, 2))
    for draw_at in range(draws):
        rng = np.random.default_rng(seed + draw_at)
        kept, rest = split_at_random(digits, KEPT, rng)
        tests = (kept, Digits(moved(kept.X, shift, rng), kept.y))
        for at, size in enumerate(SIZES):
            found[draw_at, at] = errors(rest.rows(slice(size)), tests, epochs, seed + draw_at)
        mixed = rest.rows(np.arange(SIZES[-1]))  # a copy
        mixed.X[:SOME] = moved(mixed.X[:SOME], shift, rng)
        with_some[draw_at] = errors(mixed, tests, epochs, seed + draw_at)
    first, last = found[:, 0].mean(axis=0), found[:, -1].mean(axis=0)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(digits))
    test = np.zeros(len(digits), dtype=bool)
    test[order[:KEPT]] = True
    rows = digits.X.copy()
    rows[test] = moved(rows[test], shift, rng)
    diagnosis = examine(replace(digits_table(), name="moved digits", X=rows, test=test), seed=seed, steps=1500)
    gain = t_interval(100 * (with_some[:, 1] - found[:, -1, 1]))
    fell = np.log(np.maximum(found[:, 0], 0.5 / KEPT) / np.maximum(found[:, -1], 0.5 / KEPT))  # same kind, moved
    verdict = by_interval(gain, "surely up", "surely down", "not surely down")
    summary = [
        f"With {SIZES[-1] // SIZES[0]} times the training digits the error goes from {100 * first[0]:.1f}% to "
        f"{100 * last[0]:.1f}% on unseen digits of the same kind, {of_kinds(t_interval(fell[:, 0] - fell[:, 1]))} "
        f"from {100 * first[1]:.1f}% to {100 * last[1]:.1f}% on ones moved by {shift} pixel{'s' if shift > 1 else ''}; "
        f"with {SOME} of the {SIZES[-1]:,} moved it is {100 * with_some[:, 1].mean():.1f}%.",
        f"Those {SOME} change the error on moved digits by {100 * (with_some[:, 1] - found[:, -1, 1]).mean():+.1f} "
        f"points {brackets(gain, signed=True)}, {verdict}, over {draws} draws.",
        f"The diagnosis says: {diagnosis.sentence}",
    ]
    questions = Table(
        "What the diagnosis asked",
        columns("question", "measured", "answer"),
        [(one.question, one.measured, one.answer) for one in diagnosis.answers],
    )
    percent = partial(mean_in_brackets, scale=100, least=0)
    lines = [(f"{size:,}", *(percent(found[:, at, kind]) for kind in range(2))) for at, size in enumerate(SIZES)]
    lines.append((f"{SIZES[-1]:,}, {SOME} of them moved", *(percent(with_some[:, kind]) for kind in range(2))))
    learning = Table(
        "Error on unseen digits",
        columns("training digits#", "of the same kind (%) [95%]#", "moved (%) [95%]#"),
        lines,
        f"Means over {draws} draws of the digits, intervals by Student's t; {KEPT} test digits each.",
    )
    sections = [
        Section("More rows of the old kind", [learning_figure(found, with_some), learning]),
        Section("Found by the diagnosis", [questions]),
        Section("The two kinds", [kinds_figure(digits.X[order[:6]], rows[order[:6]])]),
    ]
    return Report("Mismatch of training and test rows", summary, sections)


def of_kinds(span: Interval) -> str:
    """Whether the error fell more times over on the same kind, by the interval of the ratio's logarithm."""
    return by_interval(span, "but only", "and even", "and, with no sure difference,")


def moved(X: Values, shift: int, rng: np.random.Generator) -> Array:
    """8 x 8 images moved by so many pixels up, down, left or right, drawn for each."""
    images = np.pad(X.reshape(-1, 8, 8), ((0, 0), (shift, shift), (shift, shift)))
    ways = np.array([(0, shift), (2 * shift, shift), (shift, 0), (shift, 2 * shift)])[rng.integers(0, 4, len(X))]
    parts = [image[top : top + 8, left : left + 8] for image, (top, left) in zip(images, ways, strict=True)]
    return np.array(parts).reshape(-1, 64)


def errors(seen: Digits, tests: tuple[Digits, ...], epochs: int, seed: int) -> list[float]:
    """Of a network trained on the rows, the share of each test set that it reads wrongly."""
    epochs = max(epochs, epochs * SIZES[-2] // len(seen))  # few rows get about as many steps
    model = NetworkClassifier(hidden=(64,), lr=3e-3, batch_size=50, epochs=epochs, dtype="float32", random_state=seed)
    model.fit(seen.X, seen.y)
    return [float((model.predict(test.X) != test.y).mean()) for test in tests]


def learning_figure(found: Array, with_some: Array) -> Figure:
    """Error over training digits, of both kinds."""
    caption = "Error on digits that were not trained on, means over draws with 95% intervals."

    @framed("learning", "Error as training digits grow", caption, width=5.6, height=3.2)
    def drawn(axes: Axes) -> None:
        for kind, (name, (colour, marker)) in enumerate(LOOKS.items()):
            values = 100 * found[:, :, kind].T
            draw_means(axes, SIZES, values, color=colour, marker=marker, label=f"tested on {name}")
        looks = {"color": COLOURS[2], "marker": "D", "markersize": 5.5, "linestyle": "none"}
        label = f"tested on moved, {SOME} training digits moved"
        draw_means(axes, SIZES[-1:], 100 * with_some[None, :, 1], label=label, **looks)
        axes.set(xscale="log", xlabel="training digits", ylabel="error (%)", ylim=(0, None))
        axes.set_xticks(SIZES, [f"{size:,}" for size in SIZES])
        axes.minorticks_off()
        axes.grid()
        axes.legend(fontsize=7.5, loc="center left", bbox_to_anchor=(0.0, 0.42))

    return drawn


def kinds_figure(same: Values, other: Values) -> Figure:
    """Some digits as they are, and moved."""
    caption = "The same six digits: as in training, and as they are tested."

    @framed("kinds", "Digits as they are, and moved", caption, count=12, height=1.3, columns=6)
    def drawn(*panels: Axes) -> None:
        for axes, pixels in zip(panels, np.concatenate([same, other]), strict=True):
            draw_image(axes, pixels.reshape(8, 8))
        panels[0].set_title("training: centred", loc="left")
        panels[6].set_title("test: moved", loc="left")

    return drawn
