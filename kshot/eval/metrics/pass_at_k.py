"""Whether any of several attempts is right."""

from kshot.eval.corpus import Counts
from kshot.eval.metrics.kinds import Kind
from kshot.eval.metrics.registry import metric
from kshot.eval.repeats import pass_at_k as unbiased
from kshot.types import Sample, UserError


def any_of(counts: Counts, *, k: int = 1) -> float:
    """Of the attempts counted. Raises UserError where they are fewer than k."""
    n, right = round(counts["n"]), round(counts["right"])
    if n < k:
        raise UserError(
            f"pass-at-k:k={k} needs {k} attempts at each sample and has {n}: add --repeats {k}, or let the run finish."
        )
    return unbiased(n, right, k)


def alone(counts: Counts) -> float:
    """Whether the one attempt is right."""
    return counts["right"]


@metric(kind=Kind(over="sample"), total=any_of, each=alone)
def pass_at_k(answer: str, sample: Sample, *, k: int = 1) -> Counts:
    """Probability that one of k attempts at a sample is its target, unbiased (Chen et al. 2021, arXiv 2107.03374)."""
    if k < 1:
        raise UserError(f"pass-at-k has k={k}; it must be at least 1.")
    return {"n": 1.0, "right": float(answer in sample.target.split("|"))}
