"""Where error comes from (Hung-yi Lee, "Where does the error come from?"): bias, variance and noise by refitting.

Meets: squared loss and 0-1 loss by one definition (Domingos 2000, "A Unified Bias-Variance Decomposition"); the parts
add up to the mean loss exactly, at every point; intervals over refits; any estimator. Concedes: with R refits bias is
too large by variance / R (the mean of R predictions still varies); with one target a point its noise cannot be told
from bias and is counted as bias.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from kshot.classic.data.inputs import REACH, Array
from kshot.classic.selection.refits import BLOCK, bootstrap_predictions
from kshot.eval.statistics import Interval

LOSSES = ("squared", "0-1")


@dataclass(frozen=True, slots=True, eq=False)
class LossParts:
    """loss = noise + bias + unbiased_variance - biased_variance, each (points,) or (draws, points).

    y* is the best prediction, that of least loss over the targets of a point; the main prediction that of least loss
    over the refits. Squared loss: both are means, and bias is squared. 0-1 loss: both are the most frequent class.
    """

    loss: Array  # mean over refits and targets
    noise: Array  # what the targets' spread around y* adds; below 0 where it turns wrong predictions right
    bias: Array  # loss of the main prediction against y*
    unbiased_variance: Array  # what the refits' spread adds where the main prediction is y*
    biased_variance: Array  # what it takes away where the main prediction is wrong: a change may be for the better

    @property
    def variance(self) -> Array:
        """Net variance, unbiased less biased: what the refits' spread around the main prediction adds."""
        return self.unbiased_variance - self.biased_variance


