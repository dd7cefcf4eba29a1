"""The option that the model finds most likely."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kshot.prompts.exemplars import check_name, choose
from kshot.prompts.strategies.registry import strategy, wording_of
from kshot.prompts.templates import conversation, letters
from kshot.types import EngineError, Prediction, Program, Question, Request, UserError

NORMALISATIONS = ("none", "length", "bytes")
SCORES = ("letter", "text")


@strategy
def choice_logprob(
    question: Question,
    *,
    normalise: str = "none",
    score: str = "letter",
    k: int = 0,
    select: str = "first",
    order: str = "drawn",
    exemplar_seed: int = 0,
    wording: int = -1,
) -> Program[Prediction]:
    """The choice or label with the highest log-likelihood after the question (Brown et al. 2020).

    arXiv 2005.14165, section 2.4. `score` letter lists the choices and scores "A", "B" ...; text does not list
    them and scores each one's words. Labels are always scored by their words. `normalise` divides by nothing
    (none), by the option's tokens (length) or by its UTF-8 bytes (bytes, as lm-evaluation-harness' acc_norm).
    Of equals the first wins. `probabilities` is the softmax of what was compared; `detail` has the `logprobs`.
    Nothing is generated, so nothing can be unparsed. Raises UserError for a task without choices or labels.
    """
    check_name("normalise", normalise, NORMALISATIONS)
    check_name("score", score, SCORES)
    names = letters(question.choices) or question.labels
    if not names:
        raise UserError("choice-logprob needs a task with choices or labels, and this one has neither; use zero-shot.")
    exemplars = choose(question, k=k, select=select, order=order, seed=exemplar_seed)
    by_letter = not question.choices or score == "letter"
    texts = names if by_letter else question.choices
    prompt = conversation(
        question,
        exemplars,
        instruction=wording_of(question.instructions, wording),
        direct=by_letter,  # "Answer with the letter" would be wrong of the choices' own words
        listed=by_letter,
    )
    replies = yield [Request(prompt, continuation=text) for text in texts]
    logprobs = [reply.logprob for reply in replies]
    if not all(map(math.isfinite, logprobs)):
        raise EngineError(f"the engine gave an option a log-likelihood that is no finite number: {logprobs}")
    lengths: Sequence[int] = {
        "none": [1] * len(texts),
        "length": [reply.completion_tokens for reply in replies],
        "bytes": [len(text.encode()) for text in texts],
    }[normalise]
    scores = [logprob / max(length, 1) for logprob, length in zip(logprobs, lengths, strict=True)]
    best = max(range(len(names)), key=scores.__getitem__)
    return Prediction(
        names[best],
        "ok",
        "highest log-likelihood" + {"none": "", "length": " per token", "bytes": " per byte"}[normalise],
        probabilities=dict(zip(names, softmax(scores), strict=True)),
        detail={"logprobs": dict(zip(names, logprobs, strict=True))},
    )


def softmax(scores: Sequence[float]) -> list[float]:
    """Shares that add up to 1, in proportion to the exponentials."""
    shares = [math.exp(score - max(scores)) for score in scores]
    return [share / sum(shares) for share in shares]
