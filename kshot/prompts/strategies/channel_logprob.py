"""The label that makes the question most likely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kshot.prompts.calibration import softmax
from kshot.prompts.exemplars import choose
from kshot.prompts.scoring import checked
from kshot.prompts.strategies.registry import strategy, wording_of
from kshot.prompts.templates import conversation, solved
from kshot.prompts.wording import answer_first, spoken
from kshot.types import Prediction, Program, Question, Request, Sample, UserError


@strategy
def channel_logprob(
    question: Question,
    *,
    k: int = 0,
    select: str = "first",
    order: str = "drawn",
    exemplar_seed: int = 0,
    wording: int = -1,
) -> Program[Prediction]:
    """The label after which the question itself is most likely, a noisy channel (Min et al. 2021).

    arXiv 2108.04106, section 4: P(x | y), all labels as likely before. One request a label, whose continuation is the
    question's text, so that it costs labels times the question's tokens. Exemplars stand in the same order, the label
    before its question. In a template the line with the answer comes first; in turns the label is asked and the text is
    the reply. Of equals the first wins. `probabilities` is the softmax of the log-likelihoods, which are sums over
    many tokens and so close to 0 or 1. Raises UserError for a task without labels, or a template without a line of its
    own for the answer.
    """
    if not question.labels or question.choices:
        raise UserError("channel-logprob needs a task with labels, and this one has none; use choice-logprob.")
    exemplars = choose(question, k=k, select=select, order=order, seed=exemplar_seed)
    instruction = wording_of(question.instructions, wording)
    asked = [Sample("asked", question.text, label, fields=question.fields) for label in question.labels]
    replies = yield [request_for(question, exemplars, one, instruction) for one in asked]
    logprobs = checked(replies)
    best = max(range(len(logprobs)), key=logprobs.__getitem__)
    return Prediction(
        question.labels[best],
        "ok",
        "label with the highest log-likelihood of the question",
        probabilities=dict(zip(question.labels, softmax(logprobs), strict=True)),
        detail={"logprobs": dict(zip(question.labels, logprobs, strict=True))},
    )


vars(channel_logprob).update(scores=True)  # what prompts.common looks for


def request_for(question: Question, exemplars: Sequence[Sample], asked: Sample, instruction: str) -> Request:
    """The log-likelihood of a sample's text behind its label, and exemplars likewise."""
    if question.template is None:
        turned = [turned_round(question, one) for one in exemplars]
        prompt = conversation(
            replace(question, text=turned_round(question, asked).question, labels=(), choices=()),
            turned,
            instruction=instruction,
        )
        return Request(prompt, continuation=asked.question)
    front = f"{instruction}\n\n" if instruction else question.template.start
    for one in exemplars:
        front += "".join(answer_first(question, one)) + question.template.between
    label, text = answer_first(question, asked)
    return Request(front + label, continuation=text)


def turned_round(question: Question, one: Sample) -> Sample:
    """A sample whose label is asked and whose text is the answer."""
    said = spoken(question, one)
    label = solved(said, question.format)
    return Sample(one.id, label, one.question)
