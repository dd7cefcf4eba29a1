"""The very text of the target."""

from kshot.eval.metrics.registry import metric
from kshot.types import Sample


@metric
def exact_match(answer: str, sample: Sample) -> float:
    """1 where the answer is the target, letter by letter; a target may list alternatives, "a|b"."""
    return float(answer in sample.target.split("|"))
