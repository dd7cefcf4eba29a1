"""Many sampled chains, one vote."""

from __future__ import annotations

from typing import Any

from kshot.program import gather, reseed
from kshot.prompts.responses import Response, heard
from kshot.prompts.strategies.registry import get_strategy, strategy
from kshot.prompts.voting import vote
from kshot.registry import hyperparameters
from kshot.types import Prediction, Program, Question, Strategy, UserError

MOST_CHAINS = 10_000  # beyond it there is a typing mistake


@strategy
def self_consistency(
    question: Question,
    *,
    base: str = "chain-of-thought",
    n: int = 20,
    temperature: float = 0.7,
    top_p: float = 1.0,
) -> Program[Prediction]:
    """The majority answer of n sampled chains; no answer, no vote (Wang et al. 2022).

    arXiv 2203.11171, section 2. `base` is any strategy that can be sampled, with hyperparameters of its own:
    `self-consistency:base=few-shot(k=4),n=10`. `answers` has every chain's. Raises UserError for a base
    that takes no temperature or brings its own, for n below 1, and for temperature 0 with n above 1.
    """
    check_draws("self-consistency", n, temperature)
    inner = get_strategy(base)
    sampling = sampling_of(inner, temperature=temperature, top_p=top_p)
    # draws count from 1: reseed(program, 0) changes nothing, and a repeat of the whole would meet its own draws again
    chains = yield from gather(reseed(inner(question, **sampling), draw) for draw in range(1, n + 1))
    return vote(chains)


def responses_of(
    question: Question, base: str, *, n: int, temperature: float, top_p: float, name: str
) -> Program[list[Response]]:
    """n drawn responses of a base: the very draws that self-consistency makes of it."""
    check_draws(name, n, temperature)
    inner = get_strategy(base)
    sampling = sampling_of(inner, temperature=temperature, top_p=top_p, name=name)
    drawn = (reseed(heard(inner(question, **sampling), inner.name), draw) for draw in range(1, n + 1))
    return (yield from gather(drawn))


def check_draws(name: str, n: int, temperature: float, what: str = "chain") -> None:
    """Raises UserError where n draws cannot be made, or would all be the same."""
    if n < 1:
        raise UserError(f"n is {n}; {name} needs at least 1 {what}.")
    if n > MOST_CHAINS:
        raise UserError(f"n is {n}; {name} draws at most {MOST_CHAINS:,} {what}s of a question.")
    if n > 1 and temperature == 0:
        raise UserError(f"{name} at temperature 0 draws the same {what} n times; give a temperature above 0.")


def sampling_of(inner: Strategy, *, temperature: float, top_p: float, name: str = "self-consistency") -> dict[str, Any]:
    """How to sample a base. Raises UserError where it cannot be, or where it was told otherwise itself."""
    defaults = hyperparameters(inner.function)
    if "temperature" not in defaults:
        raise UserError(f"{name} cannot sample {inner.name!r}, which has no temperature; give another base.")
    sampling = {"temperature": temperature, "top_p": top_p}
    for key, value in sampling.items():
        if key in defaults and inner.params[key] not in (defaults[key], value):
            raise UserError(
                f"the base {inner.name!r} sets {key} itself; write {key}={inner.params[key]} outside its parentheses."
            )
    if "top_p" not in defaults:
        if top_p != 1:
            raise UserError(f"{name} cannot set top_p for {inner.name!r}, which has none; leave it at 1.")
        del sampling["top_p"]
    return sampling
