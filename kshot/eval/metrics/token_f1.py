"""How many words an answer and its target share."""

import re
import string
from collections import Counter

from kshot.eval.metrics.registry import metric
from kshot.types import Sample


@metric
def token_f1(answer: str, sample: Sample) -> float:
    """F1 of the words shared with the nearest accepted answer (Rajpurkar et al. 2016, arXiv 1606.05250, section 6.1).

    Words are as SQuAD's own script has them: lower case, without punctuation and articles.
    """
    return max(f1(words(answer), words(target)) for target in sample.target.split("|"))


def words(text: str) -> list[str]:
    """A text's words, lower case, without ASCII punctuation and English articles."""
    plain = "".join(character for character in text.lower() if character not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def f1(found: list[str], wanted: list[str]) -> float:
    """Harmonic mean of precision and recall over words with their counts; 1 where both are empty."""
    if not found or not wanted:
        return float(found == wanted)
    shared = sum((Counter(found) & Counter(wanted)).values())
    return 2 * shared / (len(found) + len(wanted))
