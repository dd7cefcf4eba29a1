"""Many classes at once: softmax regression reads digits, and where it goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kshot.classic.classification.classifier import Classifier
from kshot.classic.classification.gaussian import GaussianClassifier, GaussianNaiveBayes
from kshot.classic.classification.logistic import SoftmaxRegression
from kshot.classic.data.digits import load_digits, split_by_class
from kshot.classic.data.inputs import Array
from kshot.classic.experiments.registry import experiment
from kshot.eval.report.frame import framed
from kshot.eval.report.model import Figure, Report, Section, Table, columns
from kshot.eval.report.numbers import brackets
from kshot.eval.report.style import INK, colour_bar, tiles
from kshot.eval.statistics import wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@experiment
def softmax(*, l2: float = 1.0, shrinkage: float = 0.1, test_share: float = 0.5, seed: int = 0) -> Report:
    """Softmax regression on handwritten digits: one set of weights a class, and a confusion matrix of what it misreads.

    P(C_k | x) = exp(z_k) / sum_j exp(z_j), z_k = w_k x + b_k, by the least cross-entropy (Hung-yi Lee, "Classification:
    Logistic Regression", multi-class). 1,797 digits of 8 by 8 pixels that scikit-learn ships, split at random by class.
    """
    seen, unseen = split_by_class(load_digits(), seed=seed, test_share=test_share)
    models: dict[str, Classifier] = {
        "softmax regression": SoftmaxRegression(l2=l2),
        "Gaussians, shared covariance": GaussianClassifier(shrinkage=shrinkage),
        "naive Bayes": GaussianNaiveBayes(var_smoothing=1e-2),
    }
    lines = []
    for name, model in models.items():
        model.fit(seen.X, seen.y)
        right = int((model.predict(unseen.X) == unseen.y).sum())
        span = brackets(wilson(right, len(unseen)), scale=100)
        lines.append((name, f"{100 * model.score(seen.X, seen.y):.1f}", f"{100 * right / len(unseen):.1f}", span))
    accuracy = Table(
        "Digits read",
        columns("model", "train (%)#", "test (%)#", "95% interval"),
        lines,
        f"{len(seen)} train and {len(unseen)} test digits.",
    )
    model = models["softmax regression"]
    assert isinstance(model, SoftmaxRegression)
    counts = confusion(unseen.y, model.predict(unseen.X))
    wrong = counts - np.diag(np.diag(counts))
    true, read = np.unravel_index(wrong.argmax(), wrong.shape)
    digits = [str(digit) for digit in range(10)]
    matrix = Table(
        "Confusion matrix of softmax regression",
        columns("true", *(f"read as {digit}#" for digit in digits), "recall (%)#"),
        [
            (digit, *map(str, row), f"{100 * row[int(digit)] / row.sum():.1f}")
            for digit, row in zip(digits, counts, strict=True)
        ],
        "Test digits by what they are and what they are read as.",
    )
    right = int(np.trace(counts))
    span = brackets(wilson(right, len(unseen)), scale=100)
    mistake = f"its commonest mistake is to read {true} as {read}, {wrong[true, read]} times in {counts[true].sum()}"
    summary = [
        f"Softmax regression reads {100 * right / len(unseen):.1f}% {span} of {len(unseen)} unseen digits; "
        f"{mistake if wrong.any() else 'it makes no mistake'}.",
        f"Newton's method took {model.n_iter_} steps over {model.coef_.size + model.intercept_.size} weights.",
    ]
    sections = [
        Section("What it reads and misreads", [accuracy, confusion_figure(counts), matrix]),
        Section("What it looks for", [weights_figure(model.coef_)]),
    ]
    return Report("Softmax regression on digits", summary, sections)


def confusion(labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often a row of class i was taken for class j, (classes, classes)."""
    counts = np.zeros((10, 10), dtype=np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def confusion_figure(counts: NDArray[np.int64]) -> Figure:
    """The confusion matrix as shares of each true digit, its counts written in."""
    caption = "Test digits, counts; the shade, on a logarithmic scale, is the share of the row."

    @framed("softmax-confusion", "What softmax regression takes for what", caption, width=5.2, height=4.4)
    def drawn(axes: Axes) -> None:
        from matplotlib.colors import LogNorm

        shares = 100 * counts / counts.sum(axis=1, keepdims=True)
        shades = np.ma.masked_equal(shares, 0)
        shown = tiles(axes, shades, cmap="cividis_r", norm=LogNorm(0.5, 100))
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 8 else INK
                axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=7.5)
        bar = colour_bar(axes.figure, shown, ax=axes, label="share of the true digit (%)", ticks=[1, 10, 100])
        bar.ax.set_yticklabels(["1", "10", "100"])
        axes.set(xticks=range(10), yticks=range(10), xlabel="read as", ylabel="true digit")

    return drawn


def weights_figure(weights: Array) -> Figure:
    """Each digit's weights as an image of 8 by 8."""
    caption = "The weights w_k of each digit by pixel: where ink speaks for it and where against it."

    @framed("softmax-weights", "The weights of softmax regression as images", caption, count=10, height=1.75, columns=5)
    def drawn(*panels: Axes) -> None:
        largest = np.abs(weights).max()
        for digit, axes in enumerate(panels):
            shown = tiles(axes, weights[digit].reshape(8, 8), cmap="PuOr", vmin=-largest, vmax=largest)
            axes.set(title=str(digit), xticks=[], yticks=[], aspect="equal")
            axes.spines[:].set_visible(False)
        colour_bar(panels[0].figure, shown, ax=panels, label="weight of a pixel", shrink=0.8)

    return drawn
