"""What a strategy made the model write, beside the answer that it read: for what goes on from another's text."""

from __future__ import annotations

from dataclasses import dataclass

from kshot.program import Done, advance
from kshot.types import Generation, Prediction, Program, Prompt, UserError


@dataclass(frozen=True, slots=True)
class Response:
    """A strategy's attempt in full."""

    prediction: Prediction
    text: str  # what stands in the answer's turn at its end: words that the strategy opened it with, and the model's
    replies: tuple[Generation, ...]  # one after another


def heard(program: Program[Prediction], name: str) -> Program[Response]:
    """The same program, with what was written. Raises UserError where it asks several things at once, as a vote does.

    `name` is the program's, for the sentence.
    """
    step = advance(program)
    first: Prompt | None = None
    last: Prompt = ""
    replies: list[Generation] = []
    while not isinstance(step, Done):
        if len(step) != 1:
            raise UserError(f"{name!r} asks several things at once and writes no one text; give another base.")
        first = step[0].prompt if first is None else first
        last = step[0].prompt
        [reply] = yield step
        replies.append(reply)
        step = advance(program, [reply])
    text = f"{opening(first or '', last)}{replies[-1].text}" if replies else ""
    return Response(step.result, text.strip(), tuple(replies))


def opening(first: Prompt, last: Prompt) -> str:
    """What the answer's turn begins with before the last reply: of a text, what it has more than the first prompt."""
    if isinstance(last, str):
        return last[len(first) :] if isinstance(first, str) and last.startswith(first) else ""
    return last[-1].content if last and last[-1].role == "assistant" else ""
