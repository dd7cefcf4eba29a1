"""How far probabilities are from what was right."""

from kshot.eval.metrics.kinds import Kind
from kshot.eval.metrics.registry import metric
from kshot.types import Prediction, Sample, UserError

SLACK = 1e-6  # of rounding


def probabilities_of(prediction: Prediction, name: str) -> dict[str, float]:
    """The answers' probabilities. Raises UserError where the strategy gave none, or a run has lost what they were."""
    if not prediction.probabilities:
        raise UserError(f"{name} is of the answers' probabilities: use a strategy that gives some, as choice-logprob.")
    odd = next((p for p in prediction.probabilities.values() if not 0 <= p <= 1 + SLACK), None)
    if odd is not None:
        raise UserError(f"{name}: {odd!r:.40} is no probability of an answer; mend the strategy, or restore the run.")
    return dict(prediction.probabilities)


@metric(kind=Kind("", "lower", 0.0, 2.0, None), reads="probabilities")
def brier(prediction: Prediction, sample: Sample) -> float:
    """Squared distance of the answers' probabilities from certainty of the target, in [0, 2] (Brier 1950)."""
    found = probabilities_of(prediction, "brier")
    accepted = sample.target.split("|")
    target = max(accepted, key=lambda one: found.get(one, 0.0))
    return sum((p - (answer == target)) ** 2 for answer, p in found.items()) + (target not in found)
