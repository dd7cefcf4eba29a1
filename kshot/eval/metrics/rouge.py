"""Words and sequences shared with a reference."""

from functools import lru_cache
from typing import Any

from kshot.eval.metrics.kinds import Kind
from kshot.eval.metrics.registry import metric
from kshot.types import Sample, UserError

KINDS = ("1", "2", "L", "Lsum")


@lru_cache(maxsize=8)
def scorer(kind: str, stem: bool) -> Any:
    """rouge-score's own. Raises UserError for an unknown kind."""
    if kind not in KINDS:
        raise UserError(f"rouge has no kind {kind!r}; use one of {', '.join(KINDS)}.")
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer([f"rouge{kind}"], use_stemmer=stem)


@metric(kind=Kind())
def rouge(answer: str, sample: Sample, *, kind: str = "L", stem: bool = False) -> float:
    """ROUGE's F1 against the nearest reference, by rouge-score (Lin 2004, W04-1013): kind=1, 2, L or Lsum.

    Words are letters and digits of ASCII, as that package has them: of Chinese text it sees none (use chrf).
    """
    return max(
        float(scorer(kind, stem).score(target, answer)[f"rouge{kind}"].fmeasure) for target in sample.target.split("|")
    )
