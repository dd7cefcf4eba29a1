"""What the model actually wrote, record by record.

Meets: calls are read from the journal only when a transcript is shown. Concedes: the extracted span is marked
in the last call's completion, where every strategy that reads one text reads it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from kshot.eval.report.model import Call, Transcript
from kshot.eval.report.prompting.measures import outcome_of
from kshot.eval.report.prompting.run_data import RunData
from kshot.types import Generation, Record, Request

SHOWN_APART = {"rule", "span", "rejected"}


def transcripts_of(run: RunData) -> list[Transcript]:
    """A transcript for every record, in the run's order."""
    return [transcript(run, record) for record in run.records]


def transcript(run: RunData, record: Record) -> Transcript:
    """A record's transcript; its calls are read when they are asked for."""
    sample = run.samples.get((record.task, record.sample_id))
    detail = record.prediction.detail
    rejected = detail.get("rejected")
    kept = [
        (str(name), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in detail.items()
        if name not in SHOWN_APART
    ]
    return Transcript(
        task=record.task,
        strategy=record.strategy,
        sample_id=record.sample_id,
        repeat=record.repeat,
        outcome=outcome_of(record),
        question=sample.question if sample else "",
        choices=sample.choices if sample else (),
        target=sample.target if sample else "",
        answer=record.prediction.answer,
        rejected=None if rejected is None else str(rejected),
        rule=str(detail.get("rule") or "none"),
        detail=tuple(kept),
        calls=reader(run, record),
    )


def reader(run: RunData, record: Record) -> Callable[[], Sequence[Call]]:
    """A function that reads the record's calls."""

    def read() -> list[Call]:
        span = record.prediction.detail.get("span")
        calls = []
        for position, key in enumerate(record.calls, 1):
            request, generation = run.call(key)
            marked = (int(span[0]), int(span[1])) if span and position == len(record.calls) else None
            if marked and not 0 <= marked[0] < marked[1] <= len(generation.text):
                marked = None
            calls.append(Call(turns_of(request), written(request, generation), note_of(request, generation), marked))
        return calls

    return read


def turns_of(request: Request) -> tuple[tuple[str, str], ...]:
    """A prompt as (role, text) turns."""
    if isinstance(request.prompt, str):
        return (("text", request.prompt),)
    return tuple((message.role, message.content) for message in request.prompt)


def written(request: Request, generation: Generation) -> str:
    """What the model wrote, or the option whose likelihood was asked for."""
    return generation.text if request.continuation is None else request.continuation


def note_of(request: Request, generation: Generation) -> str:
    """How the call ended and what it took."""
    tokens = f"{generation.prompt_tokens:,} prompt tokens ({generation.cached_tokens:,} cached)"
    if request.continuation is not None:
        return f"scored, log-likelihood {generation.logprob:.2f}; {tokens}"
    params = request.params
    how = "greedy" if params.temperature == 0 else f"temperature {params.temperature:g}, seed {request.seed}"
    end = "cut off at" if generation.finish_reason == "length" else "ended after"
    return f"{how}; {tokens}; {end} {generation.completion_tokens:,} generated tokens"
