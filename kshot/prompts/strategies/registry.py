"""The registry of strategies and what they share: reading a specification, and asking once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import lru_cache, wraps
from typing import Any, TypeVar

from kshot.program import Done, advance
from kshot.prompts.common import COMMON, with_common
from kshot.prompts.instructions import instruction_of
from kshot.prompts.picks import PICKS, settled
from kshot.prompts.preparation import preparation_of
from kshot.registry import Registry, hyperparameters
from kshot.spec import files_in, nested, split_spec, write_spec
from kshot.types import (
    Generation,
    Message,
    Prediction,
    Program,
    Prompt,
    Question,
    Request,
    SamplingParams,
    Strategy,
    UserError,
)

P = TypeVar("P", bound=Callable[..., Program[Prediction]])
STRATEGIES: Registry[Callable[..., Program[Prediction]]] = Registry("strategy", takes=1, adapt=with_common, note=COMMON)
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
    if PICKS in vars(function).get("common", {}):
        params = settled(params, split_spec(spec)[1])
    if BASE in params:
        inner = get_strategy(params[BASE])
        if inner.prepare is not None:
            raise UserError(
                f"the base {inner.name!r} has to find something out beforehand; write what it finds "
                "(template=best) outside of its parentheses."
            )
        params = without_common(inner, params, vars(function).get("common", {}))
    canonical = write_spec(name, said_of(function, params))
    called = guarded(name, function) if files_in(name) else function
    return Strategy(canonical, called, params, preparation_of(called, params))


def said_of(function: Callable[..., object], params: Mapping[str, Any]) -> dict[str, Any]:
    """What a canonical name says: what is no default, and not k beside picks, whose number it is."""
    defaults = hyperparameters(function)
    unsaid = {"k"} if params.get(PICKS) and PICKS in vars(function).get("common", {}) else set()
    return {key: value for key, value in params.items() if value != defaults[key] and key not in unsaid}


def without_common(inner: Strategy, params: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters with what the base says of its words and draws said outside, where all of it is of one mind.

    Raises UserError where both say something of one, of which one would go unheard.
    """
    named = said_of(inner.function, inner.params)
    said = {name: named.pop(name) for name in common if name in named}
    for name, value in said.items():
        if params[name] not in (common[name], value):
            raise UserError(
                f"{name} is given for the base {inner.name!r} and outside of its parentheses; write it once, outside."
            )
    return {**params, **said, BASE: nested(write_spec(split_spec(inner.name)[0], named))}


@lru_cache(maxsize=256)
def guarded(name: str, function: Callable[..., object]) -> Callable[..., Program[Prediction]]:
    """A user's own strategy, held to be a program: lists of requests and at last a prediction, or UserError."""

    @wraps(function)
    def program(*args: Any, **params: Any) -> Program[Prediction]:
        made = function(*args, **params)
        if not isinstance(made, Generator):
            raise UserError(f"{name} gave {made!r:.80} in place of a program: ask with yield, and mend the file.")
        step = advance(made)
        while not isinstance(step, Done):
            if not isinstance(step, list | tuple) or not all(map(is_request, step)):
                raise UserError(f"{name} yielded {step!r:.80} in place of a list of Requests; mend the file.")
            replies = yield list(step)
            step = advance(made, replies)
        if not isinstance(step.result, Prediction):
            raise UserError(f"{name} returned {step.result!r:.80} in place of a Prediction; mend the file.")
        return step.result

    return program


def is_request(value: object) -> bool:
    """Whether it is a request whose prompt is one."""
    if not isinstance(value, Request) or not isinstance(value.params, SamplingParams):
        return False
    prompt = value.prompt
    return isinstance(prompt, str) or (isinstance(prompt, tuple) and all(isinstance(turn, Message) for turn in prompt))


def ask(prompt: Prompt, *, temperature: float = 0.0, top_p: float = 1.0, max_new_tokens: int) -> Program[Generation]:
    """One request, one generation. No stop string: a chat model ends its turn, and `plain` stops the others."""
    [reply] = yield [Request(prompt, SamplingParams(temperature, top_p, max_new_tokens))]
    return reply


def room_for(question: Question, max_new_tokens: int) -> int:
    """The tokens that a reply may have; -1 stands for what the task says that its replies take."""
    return question.reply_tokens if max_new_tokens == -1 else max_new_tokens


wording_of = instruction_of
