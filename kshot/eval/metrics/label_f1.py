"""F1 of one label."""

from kshot.eval.corpus import Counts
from kshot.eval.metrics.kinds import Kind
from kshot.eval.metrics.macro_f1 import confused, marginals, share_right
from kshot.eval.metrics.registry import metric
from kshot.types import Sample


def f1_of(counts: Counts, *, label: str = "yes") -> float:
    """The harmonic mean of the label's precision and recall, 0 where it is neither a target nor an answer."""
    label = label.strip().casefold()
    both = sum(marginal.get(label, 0.0) for marginal in marginals(counts))
    return 2 * counts.get((label, label), 0.0) / both if both else 0.0


@metric(kind=Kind(over="corpus"), total=f1_of, each=share_right)
def label_f1(answer: str, sample: Sample, *, label: str = "yes") -> Counts:
    """F1 of one label over the corpus (van Rijsbergen 1979, Information Retrieval).

    As scikit-learn's f1_score(average="binary") with that label as the positive one; so MRPC and QQP are scored (Wang
    et al. 2018, arXiv 1804.07461).
    """
    return confused(answer, sample)
