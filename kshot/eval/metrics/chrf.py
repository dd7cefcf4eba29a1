"""n-grams of characters shared with a reference, over the whole corpus."""

from functools import lru_cache
from typing import Any

from kshot.eval.corpus import Counts
from kshot.eval.metrics.kinds import OF_100, Kind
from kshot.eval.metrics.registry import metric
from kshot.types import Sample, UserError


@lru_cache(maxsize=8)
def scorer(words: int) -> Any:
    """sacrebleu's own. Raises UserError for an order of words below 0."""
    if words < 0:
        raise UserError(f"chrf has words={words}; it must be at least 0.")
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(word_order=words)


def whole(counts: Counts, *, words: int = 0) -> float:
    """chrF of summed counts, in [0, 1]."""
    statistics = [int(counts[index]) for index in range(len(counts))]
    return min(1.0, float(scorer(words)._compute_f_score(statistics)) / 100)


@metric(kind=Kind(unit=OF_100, over="corpus"), total=whole)
def chrf(answer: str, sample: Sample, *, words: int = 0) -> Counts:
    """chrF of the corpus, by sacrebleu (Popovic 2015, W15-3049); words=2 is chrF++ (Popovic 2017, W17-4770)."""
    [statistics] = scorer(words)._extract_corpus_statistics([answer], [[one] for one in sample.target.split("|")])
    return {index: float(value) for index, value in enumerate(statistics)}
