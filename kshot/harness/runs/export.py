"""A run's records and calls as tables for other tools: Parquet (exact types) or CSV.

Meets: read in pieces, so that memory does not grow with the run. Concedes: half of a surrogate pair, which
neither format can hold, becomes "?"; CSV has text as it is, so a spreadsheet may take "=1+1" for a formula.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kshot.eval.report.prompting.measures import outcome_of
from kshot.harness.journal import Journal
from kshot.harness.rows import kept_of
from kshot.types import Sample, UserError
from kshot.whole_file import scratch_for

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("parquet", "csv")
PIECE = 5_000  # rows held at once
RECORDS = {
    **dict.fromkeys(("task", "strategy", "sample_id"), "string"), "repeat": "int64",
    **dict.fromkeys(("question", "target", "answer", "rule", "outcome"), "string"), "score": "double",
    "answered": "bool", **dict.fromkeys(("prompt_tokens", "cached_tokens", "completion_tokens"), "int64"),
    "seconds": "double", "calls": "string", "detail": "string",
}  # fmt: skip
CALLS = {
    **dict.fromkeys(("key", "prompt", "continuation"), "string"), "temperature": "double", "top_p": "double",
    "max_new_tokens": "int64", "stop": "string", "seed": "int64", "text": "string", "finish_reason": "string",
    **dict.fromkeys(("prompt_tokens", "cached_tokens", "completion_tokens"), "int64"), "logprob": "double",
    "seconds": "double",
}  # fmt: skip


def export(run: Path, folder: Path, format: str) -> list[tuple[Path, int]]:
    """Writes records and calls of a run into the folder. Gives each file and its number of rows. Raises UserError."""
    if format not in FORMATS:
        raise UserError(f"unknown format {format!r}; use one of {', '.join(FORMATS)}.")
    if folder == run / "export" and folder.is_symlink():  # a folder may be a stranger's
        raise UserError(f"{folder} is a link, through which nothing is written: remove it, or give another --out.")
    with Journal.read(run) as journal:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tables = {
                "records": (RECORDS, record_rows(journal, journal.samples())),
                "calls": (CALLS, call_rows(journal)),
            }
            return [write(folder / f"{name}.{format}", types, rows, format) for name, (types, rows) in tables.items()]
        except OSError as error:
            raise UserError(f"{folder} cannot be written ({error.strerror or error}); give another --out.") from error


def record_rows(journal: Journal, samples: Mapping[tuple[str, str], Sample]) -> Iterator[dict[str, Any]]:
    """A row for every record; `calls` and `detail` are JSON."""
    for record in journal.records():
        sample = samples.get((record.task, record.sample_id))
        yield {
            "task": record.task, "strategy": record.strategy, "sample_id": record.sample_id, "repeat": record.repeat,
            "question": sample.question if sample else None, "target": sample.target if sample else None,
            "answer": record.prediction.answer, "rule": record.prediction.rule,
            "outcome": outcome_of(record), "score": record.score.value, "answered": record.score.answered,
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
            "max_new_tokens": params.max_new_tokens, "stop": json.dumps(params.stop, ensure_ascii=False),
            "seed": request.seed, "text": generation.text, "finish_reason": generation.finish_reason,
            "prompt_tokens": generation.prompt_tokens, "cached_tokens": generation.cached_tokens,
            "completion_tokens": generation.completion_tokens, "logprob": generation.logprob,
            "seconds": generation.seconds,
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
