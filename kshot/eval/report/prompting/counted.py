"""What the value of a corpus is made of: each sample's counts, and how they become a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kshot.eval.corpus import Counts, Total, added, mean
from kshot.eval.metrics.registry import Metric, known_metric
from kshot.types import Prediction, Record, Sample


@dataclass(frozen=True, slots=True)
class Counted:
    """Each sample's counts, its repeats together, and what makes a value of any sum of them."""

    units: Mapping[str, Counts]
    total: Total


def counted_of(name: str, records: Sequence[Record], samples: Mapping[tuple[str, str], Sample]) -> Counted:
    """The counts of a metric by sample id. Of a metric whose code is not at hand, of the values that were kept."""
    metric = known_metric(name)
    units: dict[str, list[Counts]] = {}
    for record in records:
        sample = samples.get((record.task, record.sample_id))
        if metric is None or sample is None:
            counts: Counts = {"sum": record.score.values.get(name, 0.0), "n": 1.0}
        else:
            counts = metric.counts(record.prediction, sample)
        units.setdefault(record.sample_id, []).append(counts)
    return combined(metric, {key: added(given) for key, given in units.items()})


def combined(metric: Metric | None, units: Mapping[str, Counts]) -> Counted:
    """Samples' counts, as the metric makes a value of them."""
    if metric is None:
        return Counted(units, mean)
    counts, total = metric.combined(list(units.values()))
    return Counted(dict(zip(units, counts, strict=True)), total)


def constant_counts(name: str, answer: str, samples: Sequence[Sample]) -> Counted | None:
    """The counts of one answer to every sample; None where the metric reads more than answers."""
    metric = known_metric(name)
    if metric is None or metric.traits.reads != "answer" or metric.kind.over == "sample":
        return None
    return combined(metric, {sample.id: metric.counts(Prediction(answer, "ok"), sample) for sample in samples})
