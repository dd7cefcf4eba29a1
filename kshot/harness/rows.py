"""Requests, generations, samples and records as rows of the journal's tables, and back."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any, TypeVar, get_args

from kshot.harness.damage import UNREADABLE
from kshot.types import (
    FinishReason,
    Generation,
    Message,
    Prediction,
    Prompt,
    Record,
    Request,
    Sample,
    SamplingParams,
    Score,
    Status,
)

V = TypeVar("V")
FINISHED, STATUSES = get_args(FinishReason), get_args(Status)
NUMBER, MAYBE = (int, float), (str, type(None))

Kinds = Mapping[str, type | tuple[type, ...]]
"""What the fields of a value are; a damaged row may hold anything."""

TURN: Kinds = {"role": str, "content": str}
SAMPLING: Kinds = {"temperature": NUMBER, "top_p": NUMBER, "max_new_tokens": int, "top_k": int, "min_p": NUMBER}
LATER = ("top_k", "min_p", "fields", "continuation")
"""Fields that are written only where they hold something."""
REQUEST: Kinds = {"seed": int, "continuation": MAYBE}
TOKENS: Kinds = {"prompt_tokens": int, "cached_tokens": int, "completion_tokens": int, "seconds": NUMBER}
GENERATED: Kinds = {"text": str, "logprob": NUMBER, **TOKENS}
SAMPLE: Kinds = {"id": str, "question": str, "target": str, "rationale": str, "cluster": MAYBE, "continuation": str}
PREDICTION: Kinds = {"answer": MAYBE}
RECORD: Kinds = {"task": str, "strategy": str, "sample_id": str, "repeat": int, **TOKENS}

GENERATION = (
    "text, finish_reason, prompt_tokens, cached_tokens, completion_tokens, logprob, seconds, tokens, token_logprobs"
)
ASKED = "prompt, params, seed, continuation, logprobs"
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
    return write(params_of(params))


def params_of(params: SamplingParams) -> dict[str, Any]:
    """Parameters by name; those that came later only where they are set, so that earlier keys stay what they were."""
    return {name: value for name, value in asdict(params).items() if name not in LATER or value}


# ---------------------------------------------------------------- requests and generations


def asked_of(request: Request) -> tuple[Any, ...]:
    """A request as its columns, those of ASKED."""
    return (
        prompt_text(request.prompt)[0],
        params_text(request.params),
        request.seed,
        None if request.continuation is None else write(request.continuation),
        request.logprobs or None,
    )


def row_of_call(request: Request, generation: Generation) -> tuple[Any, ...]:
    """A request and its generation: the columns ASKED and GENERATION."""
    return (
        *asked_of(request),
        write(generation.text),
        generation.finish_reason,
        generation.prompt_tokens,
        generation.cached_tokens,
        generation.completion_tokens,
        generation.logprob,
        generation.seconds,
        write(generation.tokens) if generation.tokens else None,
        write(generation.token_logprobs) if generation.token_logprobs else None,
    )


def call_of(row: Sequence[Any]) -> tuple[Request, Generation]:
    """A request and its generation from a row of CALLS without its key. Raises ValueError and kin for a damaged one."""
    prompt = json.loads(row[0])
    turns = prompt if isinstance(prompt, str) else tuple(fitting(Message(*turn), TURN) for turn in prompt)
    return request_of(turns, row[1:5]), generation_of(row[5:])


def request_of(prompt: Prompt, row: Sequence[Any]) -> Request:
    """A request from what ASKED has beside the prompt. Raises ValueError and kin for damaged columns."""
    params, seed, continuation, logprobs = row
    said = json.loads(params)
    sampling = fitting(SamplingParams(**{**said, "stop": texts(said["stop"])}), SAMPLING)
    text = None if continuation is None else json.loads(continuation)
    return fitting(Request(prompt, sampling, seed, text, bool(logprobs)), REQUEST)


def askable(row: Sequence[Any]) -> bool:
    """Whether the columns ASKED can be read."""
    try:
        request_of("", row[1:])
    except UNREADABLE:
        return False
    return True


def generation_of(row: Sequence[Any]) -> Generation:
    """A generation from its columns, those of GENERATION. Raises ValueError and kin for damaged ones."""
    text, *costs, tokens, token_logprobs = row
    lists = [json.loads(each or "[]") for each in (tokens, token_logprobs)]
    found = fitting(Generation(json.loads(text), *costs, *map(tuple, lists)), GENERATED)
    if found.finish_reason not in FINISHED or not all(isinstance(n, int | float) for each in lists for n in each):
        raise ValueError(f"finish_reason is {found.finish_reason!r}"[:80])
    return found


def check_generation(generation: Generation) -> None:
    """Raises ValueError and kin for what an engine gave and could not be read again."""
    fitting(generation, GENERATED)
    if generation.finish_reason not in FINISHED:
        raise ValueError(f"finish_reason is {generation.finish_reason!r}"[:80])
    if math.isnan(generation.logprob):
        raise ValueError("its log-likelihood is no number")


def fitting(value: V, kinds: Kinds) -> V:
    """The value, whose fields are of these kinds. Raises ValueError for what a damaged row has in their place."""
    for name, kind in kinds.items():
        if not isinstance(getattr(value, name), kind):
            raise ValueError(f"{name} is {getattr(value, name)!r}"[:80])
    return value


def texts(value: Any) -> tuple[str, ...]:
    """A tuple of texts from JSON's list. Raises ValueError where it is none."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{value!r} is no list of texts"[:80])
    return tuple(value)


