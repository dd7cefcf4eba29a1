"""What the scores of a task are called, and what follows from their values: the words that every page says of them.

Scores that are all 0 or 1 are shares of samples that are right. Others are what their metric says: means of shares, or
values of a whole corpus, in a unit of its own, of which more or less is better. They are never called accuracy,
whatever their task calls them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce

from kshot.eval.metrics.kinds import PLAIN as SHARES
from kshot.eval.metrics.kinds import SHARE, Kind
from kshot.eval.metrics.registry import kind_of
from kshot.types import Score

ACCURACY, SEVERAL = "accuracy", "score"


@dataclass(frozen=True, slots=True)
class Scale:
    """The name of a metric, whether all its scores are 0 or 1, and what its values are."""

    metric: str = ACCURACY
    binary: bool = True
    kind: Kind = SHARES

    @property
    def title(self) -> str:
        """As a heading: "Accuracy", "token-f1"."""
        return {ACCURACY: "Accuracy", SEVERAL: "Scores"}.get(self.metric, self.metric)

    @property
    def name(self) -> str:
        """In a sentence: "accuracy", "mean token-f1", "bleu"."""
        return self.metric if self.binary or self.kind.over == "corpus" else f"mean {self.metric}"

    @property
    def direction(self) -> str:
        """Which way is better: "higher is better"."""
        return f"{self.kind.better} is better"

    @property
    def unit(self) -> str:
        """Of the numbers in tables."""
        if self.binary:
            return "%"
        whole = "% of the full score" if self.kind.unit == SHARE else self.kind.unit
        return f"{whole}, {self.direction}" if whole else self.direction

    @property
    def axis(self) -> str:
        """An axis' title."""
        if self.binary or self.kind == SHARES:
            return f"{self.name} ({'%' if self.binary else '% of full score'})"
        said = self.kind.unit in ("", self.metric.replace("-", " "))
        return f"{self.name} ({self.direction})" if said else f"{self.name} ({self.kind.unit}, {self.direction})"

    @property
    def upright(self) -> str:
        """The title of an upright axis, on two lines where it is long."""
        whole = f"{self.axis}, 95% interval"
        return whole if len(whole) <= 40 else f"{self.axis},\n95% interval"

    @property
    def points(self) -> str:
        """The unit of a difference."""
        if self.binary:
            return "percentage points"
        return f"points of 100, {self.direction}" if self.kind.share else self.unit

    @property
    def of_points(self) -> str:
        """What a difference is counted in within a sentence, with a blank before: " points", " bits per byte"."""
        return " points" if self.kind.share else f" {self.kind.unit}".rstrip()

    @property
    def versus(self) -> str:
        """The heading of how many samples each of two strategies does better on."""
        return "won : lost" if self.binary else "better : worse" if self.kind.sign < 0 else "higher : lower"

    def better(self, value: float) -> float:
        """A value, or a difference, as a number of which more is better."""
        return self.kind.sign * value

    def __or__(self, other: Scale) -> Scale:
        """The scale of both together."""
        if self == other:
            return self
        same = self.metric == other.metric
        kind = self.kind if self.kind == other.kind else SHARES
        return Scale(self.metric if same else SEVERAL, self.binary and other.binary, kind)


PLAIN = Scale()
"""Accuracy: what a task scores by that says nothing else."""


def scale_of(scores: Iterable[Score], noted: Mapping[str, Kind] | None = None) -> Scale:
    """The scale of a task's scores. Those with fractions that go by the name of accuracy go by the name of score."""
    scale = common(each(scores, noted))
    return Scale(SEVERAL, False) if scale.metric == ACCURACY and not scale.binary else scale


def each(scores: Iterable[Score], noted: Mapping[str, Kind] | None = None) -> Iterator[Scale]:
    """The distinct scales of single scores."""
    for metric, whole in dict.fromkeys((score.metric, score.value in (0.0, 1.0)) for score in scores):
        yield scale_at(metric, whole, noted)


def scale_at(metric: str, whole: bool, noted: Mapping[str, Kind] | None = None) -> Scale:
    """The scale of a metric all of whose values are `whole`, 0 or 1, or not."""
    kind = kind_of(metric, noted)
    return Scale(metric, whole and kind.plain, kind)


def common(scales: Iterable[Scale]) -> Scale:
    """One scale for all; of metrics of several names it is called score."""
    found = list(dict.fromkeys(scales))
    return reduce(Scale.__or__, found) if found else Scale()


@dataclass
class Tally:
    """A running mean of scores, in words."""

    noted: Mapping[str, Kind] = field(default_factory=dict)
    scale: Scale | None = None
    total: float = 0.0
    done: int = 0

    def add(self, score: Score) -> None:
        """Counts one."""
        one = scale_at(score.metric, score.value in (0.0, 1.0), self.noted)
        mixed = self.scale is not None and self.scale.kind != one.kind
        self.scale = one if self.scale is None else self.scale | one
        self.total, self.done = math.nan if mixed else self.total + score.value, self.done + 1

    def __str__(self) -> str:
        return "" if self.scale is None else said(self.scale, self.total / self.done)


def said(scale: Scale, mean: float) -> str:
    """A mean of attempts under its metric's name: "accuracy 45.0%", "mean token-f1 45.0%"; "" of unlike metrics."""
    if math.isnan(mean):
        return ""
    scale = Scale(SEVERAL, False) if scale.metric == ACCURACY and not scale.binary else scale
    value = scale.kind.value(mean)
    return (
        f"{scale.name} {value}" if scale.kind.over == "attempt" else f"{scale.metric} of a sample, on average, {value}"
    )
