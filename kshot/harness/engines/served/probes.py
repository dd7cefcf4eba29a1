"""What a server can do, found out by trying it once, where one that cannot would answer something else without a word.

A server that does not know a field ignores it: it answers a fresh turn where one was to be continued, draws among all
tokens where it was to draw among few, or does not draw at all. Each is told by what comes of a small request, and not
by a name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

from kshot.harness.engines.served.client import ServerClient
from kshot.harness.engines.served.faults import Refusal
from kshot.harness.engines.served.reply import Reply, is_logprob, only_choice, read_reply
from kshot.harness.engines.served.wording import CHAT, COMPLETIONS, CONTINUES, CallWording
from kshot.harness.models.render import Renderer
from kshot.types import EngineError, Message, Prompt, Request, SamplingParams, UserError

Continuing = Literal["flags", "as it is", ""]
Scoring = Literal["prompt_logprobs", "echo", ""]
STORY = "Once upon a time there was"
MIXED = "In 1234.5 kg of Käse — 大家好 — def f(x):\n\t\treturn x**2  # Antidisestablishmentarianism, isn't it?"
"""A text of which hardly two tokenizers make as many tokens."""
HOTTEST, LONG = 2.0, 16  # the temperature, and the tokens, at which no two draws are alike


class Probes:
    """Each ability is tried once, at the first request that needs it."""

    def __init__(self, client: ServerClient, wording: CallWording, chat: bool, renderer: Renderer | None) -> None:
        self.client = client
        self.wording = wording
        self.chat = chat
        self.renderer = renderer
        self.tokens_field = wording.dialect.tokens_field
        self.found: dict[str, asyncio.Task[Any]] = {}

    async def once(self, name: str, find: Callable[[], Awaitable[Any]]) -> Any:
        """What `find` found the first time."""
        if name not in self.found:
            self.found[name] = asyncio.ensure_future(find())
        return await asyncio.shield(self.found[name])

    async def send(self, path: str, body: dict[str, Any], stops: tuple[str, ...] = ()) -> Reply:
        """A call; where the server wants its limit of new tokens by its other name, from then on by that."""
        try:
            return await self.client.call(path, body, lambda value: read_reply(value, chat=path == CHAT, stops=stops))
        except Refusal as refusal:
            other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
            old = next((name for name in other if name in body), "")
            if refusal.status not in (400, 422) or path != CHAT or not old or old not in refusal.message:
                raise
            self.tokens_field = other[old]
            body = {(other[old] if name == old else name): value for name, value in body.items()}
            return await self.client.call(path, body, lambda value: read_reply(value, chat=True, stops=stops))

    async def ask(
        self, prompt: Prompt, extra: Mapping[str, Any] | None = None, *, seed: int = 0, **params: Any
    ) -> Reply:
        """A small request."""
        given: Any = self.renderer.encode(prompt) if self.renderer and await self.takes_tokens() else prompt
        if self.renderer and not isinstance(given, list):
            given = self.renderer.text(prompt)
        request = Request(prompt, SamplingParams(**{"max_new_tokens": 1, **params}), seed)
        path, body = self.wording.body(given, request, self.tokens_field, 1 << 20)
        return await self.send(path, {**body, **(extra or {})})

    @property
    def story(self) -> Prompt:
        """What is asked where it does not matter what."""
        return (Message("user", STORY),) if self.chat else STORY

    # ------------------------------------------------------------ prompts

    async def takes_tokens(self) -> bool:
        """Whether a prompt may be tokens. Raises UserError where the server's tokenizer is another than ours."""
        found: bool = await self.once("tokens", self.find_tokens)
        return found

    async def find_tokens(self) -> bool:
        assert self.renderer is not None
        where = self.client.address.shown
        ids = self.renderer.ids(MIXED, verbatim=True)
        body = {"model": self.wording.model, "max_tokens": 1, "temperature": 0.0}
        as_text = await self.send(COMPLETIONS, {**body, "prompt": MIXED})
        if not as_text.counted:
            raise UserError(
                f"the server at {where} does not tell how many tokens a prompt has, so that nobody can know whether "
                "tokenizer= is the one that it has: leave tokenizer= out."
            )
        if abs(as_text.prompt_tokens - len(ids)) > 1:  # a beginning token, which some count and some do not add
            raise UserError(
                f"the server at {where} makes {as_text.prompt_tokens} tokens of a text of which tokenizer= makes "
                f"{len(ids)}: give the tokenizer of the model that it serves."
            )
        try:
            reply = await self.send(COMPLETIONS, {**body, "prompt": ids})
        except Refusal:
            return False
        return reply.prompt_tokens == len(ids)

    async def continues(self) -> Continuing:
        """How a conversation's open turn is continued: told so, as it is, or not at all."""
        found: Continuing = await self.once("continues", self.find_continues)
        return found

    async def find_continues(self) -> Continuing:
        asked = (Message("user", STORY),)
        turn = (*asked, Message("assistant", "1"))  # one token to all tokenizers, or nearly
        bare = await self.ask(asked)
        fresh = await self.ask(turn)
        if not (bare.counted and fresh.counted):
            return ""
        if fresh.prompt_tokens - bare.prompt_tokens == 1:  # a turn that was closed, and a new one, would be more
            return "as it is"
        try:
            told = await self.ask(turn, CONTINUES)
        except Refusal:
            return ""
        return "flags" if bare.prompt_tokens < told.prompt_tokens < fresh.prompt_tokens else ""

    async def keeps_blanks(self) -> bool:
        """Whether a turn that is continued keeps the blanks at its end, which many templates strip."""
        found: bool = await self.once("blanks", self.find_blanks)
        return found

    async def find_blanks(self) -> bool:
        extra = CONTINUES if await self.continues() == "flags" else {}
        asked = (Message("user", STORY),)
        bare, more = [await self.ask((*asked, Message("assistant", said)), extra) for said in ("1", "1 \n\t\n")]
        return more.prompt_tokens > bare.prompt_tokens

    # ------------------------------------------------------------ draws

    async def draws(self) -> bool:
        """Whether a temperature is heeded: what is drawn at the hottest is not what is written at none."""
        found: bool = await self.once("draws", lambda: self.finds_other(HOTTEST))
        return found

    async def finds_other(self, temperature: float, **params: Any) -> bool:
        """Whether one of two draws is another text than the greedy one; True where it does not let one try."""
        try:
            greedy = await self.ask(self.story, max_new_tokens=LONG)
            for seed in (1, 2):
                drawn = await self.ask(self.story, seed=seed, max_new_tokens=LONG, temperature=temperature, **params)
                if drawn.text != greedy.text:
                    return True
        except Refusal:  # some take a temperature of 1 alone
            return True
        return False

    async def narrows(self, name: Literal["top_k", "min_p"]) -> bool:
        """Whether a parameter beyond the protocol is heeded: at its narrowest even the hottest draw is greedy."""
        narrowest: dict[str, Any] = {"top_k": 1} if name == "top_k" else {"min_p": 1.0}
        other: bool = await self.once(name, lambda: self.finds_other(HOTTEST, **narrowest))
        return not other

    # ------------------------------------------------------------ scores

    async def scores(self) -> Scoring:
        """How it tells the log-probabilities of a prompt's tokens."""
        found: Scoring = await self.once("scores", self.find_scores)
        return found

    async def find_scores(self) -> Scoring:
        body = {"model": self.wording.model, "prompt": STORY, "max_tokens": 1, "temperature": 0.0}
        ways: dict[Scoring, dict[str, Any]] = {"echo": {"echo": True, "logprobs": 1}}
        if self.renderer and await self.takes_tokens():
            ids = self.renderer.ids(STORY, verbatim=True)
            body["prompt"] = ids
            ways = {"prompt_logprobs": {"prompt_logprobs": 0}, **ways}
        for way, extra in ways.items():
            try:
                told = await self.client.call(COMPLETIONS, {**body, **extra}, only_choice)
            except (Refusal, EngineError):
                continue
            rows = told.get("prompt_logprobs") if way == "prompt_logprobs" else (told.get("logprobs") or {})
            if way == "echo":
                rows = rows.get("token_logprobs") if isinstance(rows, dict) else None
                echoed = str(told.get("text", "")).lstrip().startswith(STORY)
                if isinstance(rows, list) and echoed and len(rows) > 2 and all(map(is_logprob, rows[1:-1])):
                    return way
            elif isinstance(rows, list) and len(rows) > 2 and isinstance(rows[-1], dict):
                return way
        return ""