# ---------------------------------------------------------------- samples


def sample_of(row: Sequence[Any]) -> tuple[tuple[str, str], Sample]:
    """A sample by its task and id from (task, id, sample). Raises ValueError and kin for a damaged row."""
    value = json.loads(row[2])
    fields = [texts(pair) for pair in value.get("fields", ())]
    if any(len(pair) != 2 for pair in fields):
        raise ValueError(f"fields are {fields!r}"[:80])
    sample = Sample(**{**value, "choices": texts(value["choices"]), "fields": tuple(fields)})
    return (row[0], row[1]), fitting(sample, SAMPLE)


def sample_text(sample: Sample) -> str:
    """A sample as JSON."""
    return write({name: value for name, value in asdict(sample).items() if name not in LATER or value})


def as_kept(sample: Sample, kept: str | None) -> str:
    """A sample as JSON, without its row's other fields where it was kept by a kshot that knew none."""
    text = sample_text(sample)
    if kept not in (None, text) and sample.fields and sample_text(replace(sample, fields=())) == kept:
        return sample_text(replace(sample, fields=()))
    return text


def readable(text: object) -> bool:
    """Whether a sample's row can be read at all."""
    with suppress(*UNREADABLE):
        sample_of(("", "", text))
        return True
    return False


# ---------------------------------------------------------------- records


def is_text(value: Any) -> bool:
    """Whether it is a text."""
    return isinstance(value, str)


def is_span(value: Any) -> bool:
    """Whether it is a place in a text."""
    return isinstance(value, list) and [type(end) for end in value] == [int, int]


def are_answers(value: Any) -> bool:
    """Whether it is the answers of several chains, None for those that have none."""
    return isinstance(value, list) and all(each is None or isinstance(each, str) for each in value)


def are_probabilities(value: Any) -> bool:
    """Whether it is a number for every answer."""
    return isinstance(value, dict) and all(isinstance(each, int | float) for each in value.values())


KEPT: dict[str, Callable[[Any], bool]] = {
    "rule": is_text, "span": is_span, "rejected": is_text, "answers": are_answers, "probabilities": are_probabilities,
}  # fmt: skip
"""A prediction's fields that stand in one JSON with its detail, in journals of every format, and how they look."""

NOTHING = Prediction(None, "unparsed")


def kept_of(prediction: Prediction) -> dict[str, Any]:
    """All that a prediction has beside its answer and status, side by side."""
    fields = {name: getattr(prediction, name) for name in KEPT}
    said = {name: value for name, value in fields.items() if value != getattr(NOTHING, name)}
    return {"rule": NOTHING.rule, "span": NOTHING.span, **prediction.detail, **said}


def prediction_of(answer: str | None, status: Status, kept: Mapping[str, Any]) -> Prediction:
    """The prediction that had this beside its answer; what fits no field stays in its detail."""
    detail = {name: value for name, value in kept.items() if value is not None or name not in KEPT}
    fields = {name: detail.pop(name) for name, fits in KEPT.items() if fits(detail.get(name))}
    for name in {"span", "answers"} & set(fields):
        fields[name] = tuple(fields[name])
    return Prediction(answer, status, **fields, detail=detail)


def check_prediction(prediction: Prediction) -> None:
    """Raises ValueError and kin for what a user's own strategy gave and could not be read again."""
    fitting(prediction, PREDICTION)
    if prediction.status not in STATUSES:
        raise ValueError(f"status is {prediction.status!r}"[:80])
    kept = json.loads(write(kept_of(prediction)))
    again = prediction_of(prediction.answer, prediction.status, kept)
    differing = [name for name in KEPT if getattr(again, name) != getattr(prediction, name)]
    if differing:
        raise ValueError(f"{differing[0]} is {getattr(prediction, differing[0])!r}"[:80])


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
    """A record from a row of the table. Raises ValueError and kin for a damaged one."""
    task, strategy, sample_id, repeat, answer, status, value, answered, detail, calls, *costs, scores = row
    prediction = prediction_of(None if answer is None else json.loads(answer), status, dict(json.loads(detail)))
    values = value if scores is None else {str(name): float(given) for name, given in json.loads(scores)}
    score = Score(values, bool(answered))
    if status not in STATUSES or not all(map(math.isfinite, score.values.values())):
        raise ValueError(f"the status is {status!r}, the scores {dict(score.values)}"[:120])
    fitting(prediction, PREDICTION)
    keys = texts(json.loads(calls))
    return fitting(Record(task, strategy, sample_id, repeat, prediction, score, keys, *costs), RECORD)
