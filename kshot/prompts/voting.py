"""Majority over the answers of several chains. No answer, no vote.

Answers are compared as the task's extractor wrote them: canonical text, not values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from kshot.types import Prediction


def vote(predictions: Sequence[Prediction]) -> Prediction:
    """The answer that most predictions give; of equals the one reached first.

    `answers` has every chain's in order, so that accuracy against n can be had from one set of draws; `detail` has
    `votes` (answer to count) and the chains' `statuses`. Where no chain has an answer, the status is that of most
    chains; of equals the one met first.

    >>> vote([Prediction("8", "ok"), Prediction("9", "ok"), Prediction("9", "ok")]).answer
    '9'
    """
    answers = tuple(prediction.answer for prediction in predictions)
    statuses = [prediction.status for prediction in predictions]
    counts = Counter(answer for answer in answers if answer is not None)
    usual = Counter(statuses).most_common(1)
    return Prediction(
        counts.most_common(1)[0][0] if counts else None,
        "ok" if counts else usual[0][0] if usual else "unparsed",
        f"majority of {len(answers)}",
        answers=answers,
        detail={"votes": dict(counts), "statuses": statuses},
    )
