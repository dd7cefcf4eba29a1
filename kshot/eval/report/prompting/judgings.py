"""What a report is told of a judge's verdicts on a run. They are a model's opinion, and in no score of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Attempt = tuple[str, str, str, int]
"""(task, strategy, sample id, repeat)"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge said of an attempt, or of two strategies' attempts at the same sample."""

    attempt: Attempt  # of a pair, the first strategy's
    said: str | None  # yes, no, 1 to 5; of a pair a, b or tie; None: it could not be read, and counts as nothing
    value: float  # as a number; of no account where nothing was read
    rule: str  # how it was read
    places: tuple[str | None, ...] = ()  # of a pair that was asked: what won, first or second, in either order
    probabilities: Mapping[str, float] = field(default_factory=dict)
    current: bool = True  # False where the attempt's answer has since been read otherwise: it counts as nothing

    @property
    def counts(self) -> bool:
        """Whether it may be counted."""
        return self.current and self.said is not None


@dataclass(frozen=True, slots=True)
class Judging:
    """One judge's verdicts on a run."""

    name: str
    metric: str  # judge:NAME
    engine: str  # its id
    model: str  # as it was given
    rubric: str
    sha256: str  # of the rubric's text
    text: str  # of the rubric
    scale: str  # yes-no, 1-5 or pair
    by: str  # likelihood or text
    of: str  # answer or reply
    reference: bool
    pair: tuple[str, str] | None = None
    total: int = 0  # verdicts that there are to be
    verdicts: Sequence[Verdict] = ()
    labels: Mapping[Attempt, str] = field(default_factory=dict)  # people's
    trouble: str = ""  # why it cannot be read
