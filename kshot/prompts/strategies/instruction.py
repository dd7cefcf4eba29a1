"""The task said in words."""

from __future__ import annotations

from kshot.prompts.strategies.registry import ask, room_for, strategy, wording_of
from kshot.prompts.wording import prompt_for
from kshot.types import Prediction, Program, Question, UserError


@strategy
def instruction(
    question: Question,
    *,
    wording: int = 0,
    text: str = "",
    temperature: float = 0.0,
    top_p: float = 1.0,
    max_new_tokens: int = -1,
) -> Program[Prediction]:
    """The task said in words, then the question, and in what form to answer (Ouyang et al. 2022).

    arXiv 2203.02155, section 3. `wording` picks one of the task's instructions: run several to see how far
    accuracy hangs on the words. `text` is your own, in their place, and serves a task that has none. `max_new_tokens`
    is as in zero-shot. Raises UserError where the task has no such wording, or a text is given beside it.
    """
    if wording < 0:
        raise UserError(f"wording is {wording}; it must be 0 or more, or use zero-shot, which has no instruction.")
    if text and not text.strip():
        raise UserError(f"text is {text!r}, which says nothing; give the instruction's words, or use zero-shot.")
    if text and wording:
        raise UserError(f"wording is {wording} and text is {text!r}: both say the instruction; keep one.")
    said = text or wording_of(question.instructions, wording)
    prompt = prompt_for(question, instruction=said, direct=True)
    reply = yield from ask(
        prompt, temperature=temperature, top_p=top_p, max_new_tokens=room_for(question, max_new_tokens)
    )
    return question.format.read(reply, question.choices)
