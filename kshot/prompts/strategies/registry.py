"""The registry of strategies and what they share: reading a specification, and asking once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kshot.registry import Registry, hyperparameters
from kshot.types import Generation, Prediction, Program, Prompt, Request, SamplingParams, Strategy, UserError

P = TypeVar("P", bound=Callable[..., Program[Prediction]])
STRATEGIES: Registry[Callable[..., Program[Prediction]]] = Registry("strategy")


def strategy(function: P) -> P:
    """Decorator: registers a strategy under its function's name, underscores as dashes."""
    STRATEGIES.add(function.__name__.replace("_", "-"))(function)
    return function


def get_strategy(spec: str) -> Strategy:
    """The strategy that a specification names, such as `self-consistency:base=few-shot(k=4),n=10`.

    Raises UserError for an unknown name or hyperparameter, or a value of the wrong kind.
    """
    _, function, params = STRATEGIES.parse(spec)
    return Strategy(STRATEGIES.canonical(spec), function, params)


def can_be_sampled(base: Strategy) -> bool:
    """Whether a strategy has a temperature, so that several draws of it can differ."""
    return "temperature" in hyperparameters(base.function)


def ask(prompt: Prompt, *, temperature: float, top_p: float, max_new_tokens: int, stop: tuple[str, ...] = ()) -> Program[Generation]:
    """One request, one generation."""
    [reply] = yield [Request(prompt, SamplingParams(temperature, top_p, max_new_tokens, stop))]
    return reply


def wording_of(instructions: tuple[str, ...], wording: int) -> str:
    """One of a task's instructions; "" for -1. Raises UserError where there are fewer."""
    if wording == -1:
        return ""
    if not 0 <= wording < len(instructions):
        have = f"wordings 0 to {len(instructions) - 1}" if instructions else "no instruction"
        raise UserError(f"wording is {wording} and the task has {have}; -1 leaves the instruction out.")
    return instructions[wording]
