"""n-grams of words shared with references, over the whole corpus."""

from functools import lru_cache
from typing import Any

from kshot.eval.corpus import Counts
from kshot.eval.metrics.kinds import OF_100, Kind
from kshot.eval.metrics.registry import metric
from kshot.types import Sample, UserError

ORDERS = range(1, 5)
TOKENIZERS = ("13a", "zh", "intl", "char", "none")


@lru_cache(maxsize=8)
def scorer(tokenize: str, lowercase: bool) -> Any:
    """sacrebleu's own. Raises UserError for an unknown tokenizer."""
    if tokenize not in TOKENIZERS:
        raise UserError(f"bleu has no tokenizer {tokenize!r}; use one of {', '.join(TOKENIZERS)}.")
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize=tokenize, lowercase=lowercase, effective_order=True)  # says nothing of the counts


def counted(counts: Counts, effective: bool) -> float:
    """BLEU of summed counts, in [0, 1]."""
    from sacrebleu.metrics.bleu import BLEU

    matches, totals = ([int(counts[what, n]) for n in ORDERS] for what in ("matches", "total"))
    lengths = int(counts["length", 0]), int(counts["reference", 0])
    found = BLEU.compute_bleu(matches, totals, *lengths, smooth_method="exp", effective_order=effective)
    return min(1.0, float(found.score) / 100)


def whole(counts: Counts) -> float:
    """Of a corpus."""
    return counted(counts, False)


def alone(counts: Counts) -> float:
    """Of a sentence: orders that it is too short for are left out, as sacrebleu's sentence_bleu has it."""
    return counted(counts, True)


@metric(kind=Kind(unit=OF_100, over="corpus"), total=whole, each=alone)
def bleu(answer: str, sample: Sample, *, tokenize: str = "13a", lowercase: bool = False) -> Counts:
    """BLEU of the corpus, by sacrebleu (Papineni et al. 2002, P02-1040; Post 2018, arXiv 1804.08771).

    tokenize=zh for Chinese; 13a is for languages that write words apart. No answer is an empty one.
    """
    found = scorer(tokenize, lowercase).sentence_score(answer, sample.target.split("|"))
    return {
        **{("matches", n): float(found.counts[n - 1]) for n in ORDERS},
        **{("total", n): float(found.totals[n - 1]) for n in ORDERS},
        ("length", 0): float(found.sys_len),
        ("reference", 0): float(found.ref_len),
    }
