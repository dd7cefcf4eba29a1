"""A user's own task: a Python file that returns one, or a JSONL file and no code at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kshot.eval.answers import LETTER, NUMBER, TEXT, YES_NO, canonical_number, exact, labels, numeric
from kshot.eval.tasks.jsonl import Row, choices_of, identified, letter_of, read_rows, text_of
from kshot.registry import convert, hyperparameters, load_from_file, split_spec, suggest
from kshot.types import AnswerFormat, Sample, Source, Split, Task, UserError

POOL = 8  # first rows that serve as exemplars where there is no train file


def from_file(spec: str) -> Task:
    """The Task `name` of `file.py:name`, or what the function of that name returns; `file.py:name:key=value` sets its parameters."""
    name, given = split_spec(spec)
    found = load_from_file(name, "task")
    if isinstance(found, Task):
        return replace(found, name=found.name or name)
    if not callable(found):
        raise UserError(f"{name} is neither a Task nor a function that returns one; see `kshot list --help`.")
    defaults = hyperparameters(found)
    for key in given:
        if key not in defaults:
            raise UserError(f"task {name} has no parameter {key!r}: {suggest(key, defaults)}")
    task = found(**{key: convert(text, defaults[key], f"task {name}, {key}") for key, text in given.items()})
    if not isinstance(task, Task):
        raise UserError(f"{name} returned {type(task).__name__}, not a kshot.types.Task; mend the file.")
    return task


def from_jsonl(text: str) -> Task:
    """A task from rows with question and answer (and choices, or label; text and label do as well).

    The answer format is told from the data: numbers, letters of choices, labels, yes or no, or short
    text. Exemplars come from NAME.train.jsonl or train.jsonl beside it; without one, the first rows
    are the pool and are never evaluated.
    """
    path = Path(text).expanduser()
    rows = read_rows(path)
    samples = samples_of(rows, path)
    labelled = all("label" in row and "answer" not in row for row in rows)
    form, names = format_of(samples, labelled)
    beside = [place for place in (path.with_suffix(".train.jsonl"), path.parent / "train.jsonl") if place.is_file() and place != path]
    pool = samples_of(read_rows(beside[0]), beside[0]) if beside else samples[: min(POOL, len(samples) // 2)]
    if names:
        for sample in pool:
            if sample.target not in names:
                raise UserError(f"{beside[0] if beside else path}: the label {sample.target!r} ({sample.id}) does not occur in {path}.")
    asked = samples if beside else samples[len(pool) :]
    if not asked:
        raise UserError(f"{path} has no row left to ask; give it at least one.")

    def load(split: Split, source: Source) -> Sequence[Sample]:
        return pool if split == "train" else asked[: source.limit]

    return Task(
        name=path.stem,
        load=load,
        format=form,
        score=numeric if form is NUMBER else exact,
        labels=names,
        instructions=("Answer the question.", "Read the question carefully and answer it.", form.instruction),
    )


def samples_of(rows: Sequence[Row], path: Path) -> list[Sample]:
    """Rows as samples. Raises UserError, with file and line, for what does not fit."""
    found = []
    for row, name in zip(rows, identified(rows, path.stem, path), strict=True):
        choices = choices_of(row, path)
        answer = text_of(row, ("answer", "label"), path).strip()
        found.append(
            Sample(
                id=name,
                question=text_of(row, ("question", "text"), path),
                target=letter_of(row, answer, choices, path) if choices else answer,
                rationale=str(row.get("rationale", "")),
                choices=choices,
                cluster=None if row.get("cluster") is None else str(row["cluster"]),
            )
        )
    return found


def format_of(samples: Sequence[Sample], labelled: bool) -> tuple[AnswerFormat, tuple[str, ...]]:
    """The answer format that all samples fit, and the labels where it is a classification."""
    targets = [sample.target for sample in samples]
    if all(sample.choices for sample in samples):
        return LETTER, ()
    if labelled:
        names = tuple(sorted(set(targets)))
        return labels(names), names
    if {target.lower() for target in targets} <= {"yes", "no"}:
        return YES_NO, ("yes", "no")
    if all(canonical_number(target) is not None and not any(c.isalpha() for c in target) for target in targets):
        return NUMBER, ()
    return TEXT, ()
