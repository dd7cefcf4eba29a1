"""The very text of the target."""

from kshot.eval.metrics.registry import metric
from kshot.eval.metrics.token_f1 import words
from kshot.types import Sample, UserError


@metric
def exact_match(answer: str, sample: Sample, *, normalise: str = "none") -> float:
    """1 where the answer is the target, letter by letter; a target may list alternatives, "a|b".

    normalise=words compares words as SQuAD's script does: whatever case, punctuation and articles (Rajpurkar et al.
    2016, arXiv 1606.05250, section 6.1).
    """
    if normalise not in ("none", "words"):
        raise UserError(f"exact-match has no normalise {normalise!r}; use none or words.")
    accepted = sample.target.split("|")
    if normalise == "none":
        return float(answer in accepted)
    return float(words(answer) in [words(one) for one in accepted])
