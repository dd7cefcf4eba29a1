"""k exemplars with worked solutions before the question."""

from __future__ import annotations

from kshot.prompts.exemplars import choose
from kshot.prompts.strategies.registry import ask, strategy, wording_of
from kshot.prompts.wording import prompt_for
from kshot.types import Prediction, Program, Question, UserError


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
    """k exemplars, each with its rationale before its answer (Wei et al. 2022).

    arXiv 2201.11903, section 2. Only exemplars that have a rationale are chosen from. Raises UserError where
    there are fewer than k, and for k = 0, which would ask for no chain at all.
    """
    if k < 1:
        raise UserError(f"k is {k}; chain-of-thought needs at least 1 exemplar, or use zero-shot-cot.")
    exemplars = choose(question, k=k, select=select, order=order, seed=exemplar_seed, rationale=True)
    prompt = prompt_for(question, exemplars, instruction=wording_of(question.instructions, wording), rationale=True)
    reply = yield from ask(prompt, temperature=temperature, top_p=top_p, max_new_tokens=max_new_tokens)
    return question.format.read(reply, question.choices)
