"""A run's scores, records and calls as tables for other tools: Parquet (exact types) or CSV.

Meets: records and calls are read in pieces; of the whole run no more is held than each attempt's answer and score,
from which the scores are made. In CSV no text of models or datasets can be a spreadsheet's formula: a cell of text
that begins like one gets a ' before it (OWASP, CSV injection), which `restored` takes off again. Concedes: half of a
surrogate pair, which neither format can hold, becomes "?".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kshot.eval.report.prompting.measures import measure, outcome_of
from kshot.eval.report.prompting.metrics import further_names, scored_by
from kshot.eval.report.prompting.run_data import RunData
from kshot.harness.journal import Journal
from kshot.harness.judging.items import key_of
from kshot.harness.judging.read import folders_of, judgings_of, refuse_judging
from kshot.harness.rows import kept_of
from kshot.harness.runs.kinds import kinds_of
from kshot.types import Prediction, Sample, UserError
from kshot.whole_file import scratch_for

if TYPE_CHECKING:
    import pyarrow as pa

COUNTED = ("logprob", "tokens", "words", "bytes")  # of a prediction's detail, what metrics count
FORMATS = ("parquet", "csv")
PIECE = 5_000  # rows held at once
RECORDS = {
    **dict.fromkeys(("task", "strategy", "sample_id"), "string"), "repeat": "int64",
    **dict.fromkeys(("question", "target", "answer", "rule", "outcome"), "string"),
    "metric": "string", "score": "double", "scores": "string",
    "answered": "bool", **dict.fromkeys(("prompt_tokens", "cached_tokens", "completion_tokens"), "int64"),
    "seconds": "double", "calls": "string", "detail": "string",
}  # fmt: skip
SCORES = {
    **dict.fromkeys(("task", "strategy", "metric", "unit", "better"), "string"),
    **dict.fromkeys(("samples", "attempts"), "int64"),
    **dict.fromkeys(("mean", "low", "high"), "double"), "interval": "string",
    **dict.fromkeys(("unparsed", "truncated", "best_constant"), "double"), "best_constant_answer": "string",
    "p_best_constant": "double", "distinct_answers": "int64", "commonest_answer": "string",
    "commonest_share": "double", "note": "string",
}  # fmt: skip
CALLS = {
    **dict.fromkeys(("key", "prompt", "continuation"), "string"), "temperature": "double", "top_p": "double",
    "top_k": "int64", "min_p": "double", "max_new_tokens": "int64", "stop": "string", "seed": "int64",
    "text": "string", "finish_reason": "string",
    **dict.fromkeys(("prompt_tokens", "cached_tokens", "completion_tokens"), "int64"), "logprob": "double",
    "seconds": "double",
}  # fmt: skip
JUDGEMENTS = {
    **dict.fromkeys(("metric", "judge", "engine", "rubric", "rubric_sha256", "scale", "read_by", "judged"), "string"),
    "reference": "bool", **dict.fromkeys(("task", "strategy", "against", "sample_id"), "string"), "repeat": "int64",
    "verdict": "string", "value": "double", "rule": "string", "places": "string", "probabilities": "string",
    "counts": "bool", "label": "string", "outcome": "string",
}  # fmt: skip


FORMULA = re.compile("'*[-=+@\t\r\n\uff0d\uff1d\uff0b\uff20]")  # and their full-width forms
PLAIN_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def export(run: Path, folder: Path, format: str, *, as_is: bool = False) -> list[tuple[Path, int]]:
    """Writes scores, records and calls of a run into the folder. Gives each file and its number of rows.

    Judges' verdicts have a table of their own, where there are any. CSV is safe to open in a spreadsheet unless its
    text is wanted `as_is`. Raises UserError.
    """
    if format not in FORMATS:
        raise UserError(f"unknown format {format!r}; use one of {', '.join(FORMATS)}.")
    if folder == run / "export" and folder.is_symlink():  # a folder may be a stranger's
        raise UserError(f"{folder} is a link, through which nothing is written: remove it, or give another --out.")
    with Journal.read(run) as journal:
        refuse_judging(journal.settings(), run)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tables = {
                "scores": (SCORES, score_rows(journal)),
                "records": (RECORDS, record_rows(journal, journal.samples())),
                "calls": (CALLS, call_rows(journal)),
            }
            if judgements := list(judgement_rows(run, journal)):  # a model's opinions, in no other table
                tables["judgements"] = (JUDGEMENTS, iter(judgements))
            if format == "csv" and not as_is:
                tables = {name: (types, map(safe, rows)) for name, (types, rows) in tables.items()}
            return [write(folder / f"{name}.{format}", types, rows, format) for name, (types, rows) in tables.items()]
        except OSError as error:
            raise UserError(f"{folder} cannot be written ({error.strerror or error}); give another --out.") from error


def safe(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without a text that a spreadsheet would run."""
    return {name: neutral(value) if isinstance(value, str) else value for name, value in row.items()}


