"""How many words an answer and its target share."""

import re
import string
import unicodedata
from collections import Counter

from kshot.eval.metrics.registry import metric
from kshot.types import Sample

HAN = re.compile(r"[\u3400-\u9fff]")


@metric
def token_f1(answer: str, sample: Sample) -> float:
    """F1 of the words shared with the nearest accepted answer (Rajpurkar et al. 2016, arXiv 1606.05250, section 6.1).

    Words are as SQuAD's own script has them: lower case, without punctuation and articles. Chinese, which has no
    blanks, is compared character by character, as MLQA's script does (Lewis et al. 2020, arXiv 1910.07475).
    """
    return max(f1(words(answer), words(target)) for target in sample.target.split("|"))


def words(text: str) -> list[str]:
    """A text's words, lower case, without punctuation and English articles; a Chinese character is one."""
    plain = "".join(character for character in text.lower() if character not in string.punctuation)
    if HAN.search(plain):
        plain = "".join(sign for sign in plain if not unicodedata.category(sign).startswith("P"))
        plain = HAN.sub(r" \g<0> ", plain)
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def f1(found: list[str], wanted: list[str]) -> float:
    """Harmonic mean of precision and recall over words with their counts; 1 where both are empty."""
    if not found or not wanted:
        return float(found == wanted)
    shared = sum((Counter(found) & Counter(wanted)).values())
    return 2 * shared / (len(found) + len(wanted))
