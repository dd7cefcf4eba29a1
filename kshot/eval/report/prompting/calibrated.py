"""Raw and calibrated from one run: what the same log-likelihoods answer with and without each prior taken off.

Meets: nothing is asked for it, as a record keeps the log-likelihoods and the prior that were compared; raw stands there
also where only a calibrated strategy ran. The AUC beside accuracy tells what a model knows from what it leans to: of
two labels a prior that is the same for all samples does not change it. Concedes: a sample's first repeat alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kshot.eval.report.model import Section, Table, columns
from kshot.eval.report.numbers import percent, percent_range, points
from kshot.eval.report.prompting.measures import Measure
from kshot.eval.report.prompting.ranking import MOST_LABELS
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.roc import area
from kshot.eval.statistics import paired, wilson
from kshot.spec import split_spec, write_spec
from kshot.types import Record, Sample, UserError

TITLE = "Calibration"
RAW = "raw"
OWN = ("calibrate", "premise")  # the hyperparameters by which strategies of a row's group differ
MOST_SHARES = 6  # labels whose predicted shares are named

Scores = Mapping[str, float]
"""What was compared, by answer."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The scores of a task's samples, raw or with a prior taken off."""

    task: str
    strategy: str  # without its calibration
    calibration: str
    scores: Mapping[str, Scores]  # by sample
    targets: Mapping[str, str]
    chosen: bool = False  # whether samples have choices of their own, which are no labels

    def answers(self) -> dict[str, str]:
        """The highest of each sample; of equals the first."""
        return {key: max(given, key=given.__getitem__) for key, given in self.scores.items()}

    def hits(self) -> dict[str, float]:
        """1 for every sample whose answer is right."""
        return {key: float(answer in self.targets[key].split("|")) for key, answer in self.answers().items()}


def calibrated_section(run: RunData, listed: Sequence[Measure]) -> list[Section]:
    """The section; [] where a run took off no prior."""
    groups: dict[tuple[str, str], dict[str, Calibrated]] = {}
    for measure in listed:
        for one in both_of(run, measure):
            groups.setdefault((one.task, one.strategy), {}).setdefault(one.calibration, one)
    found = [group for group in groups.values() if len(group) > 1]
    return [Section(TITLE, [calibration_table(found)])] if found else []


def both_of(run: RunData, measure: Measure) -> list[Calibrated]:
    """A measure's scores, raw, and calibrated where it took a prior off; [] where its records have not all of it."""
    kind = str(run.params.get(measure.strategy, {}).get("calibrate", ""))
    if not kind:
        return []
    raw: dict[str, Scores] = {}
    less: dict[str, Scores] = {}
    samples: dict[str, Sample] = {}
    for record in measure.records:
        sample, scores = run.samples.get((measure.task, record.sample_id)), scores_of(record)
        if sample is None or scores is None:
            return []
        if record.sample_id not in raw:
            raw[record.sample_id], samples[record.sample_id] = scores[0], sample
            less[record.sample_id] = scores[1]
    targets = {key: sample.target for key, sample in samples.items()}
    chosen = any(sample.choices for sample in samples.values())
    name = without_calibration(measure.strategy)
    found = [Calibrated(measure.task, name, RAW, raw, targets, chosen)]
    return found if kind == "none" else [*found, Calibrated(measure.task, name, kind, less, targets, chosen)]


def scores_of(record: Record) -> tuple[Scores, Scores] | None:
    """(what would have been compared, the same less the prior) of a record; None where it does not say."""
    said = record.prediction.detail
    raw, prior = said.get("scores", said.get("logprobs")), said.get("prior", {})
    if not isinstance(raw, Mapping) or not raw or not isinstance(prior, Mapping):
        return None
    numbers = [*raw.values(), *prior.values()]
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in numbers):
        return None
    if prior and set(prior) != set(raw):
        return None
    return dict(raw), {name: value - prior.get(name, 0.0) for name, value in raw.items()}


def without_calibration(strategy: str) -> str:
    """A strategy's name without what is said of its calibration."""
    try:
        head, given = split_spec(strategy)
    except UserError:
        return strategy
    return write_spec(head, {name: value for name, value in given.items() if name not in OWN})


def calibration_table(groups: Sequence[Mapping[str, Calibrated]]) -> Table:
    """A row a calibration, under the raw one of its group."""
    rows = []
    for group in groups:
        raw = group[RAW]
        for kind, one in group.items():
            hits = one.hits()
            right, count = sum(hits.values()), len(hits)
            ends = wilson(right, count)
            rows.append([
                one.task, one.strategy, kind, f"{count:,}", percent(right / count), percent_range(ends.low, ends.high),
                "–" if kind == RAW else gain(hits, raw.hits()), area_of(one), shares_of(one),
            ])  # fmt: skip
    heads = columns(
        *("task", "strategy", "calibration", "samples#", "accuracy#", "95% interval#", "gain over raw#", "AUC#"),
        "answers",
    )
    caption = (
        "The same log-likelihoods as they are (raw) and less a prior: contextual (Zhao et al. 2021), domain (Fei et "
        "al. 2023), batch (after Zhou et al. 2023, on train inputs), pmi (Holtzman et al. 2021). Gains in points, "
        "paired bootstrap over samples; not corrected for their number. AUC: how well the scores tell labels apart, "
        "macro; of two labels no such prior changes it. Answers: the labels' shares of what is answered, and in "
        "parentheses of the targets."
    )
    return Table("Raw and calibrated", heads, rows, caption)


def gain(hits: Mapping[str, float], before: Mapping[str, float]) -> str:
    """The paired difference with its interval, over the samples that both have."""
    shared = [key for key in hits if key in before]
    if not shared:
        return "–"
    found = paired([hits[key] for key in shared], [before[key] for key in shared])
    return f"{points(found.difference)} ({points(found.interval.low)} to {points(found.interval.high)})"


def area_of(one: Calibrated) -> str:
    """The area under the ROC curve of labels; – where answers are a sample's own choices, or a label lacks a score."""
    labels = sorted(set(one.targets.values()))
    names = {name for given in one.scores.values() for name in given}
    if one.chosen or not 2 <= len(labels) <= MOST_LABELS or not set(labels) <= names:
        return "–"
    try:
        rows = [[log_odds(given)] for given in one.scores.values()]
        return f"{area(rows, [one.targets[key] for key in one.scores]).value:.3f}"
    except ValueError:
        return "–"


def log_odds(given: Scores) -> dict[str, float]:
    """Each answer's log-odds against the others together, which tell apart what shares near 0 or 1 do not."""
    found = {}
    for name, value in given.items():
        others = [other for key, other in given.items() if key != name]
        most = max(others)
        found[name] = value - most - math.log(sum(math.exp(other - most) for other in others))
    return found


def shares_of(one: Calibrated) -> str:
    """The share of each answer: "negative 60% (50%), positive 40% (50%)"; how many there are where they are many."""
    answered, asked = Counter(one.answers().values()), Counter(one.targets.values())
    names = sorted({*answered, *asked})
    if len(names) > MOST_SHARES:
        name, count = answered.most_common(1)[0]
        return f"{len(answered)} of {len(names)}, mostly {name}: {count / len(one.scores):.0%}"
    count = len(one.scores)
    return ", ".join(f"{name} {answered[name] / count:.0%} ({asked[name] / count:.0%})" for name in names)
