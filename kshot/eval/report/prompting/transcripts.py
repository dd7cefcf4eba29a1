"""What the model actually wrote, record by record.

Meets: calls are read from the journal only when a transcript is shown. Concedes: the extracted span is marked
in the last call's completion, where every strategy that reads one text reads it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from kshot.eval.metrics.kinds import SHARE, Kind
from kshot.eval.metrics.registry import kind_of
from kshot.eval.report.model import Call, Transcript
from kshot.eval.report.prompting.measures import outcome_of
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.scale import ACCURACY, SEVERAL
from kshot.eval.report.prompting.templates import described_template
from kshot.types import Generation, Prediction, Record, Request, Score


def transcripts_of(run: RunData) -> list[Transcript]:
    """A transcript for every record, in the run's order."""
    return [transcript(run, record) for record in run.records]


def transcript(run: RunData, record: Record) -> Transcript:
    """A record's transcript; its calls are read when they are asked for."""
    sample = run.samples.get((record.task, record.sample_id))
    prediction = record.prediction
    return Transcript(
        task=record.task,
        strategy=record.strategy,
        sample_id=record.sample_id,
        repeat=record.repeat,
        outcome=outcome_of(record, run.kinds),
        question=(sample.question or sample.continuation) if sample else "",
        choices=sample.choices if sample else (),
        target=sample.target if sample else "",
        answer=prediction.answer,
        rejected=prediction.rejected,
        rule=prediction.rule,
        detail=tuple(kept(prediction)),
        calls=reader(run, record),
        score=score_of(record.score, run.kinds),
        template=described_template(run, record.task, record.strategy),
    )


def score_of(score: Score, noted: Mapping[str, Kind] | None = None) -> str:
    """A score by its metrics; "" where the outcome says it all."""
    if len(score.values) == 1 and score.value in (0.0, 1.0) and kind_of(score.metric, noted).plain:
        return ""
    return ", ".join(written_score(name, value, kind_of(name, noted)) for name, value in score.values.items())


def written_score(name: str, value: float, kind: Kind) -> str:
    """One metric's value of an attempt: a share as it is, another with its unit."""
    called = SEVERAL if name == ACCURACY and value not in (0.0, 1.0) else name
    if kind.unit == SHARE:
        return f"{called} {value:.3g}"
    return f"{called} {kind.value(value)}"


def kept(prediction: Prediction) -> Iterator[tuple[str, str]]:
    """What else a strategy kept than how it read its answer, by name."""
    found = dict(prediction.detail)
    if prediction.answers:
        found["answers"] = prediction.answers
    if prediction.probabilities:
        found["probabilities"] = dict(prediction.probabilities)
    for name, value in sorted(found.items()):
        yield str(name), value if isinstance(value, str) else json.dumps(rounded(value), ensure_ascii=False)


def rounded(value: object) -> object:
    """The value with its fractions to four digits, which is what a reader takes in; the journal has them all."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list | tuple) else value


def reader(run: RunData, record: Record) -> Callable[[], Sequence[Call]]:
    """A function that reads the record's calls."""

    def read() -> list[Call]:
        span = record.prediction.span
        calls = []
        for position, key in enumerate(record.calls, 1):
            request, generation = run.call(key)
            marked = span if position == len(record.calls) else None
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
    drawn = [f"temperature {params.temperature:g}"]
    drawn += [f"{name} {value:g}" for name, value in (("top_k", params.top_k), ("min_p", params.min_p)) if value]
    drawn += [f"top_p {params.top_p:g}"] if params.top_p < 1 else []
    how = "greedy" if params.temperature == 0 else f"{', '.join(drawn)}, seed {request.seed}"
    end = "cut off at" if generation.finish_reason == "length" else "ended after"
    return f"{how}; {tokens}; {end} {generation.completion_tokens:,} generated tokens"
