"""The registry of metrics: what an answer is worth, by a task's own score or beside it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeVar, overload

from kshot.eval.corpus import Counts, Total, mean
from kshot.eval.metrics.kinds import PLAIN, Kind
from kshot.registry import USER_MODULES, Registry
from kshot.spec import split_spec
from kshot.types import Prediction, Sample, Score, UserError

Reads = Literal["answer", "likelihood", "probabilities"]
"""What of a prediction a metric takes: its answer, or all of it, of which it reads that."""

M = TypeVar("M", bound=Callable[..., Any])
METRICS: Registry[Callable[..., Any]] = Registry(
    "metric", takes=2, note="A folder with an evaluate module: ./my_metric; it is code, and runs with --trust-code."
)


@dataclass(frozen=True, slots=True)
class MetricTraits:
    """What a metric's function gives and takes, beside its name."""

    kind: Kind = PLAIN
    reads: Reads = "answer"
    total: Callable[..., float] | None = None  # counts (and hyperparameters) -> value; None: the function gives values
    each: Callable[[Counts], float] | None = None  # an attempt's own value from its counts; None: `total`


TRAITS: dict[Callable[..., Any], MetricTraits] = {}
"""By function."""


@overload
def metric(function: M) -> M: ...
@overload
def metric(
    function: None = None,
    *,
    kind: Kind = PLAIN,
    reads: Reads = "answer",
    total: Callable[..., float] | None = None,
    each: Callable[[Counts], float] | None = None,
) -> Callable[[M], M]: ...
def metric(
    function: M | None = None,
    *,
    kind: Kind = PLAIN,
    reads: Reads = "answer",
    total: Callable[..., float] | None = None,
    each: Callable[[Counts], float] | None = None,
) -> Any:
    """Decorator: registers a metric under its function's name, underscores as dashes.

    The function takes an answer (with another `reads`, the whole prediction) and its sample, and keyword-only
    hyperparameters, each with a default. It gives a number within the kind's bounds; with `total`, counts, which are
    added over a sample's repeats or the whole corpus before `total` makes a value of them. No answer is worth the
    least and is not asked about; for counts it is the empty text.
    """

    def register(given: M) -> M:
        if (total is None) != (kind.over == "attempt"):
            raise ValueError(f"{given.__name__}: a metric over a {kind.over} needs a total, and no other takes one")
        TRAITS[given] = MetricTraits(kind, reads, total, each)
        name = given.__name__.replace("_", "-")
        if not given.__module__.startswith(USER_MODULES):  # those go by file.py:name
            METRICS.add(name)(given)
        return given

    return register if function is None else register(function)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with its hyperparameters bound; `name` is the specification that makes it again."""

    name: str
    function: Callable[..., Any]
    traits: MetricTraits = MetricTraits()
    params: Mapping[str, Any] | None = None  # of `total`

    @property
    def kind(self) -> Kind:
        """What its values are."""
        return self.traits.kind

    def __call__(self, answer: str | None, sample: Sample) -> float:
        """The value of an answer alone."""
        return self.of(Prediction(answer, "unparsed" if answer is None else "ok"), sample)

    def of(self, prediction: Prediction, sample: Sample) -> float:
        """The value of one attempt. Raises UserError where a user's own metric gives no number."""
        if self.traits.total is not None:
            counted = self.counts(prediction, sample)
            given: Any = self.traits.each(counted) if self.traits.each else self.total(counted)
        elif self.traits.reads != "answer":
            given = self.function(prediction, sample)
        elif prediction.answer is None and math.isfinite(self.kind.worst):
            return self.kind.worst
        else:
            given = self.function(prediction.answer or "", sample)
        try:
            return float(given)
        except (TypeError, ValueError) as error:  # a user's own
            raise UserError(f"the metric {self.name} gave {given!r:.60} in place of a number; mend it.") from error

    def counts(self, prediction: Prediction, sample: Sample) -> Counts:
        """What it counts of one attempt; of a metric without counts the value and 1, whose quotient is the mean."""
        if self.traits.total is None:
            return {"sum": self.of(prediction, sample), "n": 1.0}
        counted = self.function(prediction.answer or "" if self.traits.reads == "answer" else prediction, sample)
        if not isinstance(counted, Mapping):
            raise UserError(f"the metric {self.name} gave {counted!r:.60} in place of counts; mend it.")
        return counted

    def total(self, counts: Counts) -> float:
        """The value of counts."""
        if self.traits.total is None:
            return mean(counts)
        return float(self.traits.total(counts, **(self.params or {})))

    def combined(self, units: Sequence[Counts]) -> tuple[Sequence[Counts], Total]:
        """Samples' counts, each with its repeats, as they add up over a corpus, and what makes a value of the sum."""
        if self.kind.over == "sample":
            return [{"sum": self.total(counts), "n": 1.0} for counts in units], mean
        return units, self.total


def get_metric(spec: str) -> Metric:
    """The metric that a specification names. Raises UserError for an unknown name or hyperparameter."""
    name, function, params = METRICS.parse(spec)
    traits = TRAITS.get(function, MetricTraits())
    if traits.kind.over != "attempt" and ".py:" in name:
        raise UserError(
            f"the metric {name} counts over a {traits.kind.over}, and a report runs no code of yours to add that up; "
            "give a number for each attempt."
        )
    kept = params if traits.total is not None and takes_params(traits.total) else None
    return Metric(METRICS.canonical(spec), METRICS.get(spec), traits, kept)


def takes_params(total: Callable[..., float]) -> bool:
    """Whether a total takes its metric's hyperparameters."""
    return len(inspect.signature(total).parameters) > 1


@lru_cache(maxsize=1024)
def known_metric(name: str) -> Metric | None:
    """The registered metric that a score's name names; None for any other, of which no file is run."""
    try:
        head, _ = split_spec(name)
        return get_metric(name) if head in METRICS.entries else None
    except UserError:
        return None


def kind_of(name: str, noted: Mapping[str, Kind] | None = None) -> Kind:
    """What the values of a score's metric are: as the run noted it, else as the package has it, else a share."""
    found = known_metric(name)
    if found is not None:
        return found.kind
    return (noted or {}).get(name, PLAIN)


@dataclass(frozen=True, slots=True)
class Scorer:
    """A Task.score made of metrics, the task's own first."""

    metrics: tuple[Metric, ...]

    def __call__(self, answer: str | None, sample: Sample) -> Score:
        return self.of(Prediction(answer, "unparsed" if answer is None else "ok"), sample)

    def of(self, prediction: Prediction, sample: Sample) -> Score:
        """The score of all that a strategy said."""
        values = {one.name: one.of(prediction, sample) for one in self.metrics}
        return Score(values, prediction.answer is not None)


def scored_by(*specs: str) -> Scorer:
    """A Task.score by metrics of the registry, the first the task's own. Raises UserError.

    >>> scored_by("token-f1", "exact-match")("the Beatles", Sample("1", "Who?", "Beatles")).values
    {'token-f1': 1.0, 'exact-match': 0.0}
    """
    return Scorer(tuple(get_metric(spec) for spec in specs))


def scored(task_score: Callable[[str | None, Sample], Score], prediction: Prediction, sample: Sample) -> Score:
    """A prediction by a task's own score."""
    if isinstance(task_score, Scorer):
        return task_score.of(prediction, sample)
    return task_score(prediction.answer, sample)


def with_metrics(score: Score, metrics: Iterable[Metric], prediction: Prediction, sample: Sample) -> Score:
    """A task's own score first, then further metrics by name."""
    return Score({**score.values, **{one.name: one.of(prediction, sample) for one in metrics}}, score.answered)
