"""k solved exemplars before the question."""

from __future__ import annotations

from kshot.prompts.exemplars import choose
from kshot.prompts.strategies.registry import ask, room_for, strategy, wording_of
from kshot.prompts.wording import prompt_for
from kshot.types import Prediction, Program, Question


@strategy
def few_shot(
    question: Question,
    *,
    k: int = 8,
    select: str = "first",
    order: str = "drawn",
    noise: float = 0.0,
    exemplar_seed: int = 0,
    wording: int = -1,
    text: str = "",
    temperature: float = 0.0,
    top_p: float = 1.0,
    max_new_tokens: int = -1,
) -> Program[Prediction]:
    """k exemplars with their answers, then the question (Brown et al. 2020).

    arXiv 2005.14165, section 2. `select` is first, random, balanced or bm25, `order` drawn, reversed or
    shuffled. `noise` is the share of exemplars with a wrong answer (Min et al. 2022, arXiv 2202.12837,
    section 4); on word pairs noise=1.0 shuffles the outputs. `wording` -1 leaves the instruction out; `text`
    is your own in its place. With k = 0 the prompt is zero-shot's. `max_new_tokens` is as in zero-shot.
    """
    exemplars = choose(question, k=k, select=select, order=order, noise=noise, seed=exemplar_seed)
    instruction = wording_of(question.instructions, wording, text)
    prompt = prompt_for(question, exemplars, instruction=instruction, direct=True)
    reply = yield from ask(
        prompt, temperature=temperature, top_p=top_p, max_new_tokens=room_for(question, max_new_tokens)
    )
    return question.format.read(reply, question.choices)
