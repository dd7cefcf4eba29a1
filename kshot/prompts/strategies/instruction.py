"""The task said in words."""

from __future__ import annotations

from kshot.prompts.strategies.registry import ask, strategy, wording_of
from kshot.prompts.templates import conversation
from kshot.types import Prediction, Program, Question


@strategy
def instruction(
    question: Question, *, wording: int = 0, temperature: float = 0.0, top_p: float = 1.0, max_new_tokens: int = 32
) -> Program[Prediction]:
    """The task said in words, then the question (Ouyang et al. 2022, arXiv 2203.02155; Wei et al. 2021, arXiv 2109.01652).

    `wording` picks one of the task's instructions: run several to see how far accuracy hangs on the words.
    """
    text = f"{wording_of(question.instructions, wording)} {question.format.instruction}".strip()
    reply = yield from ask(
        conversation(question, instruction=text), temperature=temperature, top_p=top_p, max_new_tokens=max_new_tokens
    )
    return question.format.read(reply, question.choices)
