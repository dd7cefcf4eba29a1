"""What the scores of a task are called, and what follows from their values: the words that every page says of them.

Scores that are all 0 or 1 are shares of samples that are right. Others are means of scores between 0 and 1, of which
more is better; they stand in percent of the full score, and are never called accuracy, whatever their task calls them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce

from kshot.eval.report.numbers import percent
from kshot.types import Score

ACCURACY, SEVERAL = "accuracy", "score"


@dataclass(frozen=True, slots=True)
class Scale:
    """The name of a metric, and whether all its scores are 0 or 1."""

    metric: str = ACCURACY
    binary: bool = True

    @property
    def title(self) -> str:
        """As a heading: "Accuracy", "token-f1"."""
        return {ACCURACY: "Accuracy", SEVERAL: "Scores"}.get(self.metric, self.metric)

    @property
    def name(self) -> str:
        """In a sentence: "accuracy", "mean token-f1"."""
        return self.metric if self.binary else f"mean {self.metric}"

    @property
    def unit(self) -> str:
        """Of the numbers in tables."""
        return "%" if self.binary else "% of the full score, higher is better"

    @property
    def axis(self) -> str:
        """An axis' title."""
        return f"{self.name} ({'%' if self.binary else '% of full score'})"

    @property
    def upright(self) -> str:
        """The title of an upright axis, on two lines where it is long."""
        whole = f"{self.axis}, 95% interval"
        return whole if len(whole) <= 40 else f"{self.axis},\n95% interval"

    @property
    def points(self) -> str:
        """The unit of a difference."""
        return "percentage points" if self.binary else "points of 100, higher is better"

    @property
    def versus(self) -> str:
        """The heading of how many samples each of two strategies does better on."""
        return "won : lost" if self.binary else "higher : lower"

    def __or__(self, other: Scale) -> Scale:
        """The scale of both together."""
        if self == other:
            return self
        same = self.metric == other.metric
        return Scale(self.metric if same else SEVERAL, self.binary and other.binary)


PLAIN = Scale()
"""Accuracy: what a task scores by that says nothing else."""


def scale_of(scores: Iterable[Score]) -> Scale:
    """The scale of a task's scores. Those with fractions that go by the name of accuracy go by the name of score."""
    found = list(each(scores))
    scale = common(found)
    return Scale(SEVERAL, False) if scale.metric == ACCURACY and not scale.binary else scale


def each(scores: Iterable[Score]) -> Iterator[Scale]:
    """The distinct scales of single scores."""
    for metric, binary in dict.fromkeys((score.metric, score.value in (0.0, 1.0)) for score in scores):
        yield Scale(metric, binary)


def common(scales: Iterable[Scale]) -> Scale:
    """One scale for all; of metrics of several names it is called score."""
    found = list(dict.fromkeys(scales))
    return reduce(Scale.__or__, found) if found else Scale()


@dataclass
class Tally:
    """A running mean of scores, in words."""

    scale: Scale | None = None
    total: float = 0.0
    done: int = 0

    def add(self, score: Score) -> None:
        """Counts one."""
        one = Scale(score.metric, score.value in (0.0, 1.0))
        self.scale = one if self.scale is None else self.scale | one
        self.total, self.done = self.total + score.value, self.done + 1

    def __str__(self) -> str:
        return "" if self.scale is None else said(self.scale, self.total / self.done)


def said(scale: Scale, mean: float) -> str:
    """A mean under its metric's name: "accuracy 45.0%", "mean token-f1 45.0%"."""
    scale = Scale(SEVERAL, False) if scale.metric == ACCURACY and not scale.binary else scale
    return f"{scale.name} {percent(mean)}"
