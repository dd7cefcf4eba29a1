"""The option that the model finds most likely."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kshot.prompts.calibration import CALIBRATIONS, FROM_INPUTS, PMI, inputs_of, premise_requests, prior_of, softmax
from kshot.prompts.exemplars import check_name, choose
from kshot.prompts.scoring import checked, normalised, rests, scored
from kshot.prompts.selection import looks_at_the_question
from kshot.prompts.strategies.registry import strategy, wording_of
from kshot.prompts.templates import letters
from kshot.types import Prediction, Program, Question, UserError

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
    text: str = "",
    calibrate: str = "none",
    premise: str = "",
) -> Program[Prediction]:
    """The choice or label with the highest log-likelihood after the question (Brown et al. 2020).

    arXiv 2005.14165, section 2.4. `score` letter lists the choices and scores "A", "B" ...; text does not list
    them and scores each one's words; rest scores what a template has behind `{{ answer }}` after each one's words,
    which are then not scored (Trinh and Le 2018, arXiv 1806.02847). Labels are always scored by their words.
    `normalise` divides by nothing (none), by the tokens of what is scored (length), by its characters or by its UTF-8
    bytes (lm-evaluation-harness' acc_norm and acc_bytes; the blank before it is counted by neither).
    `calibrate` takes off what the model says of the labels without a question: contextual (Zhao et al. 2021), domain
    (Fei et al. 2023), batch (Zhou et al. 2023, here over unlabelled exemplars and never the test), or pmi, what it says
    of labels or choices' words behind a domain premise alone (Holtzman et al. 2021, arXiv 2104.08315, section 3): the
    template's own words before the answer, or `premise`. `wording` is the task's instruction, -1 none, `text` your own.
    Of equals the first wins. `probabilities` is the softmax of what was compared; `detail` has the `logprobs`, and the
    `prior` that was taken off, so that both can be told from one run.
    Nothing is generated, so nothing can be unparsed. Raises UserError for a task without choices or labels.
    """
    check_name("normalise", normalise, NORMALISATIONS)
    check_name("score", score, SCORES)
    check_name("calibrate", calibrate, CALIBRATIONS)
    if premise and calibrate != PMI:
        raise UserError(f"premise is {premise!r} and calibrate={calibrate} has no use for it; add calibrate=pmi.")
    names = letters(question.choices) or question.labels
    if not names:
        raise UserError("choice-logprob needs a task with choices or labels, and this one has neither; use zero-shot.")
    exemplars = choose(question, k=k, select=select, order=order, seed=exemplar_seed)
    by_letter = not question.choices or score == "letter"
    texts: Sequence[str] = names if question.choices and by_letter else question.choices or question.words or names
    each_its_own = calibrate == PMI and bool(question.choices)
    if each_its_own and score != "text":
        raise UserError(
            f"calibrate=pmi takes off what choices' words are likely by, not with score={score}; add score=text."
        )
    if calibrate != "none" and not each_its_own and PRIOR not in question.prepared:
        raise UserError(f"calibrate={calibrate} is estimated before a run's first question; run it with kshot bench.")
    instruction = wording_of(question.instructions, wording, text)
    if score == "rest":
        requests = rests(question, exemplars, texts, instruction)
        texts = [str(request.continuation).strip() for request in requests]
    else:
        requests = scored(question, exemplars, texts, instruction, by_letter)
    unasked = premise_requests(question, texts, premise) if each_its_own else []
    answered = yield [*requests, *unasked]
    replies, behind_premise = answered[: len(requests)], answered[len(requests) :]
    logprobs = checked(replies)
    scores = normalised(logprobs, texts, replies, normalise)
    detail: dict[str, Any] = {"logprobs": dict(zip(names, logprobs, strict=True))}
    if calibrate != "none":
        prior: Mapping[str, float] = (
            dict(zip(names, normalised(checked(behind_premise), texts, behind_premise, normalise), strict=True))
            if each_its_own
            else question.prepared[PRIOR]
        )
        if normalise != "none":  # what the prior is taken off
            detail["scores"] = dict(zip(names, scores, strict=True))
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
    text: str,
    premise: str,
    **others: Any,
) -> Callable[[Question], Program[dict[str, Any]]] | None:
    """The labels' prior, where it is to be taken off: {"prior": log-probability by label, "inputs": how many}."""
    if calibrate not in CALIBRATIONS[1:]:  # the program itself says what is unknown
        return None

    def program(question: Question) -> Program[dict[str, Any]]:
        if calibrate == PMI and question.choices:
            return {}  # each question has choices of its own, asked beside it
        if not question.labels or (looks_at_the_question(select) and calibrate in FROM_INPUTS):
            what = (
                "a task with labels" if not question.labels else f"the same exemplars for all questions, not {select}"
            )
            raise UserError(f"calibrate={calibrate} needs {what}; leave it out.")
        texts = question.words or question.labels
        if calibrate == PMI:
            replies = yield premise_requests(question, texts, premise)
            found = normalised(checked(replies), texts, replies, normalise)
            return {PRIOR: dict(zip(question.labels, found, strict=True)), "inputs": 1}
        exemplars = choose(question, k=k, select=select, order=order, seed=exemplar_seed)
        instruction = wording_of(question.instructions, wording, text)
        inputs = inputs_of(calibrate, question, exemplars)
        asked = [scored(each, exemplars, texts, instruction, True) for each in inputs]
        replies = yield [request for requests in asked for request in requests]
        rows = []
        for at in range(len(inputs)):
            some = replies[at * len(texts) : (at + 1) * len(texts)]
            rows.append(normalised(checked(some), texts, some, normalise))
        return {PRIOR: dict(zip(question.labels, prior_of(rows), strict=True)), "inputs": len(inputs)}

    return program


vars(choice_logprob).update(prepare=prepare, scores=True)  # what prompts.preparation and prompts.common look for