@dataclass(frozen=True, slots=True, eq=False)
class BiasVariance:
    """The loss of many fits of one estimator in its parts."""

    loss: str
    predictions: NDArray[Any]  # (refits, points)
    targets: NDArray[Any]  # (targets a point, points)
    points: LossParts  # (points,)

    def mean(self, part: str) -> float:
        """A part's mean over the points: loss, noise, bias, variance, unbiased_variance or biased_variance."""
        return float(getattr(self.points, part).mean())

    def intervals(self, *, draws: int = 1000, level: float = 0.95, seed: int = 0) -> dict[str, Interval]:
        """Percentile interval of each part's mean, refits resampled with replacement (Efron 1979).

        It covers what other refits would have given on the same points; not other points, nor, where the refits are
        bootstrap samples of one training set, another training set.
        """
        random, refits = np.random.default_rng(seed), len(self.predictions)
        kinds = len(np.unique(self.predictions)) if self.loss == "0-1" else 1
        size = max(1, BLOCK // max(refits, self.predictions.shape[1] * kinds))
        means: dict[str, list[Array]] = {}
        for start in range(0, draws, size):
            counts = random.multinomial(refits, np.full(refits, 1 / refits), size=min(size, draws - start))
            parts = parts_of(self.predictions, self.targets, self.loss, counts / refits)
            for name in (*(field.name for field in fields(LossParts)), "variance"):
                means.setdefault(name, []).append(getattr(parts, name).mean(axis=1))
        ends = {
            name: np.quantile(np.concatenate(found), [(1 - level) / 2, (1 + level) / 2])
            for name, found in means.items()
        }
        return {name: Interval(float(low), float(high)) for name, (low, high) in ends.items()}

    def diagnosis(self) -> str:
        """The lecture's advice: large bias is underfitting, large variance overfitting."""
        bias, variance = self.mean("bias"), max(0.0, self.mean("variance"))
        share = bias / (bias + variance) if bias + variance > 0 else 0.5
        counted = " (noise counted as bias)" if len(self.targets) == 1 else ""
        if share > 2 / 3:
            return (
                f"underfitting: {100 * share:.0f}% of bias and variance is bias{counted}; "
                "more features or a more complex model help, more rows do not"
            )
        if share < 1 / 3:
            return (
                f"overfitting: {100 * (1 - share):.0f}% of bias and variance is variance; "
                "more rows or regularisation help"
            )
        return f"in balance: {100 * share:.0f}% of bias and variance is bias{counted}"


def bias_variance(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    X_test: Any,
    y_test: Any,
    *,
    loss: str = "squared",
    refits: int = 200,
    seed: int = 0,
) -> BiasVariance:
    """The estimator's loss at X_test in its parts, from `refits` bootstrap samples of X and y.

    y_test: (points,), or (targets a point, points) where several are known, which tells noise from bias. For training
    sets of your own, hand `sample_predictions` to `decompose`. Raises ValueError, and what the estimator raises.

    >>> from kshot.classic.regression.linear import LinearRegression
    >>> x = np.linspace(-1, 1, 40)[:, None]
    >>> parts = bias_variance(LinearRegression(), x, x[:, 0] ** 2, x, x[:, 0] ** 2)
    >>> parts.diagnosis()[:12], round(parts.mean("loss") - parts.mean("bias") - parts.mean("variance"), 12)
    ('underfitting', 0.0)
    """
    predictions = bootstrap_predictions(estimator, X, y, X_test, refits=refits, seed=seed)
    return decompose(predictions, y_test, loss=loss)


def decompose(predictions: Any, y_test: Any, *, loss: str = "squared") -> BiasVariance:
    """The parts of predictions (refits, points) against y_test, (points,) or (targets a point, points).

    Raises ValueError where the points are not as many, the loss is unknown, or squared loss is asked of no numbers.
    """
    predictions, targets = np.asarray(predictions), np.atleast_2d(np.asarray(y_test))
    if loss not in LOSSES:
        raise ValueError(f"loss is {loss!r}; it must be one of {', '.join(map(repr, LOSSES))}")
    if predictions.ndim != 2 or targets.ndim != 2 or predictions.shape[1] != targets.shape[1] or not targets.size:
        raise ValueError(
            f"predictions are {predictions.shape} and targets {targets.shape}; they must be (refits, points) and "
            "(points,) or (targets a point, points), with as many points"
        )
    for name, values in (("predictions", predictions), ("targets", targets)):
        if loss == "squared" and values.dtype.kind not in "fiub":
            raise ValueError(f"{name} are no numbers, which squared loss needs; for classes set loss='0-1'")
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            row, point = np.argwhere(~np.isfinite(values))[0]
            raise ValueError(f"{name} hold {values[row, point]} in row {row} at point {point}")
        if loss == "squared" and np.abs(values.astype(float)).max(initial=0.0) >= 10.0**REACH:
            raise ValueError(f"{name} hold numbers above 1e+{REACH}, whose squares are none; scale them")
    text = {name: values.dtype.kind in "USO" for name, values in (("predictions", predictions), ("targets", targets))}
    if text["predictions"] != text["targets"]:
        raise ValueError("predictions and targets are text and numbers, which are never equal; give both as the same")
    once = np.full((1, len(predictions)), 1 / len(predictions))
    parts = parts_of(predictions, targets, loss, once)
    return BiasVariance(
        loss, predictions, targets, LossParts(*(getattr(parts, field.name)[0] for field in fields(LossParts)))
    )


def parts_of(predictions: NDArray[Any], targets: NDArray[Any], loss: str, shares: Array) -> LossParts:
    """The parts under each row of `shares`, (draws, refits): how much every refit counts, summing to 1."""
    return (
        squared_parts(predictions, targets, shares)
        if loss == "squared"
        else zero_one_parts(predictions, targets, shares)
    )


def squared_parts(predictions: NDArray[Any], targets: NDArray[Any], shares: Array) -> LossParts:
    """E (f - y)^2 = Var y + (E f - E y)^2 + Var f."""
    best, noise = targets.mean(axis=0), targets.var(axis=0)
    losses = np.mean([(predictions - target) ** 2 for target in targets], axis=0)  # (refits, points)
    centre = predictions.mean(axis=0)
    away = predictions - centre  # small numbers, so that the difference of squares below loses no digits
    mean = shares @ away
    return LossParts(
        loss=shares @ losses,
        noise=np.broadcast_to(noise, mean.shape),
        bias=(mean + centre - best) ** 2,
        unbiased_variance=shares @ away**2 - mean**2,
        biased_variance=np.zeros_like(mean),
    )


def zero_one_parts(predictions: NDArray[Any], targets: NDArray[Any], shares: Array) -> LossParts:
    """P(f != y) = c1 N + B + c2 V (Domingos 2000, theorem 3, for any number of classes).

    N = P(y != y*), B = [main != y*], V = P(f != main). c1 = P(f = y*) - P(f != y*) P(f = y | y != y*). c2 is 1 where
    the main prediction is y*, else -P(f = y* | f != main): only a change to y* is for the better.
    """
    classes = np.unique(np.concatenate([predictions.ravel(), targets.ravel()]))
    frequency = np.stack([shares @ (predictions == label) for label in classes], axis=-1)  # (draws, points, classes)
    truth = np.stack([(targets == label).mean(axis=0) for label in classes], axis=-1)  # (points, classes)
    best, main = truth.argmax(axis=-1), frequency.argmax(axis=-1)
    n = 1 - truth.max(axis=-1)
    is_best = np.arange(len(classes)) == best[:, None]  # (points, classes)
    right = (frequency * is_best).sum(axis=-1)  # P(f = y*)
    wrong_together = (frequency * truth * ~is_best).sum(axis=-1)  # P(f != y*) P(f = y | y != y*) N
    biased = main != best
    return LossParts(
        loss=1 - (frequency * truth).sum(axis=-1),
        noise=right * n - wrong_together,
        bias=biased.astype(float),
        unbiased_variance=np.where(biased, 0.0, 1 - frequency.max(axis=-1)),
        biased_variance=np.where(biased, right, 0.0),
    )
