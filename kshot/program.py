"""Programs: generators that yield lists of requests and are sent their generations.

A program knows no engine, no batch and no cache. It composes by `yield from`; `advance` takes one a step
further, `gather` runs several side by side, `reseed` and `rewrite` change the requests on their way out,
`drive` runs one to its end, `critical_path` tells how long one must take.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from kshot.types import Generation, Program, Request

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """A program has come to its end, with this result."""

    result: T


def advance(program: Program[T], replies: list[Generation] | None = None) -> Sequence[Request] | Done[T]:
    """Sends a program the replies to what it asked last (None: it begins); gives what it asks next, or its result."""
    try:
        return next(program) if replies is None else program.send(replies)
    except StopIteration as stop:
        return Done(stop.value)


def gather(programs: Iterable[Program[T]]) -> Program[list[T]]:
    """Runs programs side by side: each round yields the requests of all that are not done, as one list.

    >>> def ask(text):
    ...     [reply] = yield [Request(text)]
    ...     return reply.text
    >>> drive(gather([ask("a"), ask("b")]), lambda r: Generation(r.prompt.upper(), "stop"))
    ['A', 'B']
    """
    running = list(programs)
    steps = [advance(program) for program in running]
    while not all(isinstance(step, Done) for step in steps):
        replies = yield [request for step in steps if not isinstance(step, Done) for request in step]
        start = 0
        for index, step in enumerate(steps):
            if not isinstance(step, Done):
                steps[index] = advance(running[index], replies[start : start + len(step)])
                start += len(step)
    return [step.result for step in steps if isinstance(step, Done)]


def rewrite(program: Program[T], change: Callable[[Request], Request]) -> Program[T]:
    """The same program, each of its requests changed on the way out."""
    step = advance(program)
    while not isinstance(step, Done):
        replies = yield [change(request) for request in step]
        step = advance(program, replies)
    return step.result


def reseed(program: Program[T], seed: int) -> Program[T]:
    """The same program with other draws: each request's seed is mixed with `seed`; reseeding with 0 changes nothing.

    Nested reseeding stays distinct: draw 2 of repeat 1 is not draw 1 of repeat 2. As 0 changes nothing, draws
    inside something that may be reseeded count from 1: draw 0 of repeat 1 would be draw 1 of repeat 0.
    """
    if seed == 0:
        return program
    return rewrite(program, lambda request: replace(request, seed=mix(request.seed, seed)))


def mix(first: int, second: int) -> int:
    """A seed in [0, 2**63) from two, the same on every machine."""
    digest = hashlib.blake2b(f"{first},{second}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def drive(program: Program[T], answer: Callable[[Request], Generation]) -> T:
    """Runs one program to its end with a function that answers each request. For tests and for reading along."""
    return drive_rounds(program, lambda requests: [answer(request) for request in requests])


def drive_rounds(program: Program[T], answer: Callable[[Sequence[Request]], list[Generation]]) -> T:
    """Runs one program to its end with a function that answers all requests of a round, in order."""
    step = advance(program)
    while not isinstance(step, Done):
        step = advance(program, answer(step))
    return step.result


def critical_path(program: Program[object], *, rounds: int = 64) -> int:
    """Tokens that a program may have to wait for one after another, where every reply is empty: its largest
    `max_new_tokens` of each round, summed. At most so many rounds are looked at."""
    tokens = 0
    step = advance(program)
    for _ in range(rounds):
        if isinstance(step, Done):
            break
        tokens += max((request.params.max_new_tokens for request in step), default=0)
        step = advance(program, [Generation("", "stop") for _ in step])
    program.close()
    return tokens
