"""How far confidence is from the share right."""

from kshot.eval.corpus import Counts
from kshot.eval.metrics.brier import probabilities_of
from kshot.eval.metrics.kinds import Kind
from kshot.eval.metrics.registry import metric
from kshot.types import Prediction, Sample, UserError


def gap(counts: Counts) -> float:
    """The mean over attempts of their bin's distance between confidence and share right."""
    n = sum(value for (what, _), value in counts.items() if what == "n")
    bins = {at for _, at in counts}
    return sum(abs(counts.get(("confidence", at), 0.0) - counts.get(("right", at), 0.0)) for at in bins) / n


@metric(kind=Kind("%", "lower", 0.0, 1.0, None, "corpus"), reads="probabilities", total=gap)
def calibration_error(prediction: Prediction, sample: Sample, *, bins: int = 10) -> Counts:
    """Expected calibration error over bins of equal width (Guo et al. 2017, arXiv 1706.04599, equation 3)."""
    if bins < 1:
        raise UserError(f"calibration-error has bins={bins}; it must be at least 1.")
    answer, confidence = max(probabilities_of(prediction, "calibration-error").items(), key=lambda item: item[1])
    at = min(bins - 1, int(confidence * bins))
    right = float(answer in sample.target.split("|"))
    return {("n", at): 1.0, ("confidence", at): confidence, ("right", at): right}
