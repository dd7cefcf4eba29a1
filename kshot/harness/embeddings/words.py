"""TF-IDF: texts as the words in them, each weighed by how rare it is. No model, and nothing to fetch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

NAME = "tfidf"


class WordWeights:
    """scikit-learn's TfidfVectorizer over single words, its weights learnt on a task's exemplars and no other text."""

    name = NAME
    hash = NAME

    def encode(self, texts: Sequence[str], fitted_on: Sequence[str] = ()) -> Any:
        """A sparse vector of unit length a text, (texts, words); of a text without a known word, zeros."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        learnt = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b")  # words of one letter too
        try:
            learnt.fit(fitted_on or texts)
        except ValueError:  # not a word in any of them
            learnt = TfidfVectorizer(vocabulary=["\ue000"]).fit(["\ue000"])
        return learnt.transform(texts)
