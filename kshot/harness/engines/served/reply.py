"""A call's answer as text, reason and counts, or the fault that it is: only what is whole becomes a generation.

Meets: no choice, several, a text that is none, an unknown end, counts that are none: tried again, and then an error.
What a filter cut, what calls a tool or refuses is no answer of the model to the question, and stops the run. What a
server keeps apart as thought stands before the answer, in the marks that extraction knows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from kshot.harness.engines.served.faults import Fault, Malformed
from kshot.types import EngineError, FinishReason

ENDS: Mapping[str, FinishReason] = {
    "stop": "stop", "eos": "stop", "eos_token": "stop", "stop_sequence": "stop", "end_turn": "stop",
    "length": "length", "max_tokens": "length",
}  # fmt: skip
NO_ANSWER = {
    "content_filter": "a filter of the server's cut it off",
    "tool_calls": "it calls a tool",
    "function_call": "it calls a function",
    "refusal": "it is refused",
}
THOUGHT = ("reasoning_content", "reasoning")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call came to."""

    text: str
    finish_reason: FinishReason
    model: str  # as the server reports it; "" where it does not
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    counted: bool  # whether it told how many tokens there were
    tokens: tuple[int, ...]
    token_logprobs: tuple[float, ...]
    choice: Mapping[str, Any]


def read_reply(value: Any, *, chat: bool, stops: Sequence[str] = ()) -> Reply:
    """The one choice of an answer, its text before the first stop string. Raises Malformed, Fault or EngineError."""
    choice = only_choice(value)
    end = choice.get("finish_reason")
    if end in ("abort", "error"):
        raise Fault(f"the server broke an answer off ({end})")
    if end in NO_ANSWER:
        raise EngineError(f"the server gave no answer: {NO_ANSWER[end]} (finish_reason {end}); drop that sample.")
    if not isinstance(end, str) or end not in ENDS:
        raise Malformed(f"an answer ends for the reason {end!r:.40}, which the protocol does not know")
    text = text_of_message(choice, ENDS[end]) if chat else choice.get("text")
    if not isinstance(text, str):
        raise Malformed(f"the text of an answer is {text!r:.40}")
    cuts = [at for stop in stops if (at := text.find(stop)) >= 0]
    counts = value.get("usage")
    counted = isinstance(counts, dict)
    prompt, completion = (count(counts, name) for name in ("prompt_tokens", "completion_tokens"))
    details = counts.get("prompt_tokens_details") if isinstance(counts, dict) else None
    tokens, logprobs = told_tokens(choice, chat=chat)
    model = value.get("model")
    return Reply(
        text=text[: min(cuts)] if cuts else text,
        finish_reason="stop" if cuts else ENDS[end],
        model=model if isinstance(model, str) else "",
        prompt_tokens=prompt,
        cached_tokens=count(details, "cached_tokens"),
        completion_tokens=completion,
        counted=counted,
        tokens=tokens,
        token_logprobs=logprobs,
        choice=choice,
    )


def only_choice(value: Any) -> dict[str, Any]:
    """The one choice of an answer. Raises Malformed."""
    choices = value.get("choices") if isinstance(value, dict) else None
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        shown = "nothing" if choices == [] else repr(value)[:80]
        raise Malformed(f"an answer holds not one choice but {shown}")
    return choices[0]


def text_of_message(choice: Mapping[str, Any], end: FinishReason) -> Any:
    """The text of a chat's answer, what was thought before it. Raises EngineError for what is refused."""
    message = choice.get("message")
    if not isinstance(message, dict):
        raise Malformed(f"the message of an answer is {message!r:.40}")
    if message.get("refusal"):
        raise EngineError(f"the model refuses ({message['refusal']!s:.80}); drop that sample.")
    if message.get("tool_calls"):
        raise EngineError("the model calls a tool in place of an answer; serve it without tools.")
    thought = next((message[key] for key in THOUGHT if isinstance(message.get(key), str) and message[key]), "")
    content = message.get("content")
    if thought and content is None and end == "length":
        return f"<think>\n{thought}"
    if thought and isinstance(content, str):
        return f"<think>\n{thought}\n</think>\n\n{content}"
    return content


def count(counts: Any, name: str) -> int:
    """A count of tokens, 0 where it is not told. Raises Malformed where it is none."""
    value = counts.get(name) if isinstance(counts, dict) else None
    if value is None:
        return 0
    if type(value) is not int or value < 0:
        raise Malformed(f"{name} is {value!r:.40}")
    return value


def told_tokens(choice: Mapping[str, Any], *, chat: bool) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """A completion's tokens and their log-probabilities, as far as they are told."""
    ids = choice.get("token_ids")
    known = isinstance(ids, list) and all(type(token) is int for token in ids)
    said = choice.get("logprobs")
    listed: Any = None
    if isinstance(said, dict):
        content = said.get("content")
        if chat and isinstance(content, list):
            listed = [row.get("logprob") if isinstance(row, dict) else None for row in content]
        else:
            listed = said.get("token_logprobs")
    return tuple(ids) if known and isinstance(ids, list) else (), numbers(listed)


def numbers(listed: Any) -> tuple[float, ...]:
    """Log-probabilities. Raises Malformed where they are none."""
    if listed is None:
        return ()
    if not isinstance(listed, list) or not all(is_logprob(value) for value in listed):
        raise Malformed(f"log-probabilities are {listed!r:.80}")
    return tuple(float(value) for value in listed)


def is_logprob(value: Any) -> TypeGuard[float]:
    """Whether a value is a finite log-probability; rounding may have it a little above 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value < 1e-3
