"""Many sampled chains, one vote."""

from __future__ import annotations

from kshot.program import gather, reseed
from kshot.prompts.strategies.registry import can_be_sampled, get_strategy, strategy
from kshot.prompts.voting import vote
from kshot.types import Prediction, Program, Question, UserError


@strategy
def self_consistency(
    question: Question,
    *,
    base: str = "chain-of-thought",
    n: int = 20,
    temperature: float = 0.7,
    top_p: float = 1.0,
) -> Program[Prediction]:
    """Majority answer of n sampled chains; no answer, no vote (Wang et al. 2022, arXiv 2203.11171, section 2).

    Over any strategy that can be sampled: `self-consistency:base=zero-shot-cot,n=10,temperature=0.7`.
    """
    inner = get_strategy(base)
    if not can_be_sampled(inner):
        raise UserError(f"self-consistency cannot sample {inner.name!r}, which has no temperature; give another base.")
    if n < 1:
        raise UserError(f"n is {n}; self-consistency needs at least 1 chain.")
    if n > 1 and temperature == 0:
        raise UserError("self-consistency at temperature 0 draws the same chain n times; give a temperature above 0.")
    chains = yield from gather(
        reseed(inner(question, temperature=temperature, top_p=top_p), draw) for draw in range(n)
    )
    return vote(chains)
