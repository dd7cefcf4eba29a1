"""The engine around a server: many calls at a time in a thread of their own, generations as they come.

What waits goes out ordered by its prompt, so that what begins alike is at the server at the same time and its cache
hits. A failure lets what is on its way come in, and then stops. Concedes: `seconds` is a call's share of the time in
which calls were under way, the server's queue among it.
"""

from __future__ import annotations

import asyncio
import warnings
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Any

from kshot.harness.engines.served.background import Background
from kshot.harness.engines.served.client import ServerClient
from kshot.harness.engines.served.discovery import ModelServer
from kshot.harness.engines.served.probes import Probes
from kshot.harness.engines.served.reply import Reply, count
from kshot.harness.engines.served.scores import (
    NO_SCORES,
    of_echo_by_count,
    of_echo_by_text,
    of_prompt_logprobs,
)
from kshot.harness.engines.served.shared_time import SharedTime
from kshot.harness.engines.served.wording import COMPLETIONS, CONTINUES, CallWording, as_text
from kshot.harness.models.reasoning import marks_left_out
from kshot.harness.models.render import Renderer, without_blanks
from kshot.types import EngineError, Generation, Request, UserError

LOOK = 1.0  # seconds between two looks at whether the thread is there
LAST_WORDS = 30.0  # seconds that what is on its way has to come in once a call has failed


@dataclass(frozen=True, slots=True, order=True)
class WaitingRequest:
    """A request that waits, in the order of its prompt."""

    order: str
    ticket: int
    request: Request = field(compare=False)
    ids: Sequence[int] = field(default=(), compare=False)  # with a tokenizer here, the prompt's tokens
    targets: Sequence[int] = field(default=(), compare=False)  # and the continuation's


