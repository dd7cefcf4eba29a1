"""How likely each label or choice is after a prompt: the requests that ask it, and their log-likelihoods."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kshot.prompts.wording import around, continuation_for, goes_on, prompt_for
from kshot.types import EngineError, Generation, Question, Request, Sample, UserError


def scored(
    question: Question, exemplars: Sequence[Sample], texts: Sequence[str], instruction: str, by_letter: bool
) -> list[Request]:
    """A request for each option's log-likelihood behind the prompt."""
    if not by_letter and goes_on(question):
        raise UserError(
            "the template goes on behind {{ answer }} with the sample's own text, which score=text leaves out; "
            "score=rest scores it after each choice."
        )
    prompt = prompt_for(
        question,
        exemplars,
        instruction=instruction,
        direct=by_letter,  # "Answer with the letter" would be wrong of the choices' own words
        listed=by_letter,
    )
    gap = continuation_for(question, "", listed=by_letter)
    return [Request(prompt, continuation=f"{gap}{text}") for text in texts]


def rests(question: Question, exemplars: Sequence[Sample], texts: Sequence[str], instruction: str) -> list[Request]:
    """A request for each option: the log-likelihood of what follows it, given all up to and with it."""
    if not question.choices:
        raise UserError("score=rest scores what follows each choice, and this task has no choices; leave it out.")
    sides = [around(question, exemplars, text, instruction) for text in texts]
    return [Request(prompt, continuation=after) for prompt, after in sides]


def checked(replies: Sequence[Generation]) -> list[float]:
    """The options' log-likelihoods. Raises EngineError for one that is no finite number."""
    logprobs = [reply.logprob for reply in replies]
    if not all(map(math.isfinite, logprobs)):
        raise EngineError(f"the engine gave an option a log-likelihood that is no finite number: {logprobs}")
    return logprobs


def normalised(
    logprobs: Sequence[float], texts: Sequence[str], replies: Sequence[Generation], normalise: str
) -> list[float]:
    """Log-likelihoods, each over nothing, its option's tokens, characters or bytes."""
    lengths: Sequence[int] = {
        "none": [1] * len(texts),
        "length": [reply.completion_tokens for reply in replies],
        "characters": [len(text) for text in texts],
        "bytes": [len(text.encode()) for text in texts],
    }[normalise]
    return [logprob / max(length, 1) for logprob, length in zip(logprobs, lengths, strict=True)]
