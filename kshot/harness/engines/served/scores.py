"""The log-likelihood of a continuation: only its own tokens are summed, and where they begin is never guessed.

With a tokenizer here prompt and continuation are the tokens that kshot's own engine scores. Without, the server tells
its tokens as texts: one must begin where the continuation does, or it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kshot.harness.engines.served.faults import Malformed
from kshot.harness.engines.served.reply import count, is_logprob, only_choice
from kshot.types import UserError

NO_SCORES = (
    "the server at {where} does not tell the log-probabilities of a prompt's tokens, by which answers are scored "
    "(vLLM does, and what echoes a prompt with logprobs): serve the model by vLLM, use --engine transformers, or a "
    "strategy that writes its answer."
)
MERGED = (
    "where the continuation {continuation!r} begins, the server's tokenizer begins no token, so that it cannot be "
    "scored by itself: give tokenizer= the model's folder or hub id, so that kshot makes the tokens."
)


def of_prompt_logprobs(value: Any, targets: Sequence[int], whole: int) -> tuple[float, ...]:
    """The last tokens' log-probabilities, of vLLM's `prompt_logprobs`: by token id, one mapping a token of `whole`.

    Raises Malformed where it tells others.
    """
    rows = only_choice(value).get("prompt_logprobs")
    if not isinstance(rows, list) or len(rows) != whole:
        raise Malformed(f"of {whole} tokens the log-probabilities are {rows!r:.80}")
    found = []
    for token, row in zip(targets, rows[whole - len(targets) :], strict=True):
        told = row.get(str(token)) if isinstance(row, dict) else None
        logprob = told.get("logprob") if isinstance(told, dict) else None
        if not is_logprob(logprob):
            raise Malformed(f"the log-probability of token {token} is {row!r:.80}")
        found.append(float(logprob))
    return tuple(found)


def echoed(value: Any) -> tuple[list[str], list[Any], int]:
    """The tokens of an echo as texts, their log-probabilities, and how many of them the prompt has.

    Raises Malformed where they are none.
    """
    said = only_choice(value).get("logprobs")
    names, logprobs = (said.get(key) if isinstance(said, dict) else None for key in ("tokens", "token_logprobs"))
    if not isinstance(names, list) or not isinstance(logprobs, list) or len(names) != len(logprobs):
        raise Malformed(f"the log-probabilities of an echo are {said!r:.80}")
    usage: Mapping[str, Any] = value.get("usage") or {}
    written = count(usage, "completion_tokens")
    of_prompt = count(usage, "prompt_tokens") or len(names) - written
    if not 0 < of_prompt <= len(names) or not all(isinstance(name, str) for name in names):
        raise Malformed(f"an echo has {len(names)} tokens, and its prompt {of_prompt}")
    return names, logprobs, of_prompt


def of_echo_by_count(value: Any, targets: Sequence[int], whole: int) -> tuple[float, ...]:
    """The last tokens' log-probabilities, of an echo of so many tokens that we know. Raises Malformed, UserError."""
    _, logprobs, of_prompt = echoed(value)
    if of_prompt != whole:
        raise UserError(f"the server makes {of_prompt} tokens of what tokenizer= makes {whole} of: give the right one.")
    return checked(logprobs[whole - len(targets) : whole])


def of_echo_by_text(value: Any, prompt: str, continuation: str) -> tuple[float, ...]:
    """The continuation's log-probabilities, of an echo of prompt and continuation: tokens whose texts make it up.

    Raises UserError where none begins where it does.
    """
    names, logprobs, of_prompt = echoed(value)
    at, text = of_prompt, ""
    while at > 0 and len(text) < len(continuation):  # from its end: what a server puts before a prompt does not matter
        at -= 1
        text = names[at] + text
    if text != continuation or "".join(names[:at]).strip()[-len(prompt.strip()) :] != prompt.strip():
        raise UserError(MERGED.format(continuation=continuation))
    return checked(logprobs[at:of_prompt])


def checked(logprobs: Sequence[Any]) -> tuple[float, ...]:
    """Log-probabilities as they are told. Raises UserError for a first token's, which has none; Malformed."""
    if logprobs and logprobs[0] is None:
        raise UserError("nothing stands before the text to be scored, and the server scores no first token: lead in.")
    if not logprobs or not all(map(is_logprob, logprobs)):
        raise Malformed(f"log-probabilities are {list(logprobs)!r:.80}")
    return tuple(map(float, logprobs))