def neutral(text: str) -> str:
    """A text that no spreadsheet takes for a formula; what is a number stays one.

    >>> neutral("=1+1"), neutral("-5"), neutral("-5+1"), neutral("a=b")
    ("'=1+1", '-5', "'-5+1", 'a=b')
    """
    return f"'{text}" if FORMULA.match(text) and not PLAIN_NUMBER.fullmatch(text) else text


def restored(text: str) -> str:
    """What `neutral` was given.

    >>> [restored(neutral(text)) for text in ("=1+1", "-5", "'=1", "'tis")]
    ['=1+1', '-5', "'=1", "'tis"]
    """
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def score_rows(journal: Journal) -> Iterator[dict[str, Any]]:
    """A row for every strategy on every task, with what its score has to be held against."""
    records = [replace(record, calls=(), prediction=counted_part(record.prediction)) for record in journal.records()]
    run = RunData("", {}, records, journal.samples(), journal.call, kinds=kinds_of(journal))
    runs = [run, *(scored_by(run, name) for name in further_names(run))]
    for (task, strategy), m in (item for one in runs for item in measure(one).items()):
        answers, constant = m.answers, m.constant
        notes = ["one answer to everything"] if answers.constant else []
        notes += ["not shown to be above the best constant answer"] if m.no_better else []
        yield {
            "task": task, "strategy": strategy, "metric": m.scale.metric, "unit": m.scale.unit,
            "better": m.scale.kind.better, "samples": m.n, "attempts": answers.attempts,
            "mean": m.value, "low": m.interval.low, "high": m.interval.high, "interval": f"95%, {m.method}",
            "unparsed": m.unparsed, "truncated": m.truncated, "best_constant": constant.value if constant else None,
            "best_constant_answer": constant.answer if constant else None,
            "p_best_constant": m.above_constant if constant else None, "distinct_answers": answers.distinct,
            "commonest_answer": answers.commonest, "commonest_share": answers.of_commonest / answers.attempts,
            "note": "; ".join(notes),
        }  # fmt: skip


def counted_part(prediction: Prediction) -> Prediction:
    """What metrics read of a prediction, and not its texts."""
    detail = {name: prediction.detail[name] for name in COUNTED if name in prediction.detail}
    return Prediction(prediction.answer, prediction.status, probabilities=prediction.probabilities, detail=detail)


def record_rows(journal: Journal, samples: Mapping[tuple[str, str], Sample]) -> Iterator[dict[str, Any]]:
    """A row for every record; `calls` and `detail` are JSON."""
    kinds = kinds_of(journal)
    for record in journal.records():
        sample = samples.get((record.task, record.sample_id))
        yield {
            "task": record.task, "strategy": record.strategy, "sample_id": record.sample_id, "repeat": record.repeat,
            "question": sample.question if sample else None, "target": sample.target if sample else None,
            "answer": record.prediction.answer, "rule": record.prediction.rule,
            "outcome": outcome_of(record, kinds), "metric": record.score.metric,
            "score": record.score.value,
            "scores": json.dumps(dict(record.score.values)), "answered": record.score.answered,
            "prompt_tokens": record.prompt_tokens, "cached_tokens": record.cached_tokens,
            "completion_tokens": record.completion_tokens, "seconds": record.seconds,
            "calls": json.dumps(record.calls),
            "detail": json.dumps(kept_of(record.prediction), ensure_ascii=False, sort_keys=True),
        }  # fmt: skip


