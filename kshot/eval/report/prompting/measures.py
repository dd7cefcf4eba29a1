"""What is measured of each strategy on each task: its score, what could not be read, and what it cost.

Meets: unparsed and truncated answers are counted apart from wrong ones; repeats of a sample are averaged
before anything else, so that a sample counts once; the value of a corpus, such as BLEU, is never a mean.
Concedes: clusters are used only where there are at least `FEWEST_CLUSTERS`, because resampling fewer says little; the
report then says so.
"""

from __future__ import annotations

from collections.abc import KeysView, Mapping, Sequence
from dataclasses import dataclass, replace

from kshot.eval import corpus, statistics
from kshot.eval.metrics.kinds import Kind
from kshot.eval.metrics.registry import kind_of
from kshot.eval.report.model import Outcome
from kshot.eval.report.prompting.constant import Answers, Constant, answers_of, best_constant
from kshot.eval.report.prompting.counted import Counted, counted_of
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.scale import PLAIN, Scale, scale_of
from kshot.types import Record, Sample, UserError

FEWEST_CLUSTERS = 10

MANY = 0.2
"""Above this share, unparsed or truncated answers are named unasked."""

LEVEL = 0.05
"""Of p after Holm's correction, below which a difference is shown."""

SAMPLE_BOOTSTRAP, CLUSTER_BOOTSTRAP = "bootstrap over samples", "bootstrap over clusters"
"""How the interval of a corpus' value was come by."""

Key = tuple[str, str]
"""(task, strategy)"""


@dataclass(frozen=True, slots=True)
class Measure:
    """One strategy on one task."""

    task: str
    strategy: str
    records: Sequence[Record]
    scores: Mapping[str, float]  # sample id -> score, the mean over its repeats
    value: float  # over all samples, in the unit of `scale`: the share right where scores are 0 or 1
    interval: statistics.Interval  # of the value
    method: str = statistics.WILSON  # how the interval was come by
    scale: Scale = PLAIN  # of all scores of the task
    constant: Constant | None = None  # None where a sample is not known
    above_constant: float = 1.0  # two-sided p of the difference from the constant, after Holm over the report
    counted: Counted | None = None  # what the value is made of, where it is no mean of shares

    @property
    def answers(self) -> Answers:
        """The answers given, over all records."""
        return answers_of(self.records)

    @property
    def no_better(self) -> bool:
        """Whether it is not shown to be above the best constant answer."""
        if self.constant is None:
            return False
        ahead = self.scale.better(self.value) > self.scale.better(self.constant.value)
        return not ahead or self.above_constant >= LEVEL

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.scores)

    @property
    def value_answered(self) -> float | None:
        """Over the records that have an answer; None where none has, or the value is no mean."""
        answered = [record.score.value for record in self.records if record.score.answered]
        return sum(answered) / len(answered) if answered and self.scale.kind.over == "attempt" else None

    @property
    def unparsed(self) -> float:
        """Share of records in which no answer could be read."""
        return self.share("unparsed")

    @property
    def truncated(self) -> float:
        """Share of records cut off before they stated an answer."""
        return self.share("truncated")

    def share(self, status: str) -> float:
        """Share of records with that status."""
        return sum(record.prediction.status == status for record in self.records) / len(self.records)

    def mean(self, what: str) -> float:
        """Mean over records of a cost: prompt_tokens, cached_tokens, completion_tokens or seconds."""
        return sum(float(getattr(record, what)) for record in self.records) / len(self.records)


def measure(run: RunData) -> dict[Key, Measure]:
    """Every (task, strategy) of a run: tasks as they appear, strategies in the order that the run gives."""
    grouped: dict[tuple[str, str], list[Record]] = {}
    for record in run.records:
        grouped.setdefault((record.task, record.strategy), []).append(record)
    tasks = list(dict.fromkeys(task for task, _ in grouped))
    strategies = list(dict.fromkeys([*run.strategies, *(strategy for _, strategy in grouped)]))
    found = {}
    for task in tasks:
        of_task = (record.score for (name, _), records in grouped.items() if name == task for record in records)
        scale = scale_of(of_task, run.kinds)
        known: tuple[KeysView[str], Constant | None] | None = None
        for strategy in strategies:
            records = grouped.get((task, strategy))
            if not records:
                continue
            scores = per_sample(records)
            clusters = clusters_of(run.samples, task, list(scores))
            counted = None if scale.kind.plain else counted_of(scale.metric, records, run.samples)
            value, interval, method = valued(scores, counted, clusters)
            if known is None or known[0] != scores.keys():  # most strategies are asked the same samples
                known = (scores.keys(), best_constant(run.samples, task, list(scores), scale))
            found[task, strategy] = Measure(
                task, strategy, records, scores, value, interval, method, scale, known[1], counted=counted
            )
    return against_constant(found, run.samples)


