"""The words that a learned prompt is made of, and whether a label's may be among them."""

from __future__ import annotations

import math
import re
from collections import Counter

from kshot.prompts.search.proposals import HAN, label_words_of, names_a_label
from kshot.prompts.search.searchable import Searchable

WORD = re.compile(rf"{HAN.pattern}|[^\W\d_](?:[\w'’-]*\w)?")
LEAST = 2  # samples that have a word: what stands in one alone says what its label is by chance


def ranked_words(task: Searchable, count: int, filtered: bool) -> list[str]:
    """The `count` words of train samples and human wordings that tell the most of a label, in lower case, best first.

    By pointwise mutual information, ln p(word, label) / (p(word) p(label)) over samples, of the label with which it is
    the highest (Diao et al. 2022, arXiv 2201.08531), each count one more than it is; words of one sample
    alone come last. Words of the wordings have no label: they stand first, a quarter of all at most. Of a task without
    labels, and of equals, the more frequent first, then by the alphabet.
    """
    texts = [(words_of(sample.question), sample.target) for sample in task.train]
    wordings = [word for text in task.question.instructions for word in words_of(text)]
    seen = Counter(word for words, _ in texts for word in set(words))
    rank = {word: (0.0, -often) for word, often in seen.items()}
    labels = Counter(target for _, target in texts)
    if task.question.labels and len(labels) > 1:
        both = Counter((word, target) for words, target in texts for word in set(words))
        for word, often in seen.items():
            most = max(
                information(both[word, label], often, labels[label], len(texts), len(labels)) for label in labels
            )
            rank[word] = (-most + (1000.0 if often < LEAST else 0.0), -often)
    else:
        rank |= {word: (0.0, -often) for word, often in (seen + Counter(wordings)).items()}
        wordings = []
    named = label_words_of(task) if filtered else ()
    first = list(dict.fromkeys(word for word in wordings if not names_a_label(word, named)))[: count // 4]
    others = [word for word in sorted(rank, key=lambda one: (*rank[one], one)) if not names_a_label(word, named)]
    return list(dict.fromkeys([*first, *others]))[:count]


def information(both: int, word: int, label: int, samples: int, labels: int) -> float:
    """Pointwise mutual information of a word and a label by their counts in samples, natural log, each cell of word
    (there or not) by label one more than it is."""
    total = samples + 2 * labels
    return math.log((both + 1) * total / ((word + labels) * (label + 2)))


def words_of(text: str) -> list[str]:
    """A text's words in lower case; of Chinese its characters."""
    return [found.casefold() for found in WORD.findall(text)]
