"""What an answer is worth by a task file's `metric_list` (lm_eval/api/metrics.py and `process_results` in task.py).

The first metric is the task's own score, the others stand beside it. Those that lm-evaluation-harness defines in its own
way have its names (exact_match, acc, acc_norm, acc_bytes); those that kshot has as well are kshot's (bleu, matthews,
perplexity).
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kshot.eval.metrics.registry import Metric, MetricTraits, get_metric
from kshot.eval.tasks.lm_eval.config import OutputType, TaskFile
from kshot.eval.tasks.lm_eval.reading import Code, Keys
from kshot.eval.tasks.lm_eval.schema import METRIC
from kshot.registry import suggest
from kshot.spec import write_spec
from kshot.types import Prediction, Sample, UserError

DEFAULTS: Mapping[OutputType, tuple[str, ...]] = {
    "generate_until": ("exact_match",),
    "multiple_choice": ("acc", "acc_norm"),
    "loglikelihood": ("perplexity", "acc"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
}
LENGTHS: Mapping[str, Callable[[str], int]] = {  # what a choice's log-likelihood is divided by
    "acc": lambda text: 1,
    "acc_norm": len,
    "acc_bytes": lambda text: len(text.encode()),
}
TAKEN: Mapping[OutputType, Mapping[str, str]] = {  # by name, how it is aggregated
    "generate_until": {"exact_match": "mean", "bleu": "bleu", "chrf": "chrf", "chrf++": "chrf++"},
    "multiple_choice": {
        **dict.fromkeys(LENGTHS, "mean"),
        **{"f1": "f1", "mcc": "matthews_corrcoef", "brier_score": "brier_score"},
    },
    "loglikelihood": {"perplexity": "perplexity", "acc": "mean"},
    "loglikelihood_rolling": {
        **{"word_perplexity": "weighted_perplexity", "byte_perplexity": "weighted_perplexity"},
        "bits_per_byte": "bits_per_byte",
    },
}
OURS = {  # those that kshot has as well
    "bleu": "bleu",
    "chrf": "chrf",
    "chrf++": "chrf:words=2",
    "mcc": "matthews",
    "brier_score": "brier",
    "perplexity": "perplexity:per=text",
    "word_perplexity": "perplexity:per=word",
    "byte_perplexity": "perplexity:per=byte",
    "bits_per_byte": "bits-per-byte",
}
OPTIONS = ("ignore_case", "ignore_punctuation", "ignore_numbers", "regexes_to_ignore")  # of exact_match
PARTED = ("bleu", "chrf", "chrf++")  # of kshot's, to which "|" parts the references


def metrics_of(file: TaskFile, wanted: Sequence[str]) -> dict[str, Keys]:
    """The metrics that a task is scored by, each with its keys; `wanted` of them, where any are named.

    Raises UserError for one that kshot does not have, or has otherwise.
    """
    listed: Sequence[Any] = file.metrics or [{"metric": name} for name in DEFAULTS[file.output_type]]
    entries: dict[str, Keys] = {}
    for one in listed:
        if not isinstance(one, dict) or "metric" not in one:
            raise UserError(f"{file.where}: an entry of `metric_list` is {one!r:.60}; give it a key `metric`.")
        name = one["metric"]
        entries[name if isinstance(name, str) else getattr(name, "__name__", "a function")] = one
    for name in wanted:
        if name not in entries:
            raise UserError(f"{file.where} has no metric {name!r}: {suggest(name, entries)}")
    chosen = {name: entries[name] for name in wanted or entries}
    for name, one in chosen.items():
        check(file, name, one, [other for other in entries if other != name])
    return chosen


def check(file: TaskFile, name: str, one: Keys, others: Sequence[str]) -> None:
    """Raises UserError for a metric that is not taken; `others` are those that could be named instead."""
    taken, aggregation = TAKEN[file.output_type], one.get("aggregation")
    instead = f", or leave it out with metrics={'+'.join(others)}" if others else ""
    if file.process_results is not None and file.output_type != "loglikelihood_rolling":
        if aggregation not in (None, "mean"):
            raise UserError(f"{file.where}: `aggregation` of {name} is {said(aggregation)}; kshot takes mean{instead}.")
        return
    if not isinstance(one["metric"], str) or name not in taken:
        have = f"has {', '.join(taken)}" if taken else "has none yet"
        raise UserError(
            f"{file.where}: the metric {name} is none that kshot has for {file.output_type}; it {have}{instead}."
        )
    if aggregation not in (None, taken[name]):
        raise UserError(
            f"{file.where}: `aggregation` of {name} is {said(aggregation)}; kshot takes {taken[name]}{instead}."
        )
    for key in one:
        handed = key in OPTIONS and name != "exact_match"
        handed |= key in ("average", "weight_by_size") and file.output_type == "generate_until"
        if key not in METRIC or handed or (key == "hf_evaluate" and one[key] and name != "exact_match"):
            raise UserError(
                f"{file.where}: the metric {name} takes no key `{key}`: {suggest(key, METRIC)[:-1]}{instead}."
            )


def said(value: Any) -> str:
    """A value as an error names it."""
    return f"!function {value.name}" if isinstance(value, Code) else getattr(value, "__name__", repr(value)[:60])


# ---------------------------------------------------------------- as kshot's metrics


def metric_of(
    name: str, one: Keys, file: TaskFile, labels: Sequence[str], golds: Callable[[Sample], list[str]]
) -> Metric:
    """A metric of a task file; `golds` gives what is right of a sample. Raises UserError where it does not fit."""
    if file.output_type == "generate_until" and name == "exact_match":
        plain = evened(file.where, **{key: one[key] for key in OPTIONS if key in one})
        return Metric(name, lambda answer, sample: float(any(plain(answer) == plain(gold) for gold in golds(sample))))
    if file.output_type == "multiple_choice" and name in LENGTHS:
        length = LENGTHS[name]
        return Metric(name, lambda given, sample: right_by(given, sample, length), MetricTraits(reads="probabilities"))
    if file.output_type == "loglikelihood" and name == "acc":
        return Metric(name, greedy, MetricTraits(reads="likelihood"))
    if name == "f1":
        if len(labels) != 2:
            raise UserError(f"{file.where}: the metric f1 is of two choices that all documents have; leave it out.")
        return get_metric(write_spec("label-f1", {"label": labels[1]}))
    return get_metric(OURS[name])


def right_by(given: Prediction, sample: Sample, length: Callable[[str], int]) -> float:
    """1 where the choice of the highest log-likelihood over its length is right; of a written answer, where it is."""
    answer = given.answer
    if length is not LENGTHS["acc"] and "logprobs" in given.detail:
        logprobs: Mapping[str, float] = given.detail["logprobs"]
        texts = sample.choices or tuple(logprobs)
        scores = [logprob / max(length(text), 1) for logprob, text in zip(logprobs.values(), texts, strict=True)]
        answer = list(logprobs)[max(range(len(scores)), key=scores.__getitem__)]
    return float(answer is not None and (answer == sample.target or answer in sample.target.split("|")))


def greedy(given: Prediction, sample: Sample) -> float:
    """1 where greedy decoding goes on with the text. Raises UserError where it was not asked to."""
    if given.rule != "greedy continuation":
        raise UserError("acc is of what greedy decoding goes on with: use log-likelihood:greedy=true.")
    return float(given.answer == sample.continuation.strip())


def evened(
    where: str,
    *,
    ignore_case: bool = False,
    ignore_punctuation: bool = False,
    ignore_numbers: bool = False,
    regexes_to_ignore: Sequence[str] | None = None,
) -> Callable[[str], str]:
    """What exact_match makes of both sides: patterns taken out first, then case, punctuation (of ASCII) and digits."""
    try:
        patterns = [re.compile(one) for one in regexes_to_ignore or ()]
    except (re.error, TypeError) as error:
        raise UserError(f"{where}: `regexes_to_ignore` of exact_match cannot be read ({error}); mend it.") from error
    signs = (string.punctuation if ignore_punctuation else "") + (string.digits if ignore_numbers else "")
    table = str.maketrans("", "", signs)

    def plain(text: str) -> str:
        for pattern in patterns:
            text = pattern.sub("", text)
        return (text.lower() if ignore_case else text).translate(table)

    return plain
