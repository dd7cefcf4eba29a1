"""What one answer to every sample would score, and whether a strategy is shown to do better than that.

Meets: on the very samples that a strategy was asked; paired, with Holm's correction over all strategies of the report.
Concedes: a constant's score is the share of samples that have it among their targets. Where a metric gives parts of a
score, the constant's is that much at least.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kshot.types import Record, Sample

LONGEST = 24  # characters of an answer in a sentence or a cell


@dataclass(frozen=True, slots=True)
class Constant:
    """The answer that most samples have as their target, given to all of them."""

    answer: str
    scores: Mapping[str, float]  # sample id -> 1 where it is the target
    second: tuple[str, float] | None = None  # the next best with its share

    @property
    def share(self) -> float:
        """What it would score."""
        return sum(self.scores.values()) / len(self.scores)


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers that a strategy gave."""

    attempts: int
    answered: int
    distinct: int
    commonest: str | None
    of_commonest: int

    @property
    def constant(self) -> bool:
        """Whether several attempts have one and the same answer."""
        return self.distinct == 1 and self.answered > 1


def best_constant(samples: Mapping[tuple[str, str], Sample], task: str, sample_ids: Sequence[str]) -> Constant | None:
    """The best constant answer to these samples; of equals the first in the alphabet. None where one is not known."""
    targets = {key: sample.target.split("|") for key in sample_ids if (sample := samples.get((task, key))) is not None}
    if len(targets) < len(sample_ids) or not targets:
        return None
    counts = Counter(target for accepted in targets.values() for target in dict.fromkeys(accepted))
    best, *others = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    scores = {key: float(best[0] in accepted) for key, accepted in targets.items()}
    return Constant(best[0], scores, (others[0][0], others[0][1] / len(targets)) if others else None)


def answers_of(records: Sequence[Record]) -> Answers:
    """How many distinct answers there are, and the commonest."""
    counts = Counter(record.prediction.answer for record in records if record.prediction.answer is not None)
    commonest, most = next(iter(counts.most_common(1)), (None, 0))
    return Answers(len(records), counts.total(), len(counts), commonest, most)


def quoted(answer: str | None) -> str:
    """An answer in a sentence, cut where it is long."""
    text = " ".join((answer or "").split())
    return f'"{text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"}"'
