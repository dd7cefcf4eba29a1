"""The key of a request: what names everything that can change its answer, and nothing else."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from kshot.harness.rows import params_of, prompt_text, write
from kshot.types import Prompt, Request, SamplingParams


@lru_cache(maxsize=1024)
def params_key(params: SamplingParams) -> str:
    """What of the parameters can change an answer, as JSON: greedy decoding takes no notice of the others."""
    named = params_of(params)
    if params.temperature == 0:
        for name in ("top_p", "top_k", "min_p"):
            named.pop(name, None)
    return write(named)


def last_of(prompt: Prompt) -> str:
    """A prompt's text, or its last message's."""
    return prompt if isinstance(prompt, str) else prompt[-1].content if prompt else ""


def request_key(engine_id: str, request: Request) -> str:
    """Names everything that can change the answer, and nothing else.

    A greedy request's seed and a scored request's parameters change nothing and are left out, so that
    two strategies that ask the same pay once.
    """
    prompt, params = prompt_text(request.prompt)[0], request.params
    if request.continuation is not None:
        named = [engine_id, prompt, request.continuation]
        if last_of(request.prompt)[-1:].isspace():
            named.append("blanks")  # they were scored as a token of the prompt's once, and as the continuation's now
    else:
        named = [engine_id, prompt, params_key(params), str(request.seed if params.temperature else None)]
    if request.logprobs:
        named.append("logprobs")
    return hashlib.blake2b(write(named).encode(), digest_size=16).hexdigest()
