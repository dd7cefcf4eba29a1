"""kshot's metrics as modules of `evaluate` (arXiv 2210.01970), for whoever computes and combines metrics with it.

Meets: nothing is fetched and no file is written; a value is the same as in a report, and every sample's own stands
beside it. Concedes: `evaluate` takes seconds to import, so that kshot's own runs go without it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kshot.eval import corpus, statistics
from kshot.eval.metrics.registry import METRICS, Metric, get_metric
from kshot.types import Prediction, Sample

if TYPE_CHECKING:
    import evaluate

LIKELIHOOD = ("logprob", "tokens", "words", "bytes")


def as_evaluate(spec: str) -> evaluate.Metric:
    """A metric as an `evaluate.Metric`. Raises UserError for an unknown name.

    `compute(predictions=, references=)` takes texts ("" for no answer), references one text each or a list of accepted
    ones; of likelihoods predictions are mappings with logprob, tokens, words and bytes, of probabilities with labels
    and probabilities. It gives the value by the metric's name, and `scores`, each sample's own.
    """
    import datasets
    import evaluate

    metric = get_metric(spec)

    class KshotMetric(evaluate.Metric):  # type: ignore[misc]
        def _info(self) -> Any:
            text = datasets.Value("string")
            predictions = predictions_of(metric)
            return evaluate.MetricInfo(
                description=(METRICS.find(metric.name.partition(":")[0]).__doc__ or "").strip(),
                citation="",
                inputs_description=as_evaluate.__doc__ or "",
                features=[
                    datasets.Features({"predictions": predictions, "references": text}),
                    datasets.Features({"predictions": predictions, "references": datasets.List(text)}),
                ],
            )

        def _compute(self, predictions: Sequence[Any], references: Sequence[Any]) -> dict[str, Any]:
            pairs = [paired(one, reference) for one, reference in zip(predictions, references, strict=True)]
            value = corpus.value_of(*metric.combined([metric.counts(*pair) for pair in pairs]))
            return {plain(metric.name): value, "scores": [metric.of(*pair) for pair in pairs]}

    KshotMetric.__name__ = KshotMetric.__qualname__ = plain(metric.name)
    return KshotMetric(keep_in_memory=True, cache_dir=tempfile.mkdtemp(prefix="kshot-metric-"))


def comparison(spec: str = "exact-match") -> evaluate.Comparison:
    """Two systems on the same samples by a metric, as an `evaluate.Comparison`. Raises UserError for an unknown name.

    `compute(predictions1=, predictions2=, references=)` gives difference, its 95% interval (low, high), p, test, and on
    how many samples only the first, or only the second, is better.
    """
    import datasets
    import evaluate

    metric = get_metric(spec)

    class KshotComparison(evaluate.Comparison):  # type: ignore[misc]
        def _info(self) -> Any:
            text = datasets.Value("string")
            columns = {"predictions1": text, "predictions2": text}
            return evaluate.ComparisonInfo(
                module_type="comparison",
                description=f"Paired comparison by {metric.name}.",
                citation="",
                inputs_description=comparison.__doc__ or "",
                features=[
                    datasets.Features({"references": text, **columns}),
                    datasets.Features({"references": datasets.List(text), **columns}),
                ],
            )

        def _compute(
            self, predictions1: Sequence[str], predictions2: Sequence[str], references: Sequence[Any]
        ) -> dict[str, Any]:
            both = [
                [paired(one, reference) for one, reference in zip(given, references, strict=True)]
                for given in (predictions1, predictions2)
            ]
            values = [[metric.of(*pair) for pair in pairs] for pairs in both]
            if metric.kind.plain:
                found = statistics.paired(*values)
            else:
                (first, total), (second, _) = (
                    metric.combined([metric.counts(*pair) for pair in pairs]) for pairs in both
                )
                higher = [metric.kind.sign * (a - b) for a, b in zip(*values, strict=True)]
                found = corpus.corpus_paired(first, second, total, higher=higher)
            return {
                "difference": found.difference,
                "low": found.interval.low,
                "high": found.interval.high,
                "p": found.p,
                "test": found.test,
                "only_first": found.only_a,
                "only_second": found.only_b,
            }

    return KshotComparison(keep_in_memory=True, cache_dir=tempfile.mkdtemp(prefix="kshot-metric-"))


def predictions_of(metric: Metric) -> Any:
    """The feature that a metric's predictions are."""
    import datasets

    number = datasets.Value("float64")
    return {
        "answer": datasets.Value("string"),
        "likelihood": dict.fromkeys(LIKELIHOOD, number),
        "probabilities": {
            "labels": datasets.List(datasets.Value("string")),
            "probabilities": datasets.List(number),
        },
    }[metric.traits.reads]


def paired(prediction: Any, reference: str | Sequence[str]) -> tuple[Prediction, Sample]:
    """A prediction and a reference of `evaluate` as kshot's own."""
    target = reference if isinstance(reference, str) else "|".join(reference)
    sample = Sample("", "", target)
    if not isinstance(prediction, Mapping):
        return Prediction(prediction or None, "ok" if prediction else "unparsed"), sample
    if "labels" in prediction:
        found = dict(zip(prediction["labels"], prediction["probabilities"], strict=True))
        return Prediction(max(found, key=found.__getitem__, default=None), "ok", probabilities=found), sample
    return Prediction(str(prediction["logprob"]), "ok", detail=dict(prediction)), sample


def plain(name: str) -> str:
    """A metric's name as evaluate's names are: token_f1, rouge_L."""
    head, _, given = name.partition(":")
    values = [part.partition("=")[2] for part in given.split(",") if part]
    return "_".join([head.replace("-", "_"), *values])
