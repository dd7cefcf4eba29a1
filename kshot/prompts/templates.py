"""From a question and its exemplars to messages, and from messages to plain text for base models.

One conversation turn a question: the user asks, the assistant answers as the exemplars do. A prompt that
ends in an assistant turn is to be continued. Only the exemplars' own targets are ever written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kshot.types import AnswerFormat, Message, Question, Request, Sample

PLAIN_STOP = "\nQ:"  # a base model goes on to the next question by itself


def lettered(text: str, choices: Sequence[str]) -> str:
    """A question with its choices, "(A) first", a line each."""
    if not choices:
        return text
    listed = "\n".join(f"({chr(65 + index)}) {choice}" for index, choice in enumerate(choices))
    return f"{text}\nAnswer choices:\n{listed}"


def target_text(sample: Sample) -> str:
    """What an exemplar answers: its target, the first of its alternatives."""
    return sample.target.split("|")[0]


def solved(sample: Sample, format: AnswerFormat, *, rationale: bool) -> str:
    """An exemplar's answer, with its worked solution where asked."""
    if not rationale:
        return f"({sample.target})" if sample.choices else target_text(sample)
    statement = format.statement.format(answer=target_text(sample))
    return f"{sample.rationale.strip()} {statement}"


def conversation(
    question: Question, exemplars: Sequence[Sample] = (), *, instruction: str = "", rationale: bool = False, lead: str = ""
) -> tuple[Message, ...]:
    """The prompt: exemplars as earlier turns, then the question; `lead` opens the answer, to be continued.

    The instruction stands before the first question. Without exemplars it stands with the question itself.
    """
    turns: list[Message] = []
    asked = [lettered(sample.question, sample.choices) for sample in exemplars]
    asked.append(lettered(question.text, question.choices))
    if instruction:
        asked[0] = f"{instruction}\n\n{asked[0]}"
    for text, sample in zip(asked, exemplars, strict=False):
        turns.append(Message("user", text))
        turns.append(Message("assistant", solved(sample, question.format, rationale=rationale)))
    turns.append(Message("user", asked[-1]))
    if lead:
        turns.append(Message("assistant", lead))
    return tuple(turns)


def plain(request: Request) -> Request:
    """The same request for a model without a chat template: "Q: ...\\nA: ...", verbatim, stopped at the next "Q:".

    >>> plain(Request((Message("user", "2 + 2?"),))).prompt
    'Q: 2 + 2?\\nA:'
    """
    if isinstance(request.prompt, str):
        return request
    text = ""
    for message in request.prompt:
        if message.role == "system":
            text += f"{message.content}\n\n"
        elif message.role == "user":
            text += f"Q: {message.content}\nA:"
        else:
            text += f" {message.content}\n\n"
    if request.prompt[-1].role == "assistant":
        text = text[:-2]
    if request.continuation is not None:
        lead = request.continuation
        return replace(request, prompt=text, continuation=lead if lead.startswith((" ", "\n")) else f" {lead}")
    params = replace(request.params, stop=(*request.params.stop, PLAIN_STOP))
    return replace(request, prompt=text, params=params)
