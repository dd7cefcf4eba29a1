"""A request as the body of a call: parameters by the names of the protocol, and what the server's kind needs beside.

Meets: nothing that a request asks is dropped without a word. A text goes to the completions of a server verbatim,
messages to its chat; with a tokenizer here both go as tokens, or as a text that this tokenizer makes the same tokens
of. Greedy requests carry no seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kshot.harness.engines.served.dialects import Dialect
from kshot.types import Message, Request, SamplingParams, UserError

COMPLETIONS, CHAT = "/completions", "/chat/completions"
CONTINUES: Mapping[str, Any] = {"add_generation_prompt": False, "continue_final_message": True}


@dataclass(frozen=True, slots=True)
class CallWording:
    """How requests are put to one server."""

    dialect: Dialect
    model: str
    seed: bool = True  # whether it is told the seed of a draw
    stops: int | None = None  # stop strings that it is told; the others are looked for here alone
    template_kwargs: Mapping[str, Any] | None = None  # for the server's own chat template

    def body(
        self, prompt: str | Sequence[int] | tuple[Message, ...], request: Request, tokens_field: str, room: int
    ) -> tuple[str, dict[str, Any]]:
        """The path and the body of a call for a text, tokens, or messages. `room`: the tokens there is room for."""
        path, asked = self.addressed(prompt)
        params = request.params
        asked |= {"max_tokens" if path == COMPLETIONS else tokens_field: min(params.max_new_tokens, room)}
        asked |= self.drawing(params, request.seed)
        if params.stop and self.stops != 0:
            asked["stop"] = list(params.stop[: self.stops])
        if request.logprobs:
            asked["logprobs"] = 1 if path == COMPLETIONS else True
            if self.dialect.token_ids:
                asked["return_token_ids"] = True
        return path, asked

    def addressed(self, prompt: str | Sequence[int] | tuple[Message, ...]) -> tuple[str, dict[str, Any]]:
        """Where a prompt goes, and how it stands there."""
        asked: dict[str, Any] = {"model": self.model}
        if isinstance(prompt, str):
            return COMPLETIONS, asked | {"prompt": prompt}
        if not isinstance(prompt, tuple):
            return COMPLETIONS, asked | {"prompt": list(prompt)}
        asked["messages"] = [{"role": turn.role, "content": turn.content} for turn in prompt]
        if self.template_kwargs:
            asked["chat_template_kwargs"] = dict(self.template_kwargs)
        return CHAT, asked

    def drawing(self, params: SamplingParams, seed: int) -> dict[str, Any]:
        """How it is decoded."""
        asked: dict[str, Any] = {"temperature": params.temperature, **self.dialect.neutral}
        if params.temperature == 0:
            return asked
        asked |= {"top_p": params.top_p, **self.dialect.drawing}
        asked |= {"top_k": params.top_k} if params.top_k else {}
        asked |= {"min_p": params.min_p} if params.min_p else {}
        return asked | ({"seed": seed} if self.seed else {})


def stops_sent(text: str, dialect: Dialect) -> int | None:
    """How many stop strings are sent: a number, or auto, what the server's kind takes. Raises UserError."""
    if text == "auto":
        return dialect.stops
    if not text.isdecimal():
        raise UserError(f"stops= is {text!r}; give how many stop strings the server takes, 0 for none, or auto.")
    return int(text)


def as_text(tokenizer: Any, text: str, ids: Sequence[int]) -> str:
    """A text of which a server's own tokenizer, which adds what it adds, makes these tokens. Raises UserError."""
    bos = str(tokenizer.bos_token or "")
    for said in (text, text.removeprefix(bos)):
        if list(tokenizer(said, add_special_tokens=True).input_ids) == list(ids):
            return said
    raise UserError(
        "the server takes no tokens, and as text the prompt would become others there (its beginning, or a control "
        "token's name in it): serve the model by vLLM, or leave tokenizer= out."
    )
