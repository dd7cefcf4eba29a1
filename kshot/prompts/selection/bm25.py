"""The nearest by words."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from kshot.prompts.selection.registry import selection
from kshot.types import Question, Sample

WORDS = re.compile(r"\w+")
PARTS = re.compile(r"[\u3400-\u9fff]+|[^\u3400-\u9fff]+")


@selection(by_question=True)
def bm25(question: Question, pool: Sequence[Sample], k: int, generator: random.Random) -> list[Sample]:
    """The k exemplars whose questions score highest by BM25, the best last; of equals the pool's earlier is nearer."""
    index = index_of(tuple(sample.question for sample in pool))
    asked = [word for word in words(question.text) if index is not None and word in index.vocab_dict]
    scores = [float(score) for score in index.get_scores(asked)] if asked else [0.0] * len(pool)
    best = sorted(range(len(pool)), key=lambda at: (-scores[at], at))[:k]
    return [pool[at] for at in reversed(best)]


def words(text: str) -> list[str]:
    """The lower-case words of a text; of Chinese, which has no blanks, each two characters side by side.

    Pairs of characters find what words find (Nie et al. 2000, "On the use of words and n-grams for Chinese
    information retrieval").
    """
    return [word for found in WORDS.findall(text.lower()) for part in PARTS.findall(found) for word in pairs(part)]


def pairs(part: str) -> list[str]:
    """A run of Chinese characters, two by two; any other run as it is."""
    if len(part) < 3 or not "\u3400" <= part[0] <= "\u9fff":
        return [part]
    return [part[at : at + 2] for at in range(len(part) - 1)]


@lru_cache(maxsize=8)  # a pool of thousands is indexed once, not once a question
def index_of(questions: tuple[str, ...]) -> Any:
    """The BM25 index of these questions, or None where none of them has a word."""
    import bm25s

    listed = [words(text) for text in questions]
    if not any(listed):
        return None
    index = bm25s.BM25(backend="numpy")
    index.index(listed, show_progress=False)
    return index
