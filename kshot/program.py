"""Programs: generators that yield lists of requests and are sent their generations.

A program knows no engine, no batch and no cache. It composes by `yield from`; `gather` runs several
side by side, `reseed` and `rewrite` change the requests on their way out, `drive` runs one to its end,
`critical_path` tells how long one must take.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from kshot.types import Generation, Program, Request

T = TypeVar("T")


def gather(programs: Iterable[Program[T]]) -> Program[list[T]]:
    """Runs programs side by side: each round yields the requests of all that are not done, as one list.

    >>> def ask(text):
    ...     [reply] = yield [Request(text)]
    ...     return reply.text
    >>> drive(gather([ask("a"), ask("b")]), lambda r: Generation(r.prompt.upper(), "stop"))
    ['A', 'B']
    """
    running = list(programs)
    results: dict[int, T] = {}
    pending: dict[int, Sequence[Request]] = {}

    def advance(index: int, replies: list[Generation] | None) -> None:
        try:
            pending[index] = next(running[index]) if replies is None else running[index].send(replies)
        except StopIteration as stop:
            pending.pop(index, None)
            results[index] = stop.value

    for index in range(len(running)):
        advance(index, None)
    while pending:
        asked = list(pending.items())
        replies = yield [request for _, requests in asked for request in requests]
        start = 0
        for index, requests in asked:
            advance(index, replies[start : start + len(requests)])
            start += len(requests)
    return [results[index] for index in range(len(running))]


def rewrite(program: Program[T], change: Callable[[Request], Request]) -> Program[T]:
    """The same program, each of its requests changed on the way out."""
    replies: list[Generation] | None = None
    while True:
        try:
            requests = next(program) if replies is None else program.send(replies)
        except StopIteration as stop:
            result: T = stop.value
            return result
        replies = yield [change(request) for request in requests]


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
    replies: list[Generation] | None = None
    while True:
        try:
            requests = next(program) if replies is None else program.send(replies)
        except StopIteration as stop:
            result: T = stop.value
            return result
        replies = answer(requests)


def critical_path(program: Program[object], *, rounds: int = 64) -> int:
    """Tokens that a program may have to wait for one after another, where every reply is empty: its largest
    `max_new_tokens` of each round, summed. At most so many rounds are looked at."""
    tokens = 0
    replies: list[Generation] | None = None
    for _ in range(rounds):
        try:
            requests = next(program) if replies is None else program.send(replies)
        except StopIteration:
            break
        tokens += max((request.params.max_new_tokens for request in requests), default=0)
        replies = [Generation("", "stop") for _ in requests]
    program.close()
    return tokens
