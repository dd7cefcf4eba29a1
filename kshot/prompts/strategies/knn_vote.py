"""The neighbours' own answers, and no language model."""

from __future__ import annotations

from collections import Counter

from kshot.prompts.exemplars import choose
from kshot.prompts.selection.vectors import MINILM
from kshot.prompts.strategies.registry import strategy
from kshot.prompts.templates import target_text
from kshot.spec import write_spec
from kshot.types import Prediction, Program, Question, UserError


@strategy
def knn_vote(question: Question, *, k: int = 8, embed: str = MINILM) -> Program[Prediction]:
    """What most of the k nearest exemplars have as their answer; no language model is asked (Liu et al. 2021).

    arXiv 2101.06804, section 4, has it as the baseline of exemplars selected by nearness: what in-context learning
    makes of the very exemplars of few-shot:select=knn is to be held against this. Of equals the one whose nearest
    exemplar is nearer. `probabilities` are shares of votes. Raises UserError for a task whose answers are letters of a
    sample's own choices, which mean nothing elsewhere.
    """
    if k < 1:
        raise UserError(f"k is {k}; knn-vote takes the answer of 1 exemplar at least.")
    if question.choices:
        raise UserError("knn-vote takes other samples' answers, and here each has choices of its own; leave it out.")
    exemplars = choose(question, k=k, select=write_spec("knn", {"embed": embed}))
    answers = [target_text(sample) for sample in reversed(exemplars)]  # the nearest first
    votes = Counter(answers)  # which keeps the order in which they came
    best = max(votes, key=votes.__getitem__)
    shares = {name: votes[name] / k for name in question.labels or votes}
    yield from ()
    return Prediction(best, "ok", f"answer of most of {k} neighbours", probabilities=shares)