async def opening(probes: Probes, chat: str, patience: float) -> tuple[bool, str]:
    """Whether the server takes messages, as far as that is left open (auto), and by what name its model answers.

    Raises Refusal where it takes neither messages nor texts, EngineError where it is not there.
    """

    async def model_of(takes_messages: bool) -> str:
        prompt: Prompt = (Message("user", "Hi"),) if takes_messages else "Hi"
        request = Request(prompt, SamplingParams(max_new_tokens=LONG))
        path, body = probes.wording.body(prompt, replace(request), probes.tokens_field, LONG)
        read: Callable[[Any], str] = lambda value: str(value.get("model") or "")  # noqa: E731  what it says does not matter
        try:
            return await probes.client.call(path, body, read, patience=patience)
        except Refusal as refusal:
            if refusal.status in (400, 422) and "max_tokens" in body and "max_completion_tokens" in refusal.message:
                probes.tokens_field = "max_completion_tokens"
                path, body = probes.wording.body(prompt, request, probes.tokens_field, LONG)
                return await probes.client.call(path, body, read, patience=patience)
            raise

    if chat != "auto":
        return chat == "yes", await model_of(chat == "yes")
    try:
        return True, await model_of(True)
    except Refusal as refusal:
        if refusal.status in (401, 403, 429):
            raise
        try:
            return False, await model_of(False)
        except Refusal:
            raise refusal from None
