"""The correlation of answers with targets."""

import math

from kshot.eval.corpus import Counts
from kshot.eval.metrics.kinds import Kind
from kshot.eval.metrics.macro_f1 import confused, marginals, share_right
from kshot.eval.metrics.registry import metric
from kshot.types import Sample


def correlation(counts: Counts) -> float:
    """R_K of a confusion matrix, 0 where all targets or all answers are one and the same."""
    wanted, given = marginals(counts)
    all_, right = sum(wanted.values()), sum(n for (target, answer), n in counts.items() if target == answer)
    shared = right * all_ - sum(n * given.get(label, 0.0) for label, n in wanted.items())
    spread = (all_**2 - sum(n * n for n in wanted.values())) * (all_**2 - sum(n * n for n in given.values()))
    return shared / math.sqrt(spread) if spread > 0 else 0.0


@metric(kind=Kind(unit="", low=-1.0, over="corpus"), total=correlation, each=share_right)
def matthews(answer: str, sample: Sample) -> Counts:
    """Matthews' correlation of answers with targets, 0 being chance (Gorodkin 2004, Comput. Biol. Chem. 28:367).

    Of two labels it is Matthews (1975); as scikit-learn's matthews_corrcoef, no answer being one more answer.
    """
    return confused(answer, sample)
