"""Whether metrics fit what is asked, before anything is: enough repeats, and targets that they see anything in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from kshot.eval.corpus import added
from kshot.eval.metrics.registry import Metric, known_metric
from kshot.spec import split_spec
from kshot.types import Prediction, Sample, UserError


def check_repeats(metrics: Sequence[Metric], repeats: int) -> None:
    """Raises UserError for a metric of a sample's repeats that needs more of them."""
    for one in metrics:
        if one.kind.over == "sample":
            one.total(added([one.counts(Prediction(None, "unparsed"), Sample("", "", ""))] * repeats))


def check_targets(metrics: Sequence[Metric], samples: Mapping[str, Sequence[Sample]]) -> None:
    """Raises UserError for a metric of the package by which a task's very targets are worth nothing, as Chinese is by
    ROUGE; a user's own may be of something else than the target.
    """
    for one, (task, asked) in product(metrics, samples.items()):
        pairs = ((Prediction(sample.target.split("|")[0], "ok"), sample) for sample in asked)
        ours = known_metric(one.name) is not None and one.traits.reads == "answer"
        if not ours or not asked[0].question.strip() or one.kind.over == "sample":
            continue
        if one.kind.over == "corpus":
            worst = one.total(added([one.counts(*pair) for pair in pairs])) == one.kind.worst
        else:
            worst = all(one.of(*pair) == one.kind.worst for pair in pairs)
        if worst:
            raise UserError(
                f"{one.name} gives nothing for the very targets of {task}, such as {asked[0].target!r:.40}: use "
                "another metric, or other hyperparameters of it."
            )


GIVES = {"likelihood": "log-likelihood", "probabilities": "choice-logprob"}
"""The one strategy of the package whose predictions have what a metric reads beside an answer."""


def check_reads(metrics: Sequence[Metric], strategy: str) -> None:
    """Raises UserError for a metric that reads of predictions what a strategy of the package never gives."""
    head = split_spec(strategy)[0]
    for one in metrics:
        wanted = GIVES.get(one.traits.reads)
        if wanted is not None and head != wanted and ".py:" not in head:
            raise UserError(
                f"{one.name} is of {one.traits.reads} that {head} does not give: use --strategy {wanted} alone, or "
                f"leave {one.name} out."
            )