def valued(
    scores: Mapping[str, float], counted: Counted | None, clusters: list[str] | None
) -> tuple[float, statistics.Interval, str]:
    """A value over samples, its interval and how that was come by."""
    values = list(scores.values())
    if counted is None:
        return sum(values) / len(values), *statistics.named_interval(values, clusters=clusters)
    units = [counted.units[key] for key in scores]
    over = CLUSTER_BOOTSTRAP if clusters else SAMPLE_BOOTSTRAP
    return corpus.value_of(units, counted.total), corpus.corpus_interval(units, counted.total, clusters=clusters), over


def against_constant(found: Mapping[Key, Measure], samples: Mapping[tuple[str, str], Sample]) -> dict[Key, Measure]:
    """Every measure with the p of its difference from the best constant answer, corrected over all of them."""
    tested = [key for key, measure_ in found.items() if measure_.constant is not None]
    raw = []
    for key in tested:
        mine, constant = found[key], found[key].constant
        assert constant is not None
        clusters = clusters_of(samples, key[0], list(mine.scores))
        raw.append(paired_scores(mine, constant.scores, constant.counted, list(mine.scores), clusters).p)
    adjusted = dict(zip(tested, statistics.holm(raw), strict=True))
    return {key: replace(measure_, above_constant=adjusted.get(key, 1.0)) for key, measure_ in found.items()}


def paired_scores(
    a: Measure,
    b_scores: Mapping[str, float],
    b_counted: Counted | None,
    shared: Sequence[str],
    clusters: list[str] | None,
) -> statistics.Paired:
    """A measure against other scores on the samples that both have, by the test that suits its metric."""
    if a.counted is None or b_counted is None:
        return statistics.paired([a.scores[i] for i in shared], [b_scores[i] for i in shared], clusters=clusters)
    higher = [a.scale.better(a.scores[i] - b_scores[i]) for i in shared]
    first, second = ([one.units[i] for i in shared] for one in (a.counted, b_counted))
    return corpus.corpus_paired(first, second, a.counted.total, higher=higher, clusters=clusters)


def measured(run: RunData) -> dict[Key, Measure]:
    """The run's measures. Raises UserError where it has none."""
    found = measure(run)
    if not found:
        raise UserError(f"run {run.name} has no records yet; run the same kshot bench command again to fill it.")
    return found


def tasks_of(found: Mapping[Key, Measure]) -> list[str]:
    """Tasks in order of appearance."""
    return list(dict.fromkeys(task for task, _ in found))


def per_sample(records: Sequence[Record]) -> dict[str, float]:
    """Each sample's mean score over its repeats."""
    values: dict[str, list[float]] = {}
    for record in records:
        values.setdefault(record.sample_id, []).append(record.score.value)
    return {sample_id: sum(scores) / len(scores) for sample_id, scores in values.items()}


def clusters_of(samples: Mapping[tuple[str, str], Sample], task: str, sample_ids: Sequence[str]) -> list[str] | None:
    """Each sample's cluster (a sample without one is its own), or None where clusters do not matter or are too few."""
    known = [samples.get((task, sample_id)) for sample_id in sample_ids]
    named = [sample.cluster if sample else None for sample in known]
    found = [f"c:{name}" if name is not None else f"s:{key}" for name, key in zip(named, sample_ids, strict=True)]
    distinct = len(set(found))
    return found if FEWEST_CLUSTERS <= distinct < len(found) else None


def outcome_of(record: Record, noted: Mapping[str, Kind] | None = None) -> Outcome:
    """right, wrong, partial, scored, or why there is no answer; `noted` has what a run says of metrics of its own."""
    if record.prediction.status != "ok":
        return record.prediction.status
    return kind_of(record.score.metric, noted).outcome(record.score.value)
