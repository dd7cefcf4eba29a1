"""The kinds of servers by name: what each must be told so that it adds nothing of its own, and what it takes beside.

Several servers decode by what a model's files recommend (vLLM and SGLang: generation_config.json; llama.cpp: top_k 40,
min_p 0.05), unless a request says otherwise, a penalty on repetition even where decoding is greedy. What is in no row
is found out by trying (probes.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kshot.registry import suggest
from kshot.types import UserError


@dataclass(frozen=True, slots=True)
class Dialect:
    """A kind of server."""

    name: str
    owners: tuple[str, ...] = ()  # what `owned_by` is of its models
    neutral: Mapping[str, Any] = field(default_factory=dict)  # sent with every request
    drawing: Mapping[str, Any] = field(default_factory=dict)  # sent with every request that draws
    version_at: str = ""  # from the server's root, a JSON with its version
    version_key: str = "version"
    stops: int | None = 4  # stop strings that it takes, vLLM 0.32 too; None: any number
    token_ids: bool = False  # whether `return_token_ids` has it tell a completion's tokens
    template_kwargs: bool = False  # whether `chat_template_kwargs` reaches its chat template
    names_models: bool = False  # whether a model that it does not list is not there
    lists: bool = True  # whether it lists models at all times: `transformers serve` fails without a cache of the hub
    tokens_field: str = "max_tokens"


KNOWN = (
    Dialect(
        "vllm", ("vllm",), {"repetition_penalty": 1.0}, {"top_k": 0, "min_p": 0.0}, "/version",
        token_ids=True, template_kwargs=True, names_models=True,
    ),
    Dialect(
        "sglang", ("sglang",), {"repetition_penalty": 1.0}, {"top_k": -1, "min_p": 0.0}, "/get_server_info",
        template_kwargs=True, names_models=True,
    ),
    Dialect(
        "llama.cpp", ("llamacpp",), {"repeat_penalty": 1.0}, {"top_k": 0, "min_p": 0.0}, "/props", "build_info",
        template_kwargs=True,
    ),
    Dialect("llama-cpp-python", ("me",), {"repeat_penalty": 1.0}, {"top_k": 0, "min_p": 0.0}),
    Dialect("ollama", ("library",)),
    Dialect("transformers", (), template_kwargs=True, lists=False),
    Dialect("hosted", ("openai", "system", "openai-internal"), tokens_field="max_completion_tokens"),
    Dialect("unknown"),
)  # fmt: skip
UNKNOWN = KNOWN[-1]
CHOICES = ("auto", *(dialect.name for dialect in KNOWN))


def dialect_of(asked: str, owner: str) -> Dialect:
    """The kind that is asked for, or that the owner of its models tells. Raises UserError for an unknown name."""
    if asked not in CHOICES:
        raise UserError(f"unknown server {asked!r}: {suggest(asked, CHOICES)}")
    return next((d for d in KNOWN if d.name == asked or (asked == "auto" and owner in d.owners)), UNKNOWN)