class ServedEngine:
    """Answers requests by calls of a server. `reported` is the name its model answers by, which must stay the same."""

    def __init__(
        self,
        background: Background,
        client: ServerClient,
        server: ModelServer,
        wording: CallWording,
        probes: Probes,
        outbox: SimpleQueue[tuple[Any, ...]],
        *,
        id: str,
        chat: bool,
        concurrency: int,
        reported: str = "",
        renderer: Renderer | None = None,
    ) -> None:
        self.background, self.client, self.server = background, client, server
        self.wording, self.probes, self.renderer = wording, probes, renderer
        self.id, self.chat, self.capacity = id, chat, concurrency
        self.reported = reported
        self.outbox = outbox  # from the thread: ("say", text), ("answer", ticket, generation), ("failed", error) ...
        self.open = 0  # requests that have not been given back
        self.failure: BaseException | None = None
        self.over = False  # nothing is taken any more
        self.said: set[str] = set()
        self.dropped = special_texts(renderer)
        # of the thread's loop alone:
        self.waiting: list[WaitingRequest] = []
        self.last = ""
        self.running: set[asyncio.Task[None]] = set()
        self.stopped = False
        self.time = SharedTime()

    # ------------------------------------------------------------ the runner's thread

    def submit(self, ticket: int, request: Request) -> None:
        """Queues a request. Raises UserError where it can never be answered, EngineError after a failure."""
        if self.over:
            raise EngineError("a call has failed, or the engine was closed: make a new one.")
        asked = self.asked(ticket, request)
        self.open += 1
        self.background.soon(self.add, asked)

    def asked(self, ticket: int, request: Request) -> WaitingRequest:
        """A request, with its tokens where they are made here."""
        prompt = request.prompt
        order = prompt if isinstance(prompt, str) else "\0".join(f"{turn.role}\0{turn.content}" for turn in prompt)
        if not isinstance(prompt, str) and not self.chat:
            raise UserError("messages were sent to a server that is asked in plain text; give chat=yes, or a template.")
        if self.renderer is None:
            if request.continuation is not None and not isinstance(prompt, str):
                raise UserError(
                    "a server scores what goes on from a text, and this prompt is a conversation: give tokenizer= the "
                    "model's folder or hub id, so that kshot makes a text of it, or chat=no."
                )
            if request.continuation == "":
                raise UserError("a continuation is empty; give it some text.")
            return WaitingRequest(order, ticket, request)
        targets: list[int] = []
        if request.continuation is None:
            ids = self.renderer.encode(prompt)
        else:
            ids, targets = self.renderer.continued(prompt, request.continuation)
        if not ids:
            raise UserError("the prompt is empty and this model has no beginning-of-sequence token; give it some text.")
        need, room = len(ids) + (len(targets) or 1), self.server.context
        if room is not None and need > room:
            raise UserError(
                f"the prompt needs {need} tokens and the server's context holds {room}; "
                "use fewer or shorter exemplars, or a model with a longer context."
            )
        return WaitingRequest(order, ticket, request, ids, targets)

    def collect(self) -> list[tuple[int, Generation]]:
        """Waits until at least one request is answered; [] when none waits. Raises EngineError or UserError."""
        found: list[tuple[int, Generation]] = []
        while self.open:
            try:
                kind, *rest = self.outbox.get(block=not found, timeout=None if found else LOOK)
            except Empty:
                if found:
                    break
                if not self.background.thread.is_alive():
                    raise EngineError("its thread has ended, and requests are waiting for it.") from None
                continue
            if kind == "answer":
                found.append((rest[0], rest[1]))
                self.open -= 1
            elif kind == "say":
                warnings.warn(rest[0], stacklevel=2)
            elif kind == "failed":
                self.failure, self.over = self.failure or rest[0], True
                self.background.soon(self.stop)
            elif kind == "stopped":
                self.open = 0
        if self.failure is not None and not self.open and not found:
            failure, self.failure = self.failure, None
            raise failure
        return found

    def close(self) -> None:
        """Cancels what is under way and ends the thread."""
        self.open, self.failure, self.over = 0, None, True
        if self.background.thread.is_alive():
            with suppress(Exception):
                asyncio.run_coroutine_threadsafe(self.end(), self.background.loop).result(5)
        self.background.close()

    # ------------------------------------------------------------ the loop's thread

    def add(self, asked: WaitingRequest) -> None:
        """Takes a request that was submitted."""
        if not self.stopped:
            insort(self.waiting, asked)
            self.fill()

    def fill(self) -> None:
        """Starts calls while there is room: the next after the last one that went out, in the order of prompts."""
        while self.waiting and len(self.running) < self.capacity and not self.stopped:
            at = bisect_left(self.waiting, self.last, key=lambda asked: asked.order)
            asked = self.waiting.pop(at if at < len(self.waiting) else 0)
            self.last = asked.order
            task = asyncio.get_running_loop().create_task(self.work(asked))
            self.running.add(task)
            task.add_done_callback(self.finished)

    def finished(self, task: asyncio.Task[None]) -> None:
        """A call has ended, in whatever way."""
        self.running.discard(task)
        self.fill()

    async def work(self, asked: WaitingRequest) -> None:
        """One request, to the outbox."""
        began = self.time.change(1)
        spent = 0.0
        try:
            try:
                generation = await self.answer(asked)
            finally:
                spent = self.time.change(-1) - began
        except asyncio.CancelledError:
            raise
        except (UserError, EngineError) as error:
            self.outbox.put(("failed", error))
        except Exception as error:  # ours; its text may hold what a server said
            said = self.client.secret.clean(f"{type(error).__name__}: {error}")
            self.outbox.put(("failed", RuntimeError(said).with_traceback(error.__traceback__)))
        else:
            self.outbox.put(("answer", asked.ticket, with_seconds(generation, spent)))

    def stop(self) -> None:
        """Nothing goes out any more; what is on its way may come in."""
        if not self.stopped:
            self.stopped = True
            self.waiting.clear()
            self.client.hurry()
            self.drain = asyncio.get_running_loop().create_task(self.drained())

    async def drained(self) -> None:
        """Waits for what is on its way, and says so."""
        if left := set(self.running):
            await asyncio.wait(left, timeout=min(LAST_WORDS, self.client.timeout))
        self.outbox.put(("stopped",))

    async def end(self) -> None:
        """Cancels all calls."""
        self.stopped = True
        self.waiting.clear()
        left = set(self.running)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=2)
        await self.client.close()

    # ------------------------------------------------------------ one request

    async def answer(self, asked: WaitingRequest) -> Generation:
        """What comes of a request. Raises UserError, EngineError."""
        request = asked.request
        if request.continuation is not None:
            return await self.score(asked)
        await self.check_draws(request)
        prompt, extra = await self.prompt(asked)
        context, opened = self.server.context, isinstance(prompt, list)
        room = context - len(asked.ids) if context is not None and opened else 1 << 30
        path, body = self.wording.body(prompt, request, self.probes.tokens_field, room)
        if self.dropped:
            body["skip_special_tokens"] = False
        reply = await self.probes.send(path, {**body, **extra}, request.params.stop)
        self.check(reply, asked)
        return self.generation(reply, request)

    async def prompt(self, asked: WaitingRequest) -> tuple[Any, dict[str, Any]]:
        """A prompt as it is sent, with what else must be: tokens, a text, or messages."""
        given = asked.request.prompt
        if self.renderer is not None:
            if await self.probes.takes_tokens():
                return list(asked.ids), {}
            return as_text(self.renderer.tokenizer, self.renderer.text(given), asked.ids), {}
        if isinstance(given, str) or given[-1].role != "assistant":
            return given, {}
        way = await self.probes.continues()
        if not way:
            raise UserError(
                f"the server at {self.client.address.shown} does not continue a turn that is begun for it (vLLM and "
                "llama.cpp do), but would answer a fresh one: leave lead= and chains that go on from a turn out, give "
                "tokenizer= the model's folder or hub id, or chat=no."
            )
        if given[-1].content[-1:].isspace() and not await self.probes.keeps_blanks():
            raise UserError(
                f"the server at {self.client.address.shown} strips the blanks at the end of a turn that it continues: "
                "end the lead without one, or give tokenizer= the model's folder or hub id."
            )
        return given, dict(CONTINUES) if way == "flags" else {}

    async def check_draws(self, request: Request) -> None:
        """Raises UserError where the server would not draw as it is asked to."""
        params, where = request.params, self.client.address.shown
        if params.temperature == 0:
            return
        if not await self.probes.draws():
            raise UserError(
                f"the server at {where} writes at a temperature of 2 what it writes at 0, so it does not draw: start "
                "it with a generation config that does (do_sample), or leave temperature= out."
            )
        for name in ("top_k", "min_p"):
            if getattr(params, name) and not await self.probes.narrows(name):
                raise UserError(f"the server at {where} takes no notice of {name}: leave {name}= out.")

    def check(self, reply: Reply, asked: WaitingRequest) -> None:
        """Raises EngineError where another model answered, or another prompt; says once what is not told."""
        if self.reported and reply.model and reply.model != self.reported:
            raise EngineError(
                f"the server answered as {self.reported} and now as {reply.model}: another model is there."
            )
        if asked.ids and reply.counted and reply.prompt_tokens != len(asked.ids):
            raise EngineError(
                f"the server counts {reply.prompt_tokens} tokens in a prompt of {len(asked.ids)}: tokenizer= is not "
                "the served model's, or the server changes prompts."
            )
        if not reply.counted:
            self.say_once("the server does not tell how many tokens there were; they count as 0.")
        if asked.request.logprobs and not reply.tokens:
            self.say_once("the server tells no token ids; log-probabilities stand without them.")
        if asked.request.logprobs and reply.text and not reply.token_logprobs:
            raise UserError("the server tells no log-probabilities of what it writes; use another one, or engine.")

    def say_once(self, sentence: str) -> None:
        if sentence not in self.said:
            self.said.add(sentence)
            self.outbox.put(("say", sentence))

    def generation(self, reply: Reply, request: Request) -> Generation:
        """A reply as what kshot's own engine would have given."""
        text = reply.text
        for mark in self.dropped:
            text = text.replace(mark, "")
        opening = self.renderer.opening if self.renderer else ""
        if opening and isinstance(request.prompt, tuple) and request.prompt[-1].role != "assistant":
            text = f"{opening}\n{text}"
        return Generation(
            text=text,
            finish_reason=reply.finish_reason,
            prompt_tokens=reply.prompt_tokens,
            cached_tokens=reply.cached_tokens,
            completion_tokens=reply.completion_tokens,
            logprob=sum(reply.token_logprobs) if request.logprobs else 0.0,
            tokens=reply.tokens if request.logprobs else (),
            token_logprobs=reply.token_logprobs if request.logprobs else (),
        )

    async def score(self, asked: WaitingRequest) -> Generation:
        """The log-likelihood of a request's continuation."""
        request, continuation = asked.request, asked.request.continuation
        assert continuation is not None
        way = await self.probes.scores()
        if not way:
            raise UserError(NO_SCORES.format(where=self.client.address.shown))
        body: dict[str, Any] = {"model": self.wording.model, "max_tokens": 1, "temperature": 0.0}
        body |= {"prompt_logprobs": 0} if way == "prompt_logprobs" else {"echo": True, "logprobs": 1}
        whole = [*asked.ids, *asked.targets]
        read: Callable[[Any], tuple[float, ...]]
        if self.renderer is not None:
            if await self.probes.takes_tokens():
                body["prompt"] = whole
            else:
                text = self.renderer.text(request.prompt)
                body["prompt"] = as_text(self.renderer.tokenizer, text + continuation, whole)
            kind = of_prompt_logprobs if way == "prompt_logprobs" else of_echo_by_count

            def read(value: Any) -> tuple[float, ...]:
                return kind(value, asked.targets, len(whole))
        else:
            assert isinstance(request.prompt, str)
            bare, blanks = without_blanks(request.prompt)
            body["prompt"] = f"{bare}{blanks}{continuation}"

            def read(value: Any) -> tuple[float, ...]:
                return of_echo_by_text(value, str(bare), blanks + continuation)

        def counted(value: Any) -> tuple[tuple[float, ...], int, int]:
            told = read(value)
            usage = value.get("usage")
            details = usage.get("prompt_tokens_details") if isinstance(usage, dict) else None
            return told, count(usage, "prompt_tokens"), count(details, "cached_tokens")

        logprobs, of_prompt, cached = await self.client.call(COMPLETIONS, body, counted)
        return Generation(
            text=continuation,
            finish_reason="scored",
            prompt_tokens=max(of_prompt - len(logprobs), 0),
            cached_tokens=cached,
            completion_tokens=len(logprobs),
            logprob=sum(logprobs),
            tokens=tuple(asked.targets) if request.logprobs else (),
            token_logprobs=logprobs if request.logprobs else (),
        )


def with_seconds(generation: Generation, seconds: float) -> Generation:
    """The same with its share of the time."""
    return replace(generation, seconds=seconds)


def special_texts(renderer: Renderer | None) -> tuple[str, ...]:
    """Special tokens' texts to be taken out here, where the server must leave them in for the marks of what is thought.

    () where it need not: no mark is a special token.
    """
    if renderer is None:
        return ()
    marks, dropped = marks_left_out(renderer.tokenizer)
    known = renderer.tokenizer.added_tokens_decoder
    return tuple(str(known[id]) for id in sorted(dropped)) if marks else ()
