"""The option that the model finds most likely."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kshot.prompts.calibration import CALIBRATIONS, inputs_of, prior_of, softmax
from kshot.prompts.exemplars import check_name, choose
from kshot.prompts.strategies.registry import strategy, wording_of
from kshot.prompts.templates import letters
from kshot.prompts.wording import around, continuation_for, goes_on, prompt_for
from kshot.types import EngineError, Generation, Prediction, Program, Question, Request, Sample, UserError

NORMALISATIONS = ("none", "length", "characters", "bytes")
SCORES = ("letter", "text", "rest")
PRIOR = "prior"


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
    calibrate: str = "none",
) -> Program[Prediction]:
    """The choice or label with the highest log-likelihood after the question (Brown et al. 2020).

    arXiv 2005.14165, section 2.4. `score` letter lists the choices and scores "A", "B" ...; text does not list
    them and scores each one's words; rest scores what a template has behind `{{ answer }}` after each one's words,
    which are then not scored (Trinh and Le 2018, arXiv 1806.02847). Labels are always scored by their words.
    `normalise` divides by nothing (none), by the tokens of what is scored (length), by its characters or by its UTF-8
    bytes (lm-evaluation-harness' acc_norm and acc_bytes; the blank before it is counted by neither).
    `calibrate` takes off what the model says of the labels without a question: contextual (Zhao et al. 2021), domain
    (Fei et al. 2023) or batch (Zhou et al. 2023, here over unlabelled exemplars and never the test).
    Of equals the first wins. `probabilities` is the softmax of what was compared; `detail` has the `logprobs`.
    Nothing is generated, so nothing can be unparsed. Raises UserError for a task without choices or labels.
    """
    check_name("normalise", normalise, NORMALISATIONS)
    check_name("score", score, SCORES)
    check_name("calibrate", calibrate, CALIBRATIONS)
    names = letters(question.choices) or question.labels
    if not names:
        raise UserError("choice-logprob needs a task with choices or labels, and this one has neither; use zero-shot.")
    exemplars = choose(question, k=k, select=select, order=order, seed=exemplar_seed)
    by_letter = not question.choices or score == "letter"
    texts: Sequence[str] = names if question.choices and by_letter else question.choices or question.words or names
    if calibrate != "none" and PRIOR not in question.prepared:
        raise UserError(f"calibrate={calibrate} is estimated before a run's first question; run it with kshot bench.")
    if score == "rest":
        requests = rests(question, exemplars, texts, wording)
        texts = [str(request.continuation).strip() for request in requests]
    else:
        requests = scored(question, exemplars, texts, wording, by_letter)
    replies = yield requests
    logprobs = checked(replies)
    scores = normalised(logprobs, texts, replies, normalise)
    detail: dict[str, Any] = {"logprobs": dict(zip(names, logprobs, strict=True))}
    if calibrate != "none":
        prior: Mapping[str, float] = question.prepared[PRIOR]
        scores = [each - prior[name] for each, name in zip(scores, names, strict=True)]
        detail[PRIOR] = dict(prior)
    best = max(range(len(names)), key=scores.__getitem__)
    return Prediction(
        names[best],
        "ok",
        "highest log-likelihood"
        + {"none": "", "length": " per token", "characters": " per character", "bytes": " per byte"}[normalise]
        + ("" if calibrate == "none" else " over its prior"),
        probabilities=dict(zip(names, softmax(scores), strict=True)),
        detail=detail,
    )


def prepare(
    *,
    calibrate: str,
    normalise: str,
    k: int,
    select: str,
    order: str,
    exemplar_seed: int,
    wording: int,
    **others: Any,
) -> Callable[[Question], Program[dict[str, Any]]] | None:
    """The labels' prior, where it is to be taken off: {"prior": log-probability by label, "inputs": how many}."""
    if calibrate not in CALIBRATIONS[1:]:  # the program itself says what is unknown
        return None

    def program(question: Question) -> Program[dict[str, Any]]:
        if not question.labels or select == "bm25":
            what = "a task with labels" if not question.labels else "the same exemplars for all questions, not bm25"
            raise UserError(f"calibrate={calibrate} needs {what}; leave it out.")
        exemplars = choose(question, k=k, select=select, order=order, seed=exemplar_seed)
        texts = question.words or question.labels
        inputs = inputs_of(calibrate, question, exemplars)
        asked = [scored(each, exemplars, texts, wording, True) for each in inputs]
        replies = yield [request for requests in asked for request in requests]
        rows = []
        for at in range(len(inputs)):
            some = replies[at * len(texts) : (at + 1) * len(texts)]
            rows.append(normalised(checked(some), texts, some, normalise))
        return {PRIOR: dict(zip(question.labels, prior_of(rows), strict=True)), "inputs": len(inputs)}

    return program


vars(choice_logprob).update(prepare=prepare, scores=True)  # what prompts.preparation and prompts.common look for


def scored(
    question: Question, exemplars: Sequence[Sample], texts: Sequence[str], wording: int, by_letter: bool
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
        instruction=wording_of(question.instructions, wording),
        direct=by_letter,  # "Answer with the letter" would be wrong of the choices' own words
        listed=by_letter,
    )
    gap = continuation_for(question, "", listed=by_letter)
    return [Request(prompt, continuation=f"{gap}{text}") for text in texts]


def rests(question: Question, exemplars: Sequence[Sample], texts: Sequence[str], wording: int) -> list[Request]:
    """A request for each option: the log-likelihood of what follows it, given all up to and with it."""
    if not question.choices:
        raise UserError("score=rest scores what follows each choice, and this task has no choices; leave it out.")
    sides = [around(question, exemplars, text, wording_of(question.instructions, wording)) for text in texts]
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
