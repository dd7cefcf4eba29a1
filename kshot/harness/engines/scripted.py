"""An engine whose replies come from a function: for tests, dry runs and reading along."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

from kshot.harness.engines.registry import engine
from kshot.registry import suggest
from kshot.types import Engine, Generation, Request, UserError

ORDERS = ("fifo", "lifo", "random")


@engine
def scripted(
    *, reply: str = "The answer is 4.", chat: bool = True, capacity: int = 16, order: str = "fifo", seed: int = 0
) -> Engine:
    """The same reply to every request, without a model: to try a command. A continuation scores -1 a word."""

    def answer(request: Request) -> str:
        return reply if request.continuation is None else str(-max(len(request.continuation.split()), 1))

    name = hashlib.blake2b(reply.encode(), digest_size=8).hexdigest()
    return ScriptedEngine(answer, id=f"scripted/{name}", chat=chat, capacity=capacity, order=order, seed=seed)


class ScriptedEngine:
    """Answers each request with `reply(request)`; honours stop strings and max_new_tokens, counted in words.

    `order` is that in which waiting requests are answered: fifo, lifo or random (seeded). `asked` holds
    every request that was submitted. Scored requests take their log-likelihood from a Generation, or from
    a reply that is a number. Raises UserError for an unknown order, or no capacity.
    """

    def __init__(
        self,
        reply: Callable[[Request], str | Generation],
        *,
        id: str = "scripted",
        capacity: int = 16,
        chat: bool = True,
        order: str = "fifo",
        seed: int = 0,
    ) -> None:
        if order not in ORDERS:
            raise UserError(f"unknown order {order!r}: {suggest(order, ORDERS)}")
        if capacity < 1:
            raise UserError(f"capacity is {capacity}; it must be at least 1.")
        self.reply = reply
        self.id = id
        self.capacity = capacity
        self.chat = chat
        self.order = order
        self.random = random.Random(seed)
        self.asked: list[Request] = []
        self.waiting: list[tuple[int, Request]] = []

    def submit(self, ticket: int, request: Request) -> None:
        """Queues a request."""
        self.asked.append(request)
        self.waiting.append((ticket, request))

    def collect(self) -> list[tuple[int, Generation]]:
        """Answers one waiting request."""
        if not self.waiting:
            return []
        at = {"fifo": 0, "lifo": -1}.get(self.order, self.random.randrange(len(self.waiting)))
        ticket, request = self.waiting.pop(at)
        return [(ticket, self.answer(request))]

    def answer(self, request: Request) -> Generation:
        """The scripted reply, cut as a model's would be."""
        reply = self.reply(request)
        if isinstance(reply, Generation):
            return reply
        if request.continuation is not None:
            length = max(len(request.continuation.split()), 1)
            return Generation(request.continuation, "scored", completion_tokens=length, logprob=float(reply))
        ends = [at for stop in request.params.stop if (at := reply.find(stop)) >= 0]
        text = reply[: min(ends)] if ends else reply
        words = text.split()
        cut = len(words) > request.params.max_new_tokens
        if cut:
            text = " ".join(words[: request.params.max_new_tokens])
        prompt = request.prompt if isinstance(request.prompt, str) else " ".join(m.content for m in request.prompt)
        return Generation(
            text, "length" if cut else "stop", prompt_tokens=len(prompt.split()), completion_tokens=len(text.split())
        )

    def close(self) -> None:
        """Drops what waits."""
        self.waiting.clear()