def call_rows(journal: Journal) -> Iterator[dict[str, Any]]:
    """A row for every answered request; `prompt` is text, or JSON of (role, text) turns."""
    for key, request, generation in journal.calls():
        params, prompt = request.params, request.prompt
        yield {
            "key": key,
            "prompt": prompt if isinstance(prompt, str) else json.dumps(
                [[message.role, message.content] for message in prompt], ensure_ascii=False),
            "continuation": request.continuation, "temperature": params.temperature, "top_p": params.top_p,
            "top_k": params.top_k, "min_p": params.min_p,
            "max_new_tokens": params.max_new_tokens, "stop": json.dumps(params.stop, ensure_ascii=False),
            "seed": request.seed, "text": generation.text, "finish_reason": generation.finish_reason,
            "prompt_tokens": generation.prompt_tokens, "cached_tokens": generation.cached_tokens,
            "completion_tokens": generation.completion_tokens, "logprob": generation.logprob,
            "seconds": generation.seconds,
        }  # fmt: skip


def judgement_rows(folder: Path, journal: Journal) -> Iterator[dict[str, Any]]:
    """A row for every judge's verdict; of a pair `strategy` is the first and `against` the second.

    Raises UserError for a judging that cannot be read: a table that lacks it would not say so.
    """
    if not folders_of(folder):
        return
    records = [replace(record, prediction=counted_part(record.prediction)) for record in journal.records()]
    outcomes = {key_of(record): outcome_of(record, kinds_of(journal)) for record in records}
    for one in judgings_of(folder, records):
        if one.trouble:
            raise UserError(f"{folder / 'judge' / one.name} cannot be read ({one.trouble}); mend or delete it.")
        for verdict in one.verdicts:
            task, strategy, sample, repeat = verdict.attempt
            yield {
                "metric": one.metric, "judge": one.model, "engine": one.engine, "rubric": one.rubric,
                "rubric_sha256": one.sha256, "scale": one.scale, "read_by": one.by, "judged": one.of,
                "reference": one.reference, "task": task, "strategy": strategy,
                "against": one.pair[1] if one.pair else None, "sample_id": sample, "repeat": repeat,
                "verdict": verdict.said, "value": None if verdict.said is None else verdict.value,
                "rule": verdict.rule, "places": json.dumps(verdict.places) if verdict.places else None,
                "probabilities": json.dumps(dict(verdict.probabilities)) if verdict.probabilities else None,
                "counts": verdict.counts, "label": one.labels.get(verdict.attempt),
                "outcome": None if one.pair else outcomes.get(verdict.attempt),
            }  # fmt: skip


def write(path: Path, types: Mapping[str, str], rows: Iterable[dict[str, Any]], format: str) -> tuple[Path, int]:
    """Writes one table, a piece at a time."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in types.items()])
    count = 0
    kind = parquet.ParquetWriter if format == "parquet" else csv.CSVWriter
    # an open file: of names pyarrow takes only those that are UTF-8
    with scratch_for(path) as scratch, scratch.open("wb") as file, kind(file, schema) as writer:
        for piece in pieces(rows):
            writer.write_table(table(schema, piece))
            count += len(piece)
    return path, count


def pieces(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The rows, so many at a time; at least one piece, so that an empty table has its heading."""
    source = iter(rows)
    piece = list(islice(source, PIECE))
    yield piece
    while piece := list(islice(source, PIECE)):
        yield piece


def table(schema: pa.Schema, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table; text that UTF-8 cannot hold is mended."""
    import pyarrow as pa

    for row in rows:
        for name, value in row.items():
            if isinstance(value, str) and not value.isascii():
                row[name] = value.encode("utf-8", "replace").decode()
    return pa.Table.from_pylist(rows, schema)
