"""What one answer to every sample would score, and whether a strategy is shown to do better than that.

Meets: on the very samples that a strategy was asked; paired, with Holm's correction over all strategies of the report.
Concedes: the constant is one of the targets. Where a metric gives parts of a score another text may have more, so that
it is that much at least.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kshot.eval.corpus import value_of
from kshot.eval.metrics.registry import known_metric
from kshot.eval.report.prompting.counted import Counted, constant_counts
from kshot.eval.report.prompting.scale import PLAIN, Scale
from kshot.types import Record, Sample

FEW = 20  # distinct targets, each of which is tried
LABELS = ("macro-f1", "label-f1", "matthews")  # of which no other text has more than the targets
LONGEST = 24  # characters of an answer in a sentence or a cell


@dataclass(frozen=True, slots=True)
class Constant:
    """One of the targets, given to all samples."""

    answer: str
    scores: Mapping[str, float]  # sample id -> 1 where it is the target
    value: float  # what it would score
    second: tuple[str, float] | None = None  # the next best with its value
    counted: Counted | None = None  # of a metric whose value is no mean of shares


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


def best_constant(
    samples: Mapping[tuple[str, str], Sample], task: str, sample_ids: Sequence[str], scale: Scale = PLAIN
) -> Constant | None:
    """The best of the targets as the answer to all of these samples; of equals the commonest, then by the alphabet.

    Where scores are 0 or 1 that is the commonest, and of very many targets the better of the two commonest is taken.

    None where one is not known, or the metric is of more than answers.
    """
    here = [samples.get((task, key)) for key in sample_ids]
    known = [sample for sample in here if sample is not None]
    if len(known) < len(here) or not known:
        return None
    targets = {sample.id: sample.target.split("|") for sample in known}
    counts = Counter(target for accepted in targets.values() for target in dict.fromkeys(accepted))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ranked = ranked[: 2 if scale.binary or len(ranked) > FEW else FEW]  # F1 of a label may be best for a rare one
    found = [each for answer, _ in ranked if (each := constant(answer, known, targets, scale)) is not None]
    if not found:
        return None
    best, *others = sorted(found, key=lambda each: -scale.better(each.value))
    return replace(best, second=(others[0].answer, others[0].value) if others else None)


def constant(
    answer: str, samples: Sequence[Sample], targets: Mapping[str, Sequence[str]], scale: Scale
) -> Constant | None:
    """What one answer to all samples would score; None where the metric is of more than answers, or is not at hand."""
    scores = {key: float(answer in accepted) for key, accepted in targets.items()}
    if ".py:" in scale.metric:  # a user's own may give a target anything, and is not run
        return None
    if scale.kind.plain:
        metric = known_metric(scale.metric)
        if metric is not None and metric.traits.reads == "answer":  # parts of a score count too
            scores = {sample.id: metric(answer, sample) for sample in samples}
        return Constant(answer, scores, sum(scores.values()) / len(scores))
    counted = constant_counts(scale.metric, answer, samples)
    if counted is None:
        return None
    return Constant(answer, scores, value_of(list(counted.units.values()), counted.total), counted=counted)


def may_be_more(scale: Scale) -> bool:
    """Whether a text that is no target may have more than the best of the targets."""
    return not scale.binary and scale.metric.partition(":")[0] not in LABELS


def answers_of(records: Sequence[Record]) -> Answers:
    """How many distinct answers there are, and the commonest."""
    counts = Counter(record.prediction.answer for record in records if record.prediction.answer is not None)
    commonest, most = next(iter(counts.most_common(1)), (None, 0))
    return Answers(len(records), counts.total(), len(counts), commonest, most)


def quoted(answer: str | None) -> str:
    """An answer in a sentence, cut where it is long."""
    text = " ".join((answer or "").split())
    return f'"{text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"}"'
