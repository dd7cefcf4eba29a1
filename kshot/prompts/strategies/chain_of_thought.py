"""k exemplars with worked solutions before the question."""

from __future__ import annotations

from kshot.prompts.exemplars import choose
from kshot.prompts.strategies.registry import ask, strategy, wording_of
from kshot.prompts.templates import conversation
from kshot.types import Prediction, Program, Question


@strategy
def chain_of_thought(
    question: Question,
    *,
    k: int = 8,
    select: str = "first",
    order: str = "drawn",
    exemplar_seed: int = 0,
    wording: int = -1,
    temperature: float = 0.0,
    top_p: float = 1.0,
    max_new_tokens: int = 256,
) -> Program[Prediction]:
    """k exemplars, each with its rationale before its answer (Wei et al. 2022, arXiv 2201.11903, section 2)."""
    exemplars = choose(question, k=k, select=select, order=order, seed=exemplar_seed, rationale=True)
    prompt = conversation(
        question, exemplars, instruction=wording_of(question.instructions, wording), rationale=True
    )
    reply = yield from ask(prompt, temperature=temperature, top_p=top_p, max_new_tokens=max_new_tokens)
    return question.format.read(reply, question.choices)
