"""Requests, generations and records as rows of the journal's tables, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from kshot.types import Generation, Message, Prediction, Record, Request, SamplingParams, Score, Status

GENERATION = (
    "text, finish_reason, prompt_tokens, cached_tokens, completion_tokens, logprob, seconds, tokens, token_logprobs"
)
CALLS = (
    f"SELECT key, prompts.prompt, params, seed, continuation, logprobs, {GENERATION} "
    "FROM generations JOIN prompts ON hash = generations.prompt"
)


def write(value: Any) -> str:
    """Canonical JSON: ASCII only, so that lone surrogates and null bytes survive SQLite."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def marks(row: Sequence[Any]) -> str:
    """A question mark for each of a row's values."""
    return ", ".join("?" * len(row))


@lru_cache(maxsize=1024)  # many draws of a prompt are asked one after another
def prompt_text(prompt: str | tuple[Message, ...]) -> tuple[str, str]:
    """A prompt's hash and its JSON: a string, or [role, content] a message."""
    text = write(prompt if isinstance(prompt, str) else [[m.role, m.content] for m in prompt])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest(), text


@lru_cache(maxsize=1024)
def params_text(params: SamplingParams) -> str:
    """Parameters as JSON."""
    return write(asdict(params))


# ---------------------------------------------------------------- requests and generations


def row_of_call(request: Request, generation: Generation) -> tuple[Any, ...]:
    """A request and its generation, in the order of the table, without the key."""
    return (
        prompt_text(request.prompt)[0],
        params_text(request.params),
        request.seed,
        None if request.continuation is None else write(request.continuation),
        write(generation.text),
        generation.finish_reason,
        generation.prompt_tokens,
        generation.cached_tokens,
        generation.completion_tokens,
        generation.logprob,
        generation.seconds,
        request.logprobs or None,
        write(generation.tokens) if generation.tokens else None,
        write(generation.token_logprobs) if generation.token_logprobs else None,
    )


def call_of(row: Sequence[Any]) -> tuple[Request, Generation]:
    """A request and its generation from a row of CALLS, without its key."""
    prompt, params = json.loads(row[0]), json.loads(row[1])
    request = Request(
        prompt if isinstance(prompt, str) else tuple(Message(role, content) for role, content in prompt),
        SamplingParams(**{**params, "stop": tuple(params["stop"])}),
        row[2],
        None if row[3] is None else json.loads(row[3]),
        bool(row[4]),
    )
    return request, generation_of(row[5:])


def generation_of(row: Sequence[Any]) -> Generation:
    """A generation from its columns, those of GENERATION."""
    text, *costs, tokens, token_logprobs = row
    return Generation(json.loads(text), *costs, *(tuple(json.loads(each or "[]")) for each in (tokens, token_logprobs)))


# ---------------------------------------------------------------- records

KEPT = {"rule": str, "span": list, "rejected": str, "answers": list, "probabilities": dict}
"""A prediction's fields that stand in one JSON with its detail, in journals of every format, and their JSON's kind."""

NOTHING = Prediction(None, "unparsed")


def kept_of(prediction: Prediction) -> dict[str, Any]:
    """All that a prediction has beside its answer and status, side by side."""
    fields = {name: getattr(prediction, name) for name in KEPT}
    said = {name: value for name, value in fields.items() if value != getattr(NOTHING, name)}
    return {"rule": NOTHING.rule, "span": NOTHING.span, **prediction.detail, **said}


def prediction_of(answer: str | None, status: Status, kept: Mapping[str, Any]) -> Prediction:
    """The prediction that had this beside its answer; what fits no field stays in its detail."""
    detail = {name: value for name, value in kept.items() if value is not None or name not in KEPT}
    fields = {name: detail.pop(name) for name, kind in KEPT.items() if isinstance(detail.get(name), kind)}
    for name in {"span", "answers"} & set(fields):
        fields[name] = tuple(fields[name])
    return Prediction(answer, status, **fields, detail=detail)


def row_of_record(record: Record) -> tuple[Any, ...]:
    """A record, in the order of the table."""
    prediction, score = record.prediction, record.score
    return (
        record.task,
        record.strategy,
        record.sample_id,
        record.repeat,
        None if prediction.answer is None else write(prediction.answer),
        prediction.status,
        score.value,
        score.answered,
        write(kept_of(prediction)),
        write(record.calls),
        record.prompt_tokens,
        record.cached_tokens,
        record.completion_tokens,
        record.seconds,
        write(list(score.values.items())),  # a list: the first metric stays the first
    )


def record_of_row(row: Sequence[Any]) -> Record:
    """A record from a row of the table."""
    task, strategy, sample_id, repeat, answer, status, value, answered, detail, calls, *costs, scores = row
    prediction = prediction_of(None if answer is None else json.loads(answer), status, json.loads(detail))
    score = Score(value if scores is None else dict(json.loads(scores)), bool(answered))
    return Record(task, strategy, sample_id, repeat, prediction, score, tuple(json.loads(calls)), *costs)
