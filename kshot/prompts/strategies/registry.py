"""The registry of strategies and what they share: reading a specification, and asking once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kshot.registry import Registry, hyperparameters
from kshot.spec import nested, write_spec
from kshot.types import Generation, Prediction, Program, Prompt, Question, Request, SamplingParams, Strategy, UserError

P = TypeVar("P", bound=Callable[..., Program[Prediction]])
STRATEGIES: Registry[Callable[..., Program[Prediction]]] = Registry("strategy")
BASE = "base"  # the hyperparameter that is itself the specification of a strategy


def strategy(function: P) -> P:
    """Decorator: registers a strategy under its function's name, underscores as dashes.

    The function takes a Question and keyword-only hyperparameters, each with a default, and is a program.
    """
    STRATEGIES.add(function.__name__.replace("_", "-"))(function)
    return function


def get_strategy(spec: str) -> Strategy:
    """The strategy that a specification names, such as `self-consistency:base=few-shot(k=4),n=10`.

    Its name is canonical: no hyperparameter that equals its default, the others in the signature's order,
    a base likewise. Its params are all of them. Raises UserError for an unknown name or hyperparameter, or a
    value of the wrong kind.

    >>> get_strategy("self-consistency:n=10,base=few-shot(order=drawn,k=4)").name
    'self-consistency:base=few-shot(k=4),n=10'
    """
    name, function, params = STRATEGIES.parse(spec)
    if BASE in params:
        params[BASE] = nested(get_strategy(params[BASE]).name)
    defaults = hyperparameters(function)
    canonical = write_spec(name, {key: value for key, value in params.items() if value != defaults[key]})
    return Strategy(canonical, function, params)


def ask(prompt: Prompt, *, temperature: float = 0.0, top_p: float = 1.0, max_new_tokens: int) -> Program[Generation]:
    """One request, one generation. No stop string: a chat model ends its turn, and `plain` stops the others."""
    [reply] = yield [Request(prompt, SamplingParams(temperature, top_p, max_new_tokens))]
    return reply


def room_for(question: Question, max_new_tokens: int) -> int:
    """The tokens that a reply may have; -1 stands for what the task says that its replies take."""
    return question.reply_tokens if max_new_tokens == -1 else max_new_tokens


def wording_of(instructions: tuple[str, ...], wording: int) -> str:
    """One of a task's instructions; "" for -1. Raises UserError where there is no such one."""
    if wording == -1:
        return ""
    if not 0 <= wording < len(instructions):
        have = f"wordings 0 to {len(instructions) - 1}" if instructions else "no instruction"
        raise UserError(f"wording is {wording} and the task has {have}; wording=-1 leaves it out.")
    return instructions[wording]
