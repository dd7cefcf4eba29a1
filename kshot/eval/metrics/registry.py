"""The registry of metrics: what an answer is worth beside its task's own score."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from kshot.registry import Registry
from kshot.types import Sample, Score, UserError

M = TypeVar("M", bound=Callable[..., float])
METRICS: Registry[Callable[..., float]] = Registry("metric", takes=2)


def metric(function: M) -> M:
    """Decorator: registers a metric under its function's name, underscores as dashes.

    The function takes an answer and its sample, and keyword-only hyperparameters, each with a default; it gives a
    number in [0, 1], more being better. No answer is worth 0 and is not asked about.
    """
    METRICS.add(function.__name__.replace("_", "-"))(function)
    return function


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with its hyperparameters bound; `name` is the specification that makes it again."""

    name: str
    function: Callable[..., float]

    def __call__(self, answer: str | None, sample: Sample) -> float:
        if answer is None:
            return 0.0
        given = self.function(answer, sample)
        try:
            return float(given)
        except (TypeError, ValueError) as error:  # a user's own
            raise UserError(f"the metric {self.name} gave {given!r:.60} in place of a number; mend it.") from error


def get_metric(spec: str) -> Metric:
    """The metric that a specification names. Raises UserError for an unknown name or hyperparameter."""
    return Metric(METRICS.canonical(spec), METRICS.get(spec))


def with_metrics(score: Score, metrics: Iterable[Metric], answer: str | None, sample: Sample) -> Score:
    """A task's own score first, then further metrics by name."""
    return Score({**score.values, **{one.name: one(answer, sample) for one in metrics}}, score.answered)
