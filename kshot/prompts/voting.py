"""Majority over the answers of several chains. No answer, no vote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from kshot.types import Prediction


def vote(predictions: Sequence[Prediction]) -> Prediction:
    """The answer that most predictions give; of equals the one reached first.

    `detail` keeps every chain's answer in order, so that accuracy against n can be had from one set of
    draws. Where no chain has an answer, the status is that of most chains.
    """
    answers = [prediction.answer for prediction in predictions]
    counts = Counter(answer for answer in answers if answer is not None)
    detail = {"rule": f"majority of {len(answers)}", "span": None, "answers": answers, "votes": dict(counts)}
    if not counts:
        status = Counter(prediction.status for prediction in predictions).most_common(1)
        return Prediction(None, status[0][0] if status else "unparsed", detail)
    return Prediction(counts.most_common(1)[0][0], "ok", detail)
