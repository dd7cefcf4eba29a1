"""F1 of every label, and their mean."""

from kshot.eval.corpus import Counts
from kshot.eval.metrics.kinds import Kind
from kshot.eval.metrics.registry import metric
from kshot.types import Sample


def confused(answer: str, sample: Sample) -> dict[tuple[str, str], float]:
    """One attempt in a confusion matrix: (target, answer), whatever their case; of several targets the one answered."""
    answer, accepted = answer.strip().casefold(), sample.target.casefold().split("|")
    return {(answer if answer in accepted else accepted[0], answer): 1.0}


def marginals(counts: Counts) -> tuple[dict[str, float], dict[str, float]]:
    """How often each label is a target, and how often an answer."""
    wanted: dict[str, float] = {}
    given: dict[str, float] = {}
    for (target, answer), n in counts.items():
        wanted[target] = wanted.get(target, 0.0) + n
        given[answer] = given.get(answer, 0.0) + n
    return wanted, given


def share_right(counts: Counts) -> float:
    """The share of the diagonal."""
    return sum(n for (target, answer), n in counts.items() if target == answer) / sum(counts.values())


def mean_f1(counts: Counts) -> float:
    """The mean over labels, each weighing the same, of those among targets or answers."""
    wanted, given = marginals(counts)
    labels = {label for marginal in (wanted, given) for label, n in marginal.items() if n > 0} - {""}
    f1 = [2 * counts.get((one, one), 0.0) / (wanted.get(one, 0.0) + given.get(one, 0.0)) for one in labels]
    return sum(f1) / len(f1) if f1 else 0.0


@metric(kind=Kind(over="corpus"), total=mean_f1, each=share_right)
def macro_f1(answer: str, sample: Sample) -> Counts:
    """The mean of the labels' F1, each label weighing the same (Opitz and Burst 2019, arXiv 1911.03347, equation 2).

    As scikit-learn's f1_score(average="macro"); no answer misses its target, and is no label of its own.
    """
    return confused(answer, sample)
