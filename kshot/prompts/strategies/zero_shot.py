"""The question and nothing else."""

from __future__ import annotations

from kshot.prompts.strategies.registry import ask, room_for, strategy
from kshot.prompts.wording import prompt_for
from kshot.types import Prediction, Program, Question


@strategy
def zero_shot(
    question: Question, *, temperature: float = 0.0, top_p: float = 1.0, max_new_tokens: int = -1
) -> Program[Prediction]:
    """The question, and in what form to answer; nothing of the task (Brown et al. 2020).

    arXiv 2005.14165, section 2. The form is the answer format's own sentence ("Answer with a number.").
    `max_new_tokens` -1 is what the task says that its replies take.
    """
    prompt = prompt_for(question, direct=True)
    reply = yield from ask(
        prompt, temperature=temperature, top_p=top_p, max_new_tokens=room_for(question, max_new_tokens)
    )
    return question.format.read(reply, question.choices)
