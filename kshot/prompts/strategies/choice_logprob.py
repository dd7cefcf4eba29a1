"""The option that the model finds most likely."""

from __future__ import annotations

import math

from kshot.prompts.exemplars import check_name, choose
from kshot.prompts.strategies.registry import strategy, wording_of
from kshot.prompts.templates import conversation
from kshot.types import Prediction, Program, Question, Request, UserError

NORMALISATIONS = ("none", "tokens", "bytes")


@strategy
def choice_logprob(
    question: Question,
    *,
    k: int = 0,
    normalise: str = "none",
    select: str = "first",
    exemplar_seed: int = 0,
    wording: int = 0,
) -> Program[Prediction]:
    """The label or choice with the highest log-likelihood after the question (Brown et al. 2020, arXiv 2005.14165, section 2.4).

    `normalise`: none, tokens (per token), bytes (per byte of the option's text, as lm-evaluation-harness'
    acc_norm). Multiple choice is asked and scored by letter, "(A)". Nothing is generated, so nothing can
    be unparsed. Raises UserError for a task that has neither choices nor labels.
    """
    check_name("normalise", normalise, NORMALISATIONS)
    options = [chr(65 + index) for index in range(len(question.choices))] or list(question.labels)
    if not options:
        raise UserError("choice-logprob needs a task with choices or labels, and this one has neither; use another strategy.")
    texts = [f"({option})" if question.choices else option for option in options]
    exemplars = choose(question, k=k, select=select, seed=exemplar_seed)
    instruction = wording_of(question.instructions, wording if question.instructions else -1)
    prompt = conversation(question, exemplars, instruction=instruction)
    replies = yield [Request(prompt, continuation=text) for text in texts]
    lengths = {
        "none": [1] * len(options),
        "tokens": [max(reply.completion_tokens, 1) for reply in replies],
        "bytes": [len(text.encode()) for text in texts],
    }[normalise]
    scores = [reply.logprob / length for reply, length in zip(replies, lengths, strict=True)]
    best = max(range(len(options)), key=lambda index: scores[index])
    shares = [math.exp(score - max(scores)) for score in scores]
    detail = {
        "rule": "highest log-likelihood" + ("" if normalise == "none" else f" per {normalise.rstrip('s')}"),
        "span": None,
        "logprobs": {option: reply.logprob for option, reply in zip(options, replies, strict=True)},
        "probabilities": {option: share / sum(shares) for option, share in zip(options, shares, strict=True)},
    }
    return Prediction(options[best], "ok", detail)
