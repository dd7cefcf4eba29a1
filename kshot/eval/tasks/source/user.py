"""A user's own task: a Python file that returns one, or a JSONL file and no code at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kshot.eval.answers import LETTER, NUMBER, TEXT, YES_NO, canonical_number, exact, labels, numeric
from kshot.eval.tasks.source.jsonl import Row, choices_of, identified, letter_of, read_rows, text_of
from kshot.registry import hyperparameters, load_from_file, suggest
from kshot.spec import convert, split_spec, write_spec
from kshot.types import AnswerFormat, Sample, Source, Split, Task, UserError

POOL = 8  # first rows that serve as exemplars where there is no train file
# all of an answer, so that neither a date nor a telephone number is one
NUMERAL = re.compile(r"[-\u2212+]?\s?[$€£]?\s?[-\u2212]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:\s?/\s?\d+)?\s?%?", re.ASCII)


def from_file(spec: str) -> Task:
    """The Task `name` of `file.py:name`, or what the function of that name returns.

    `file.py:name:key=value` sets the function's parameters. The task's name is the canonical specification.
    """
    name, given = split_spec(spec)
    found = load_from_file(name, "task")
    if isinstance(found, Task):
        if given:
            raise UserError(f"task {name} takes no parameter {next(iter(given))!r}: it is a Task, not a function.")
        return replace(found, name=name)
    if not callable(found):
        raise UserError(f"{name} is neither a Task nor a function that returns one; mend the file.")
    try:
        defaults = hyperparameters(found)
    except (TypeError, ValueError) as error:
        raise UserError(f"{name} cannot be a task: {error}; mend the file.") from error
    for key in given:
        if key not in defaults:
            known = suggest(key, defaults) if defaults else "it takes none."
            raise UserError(f"task {name} has no parameter {key!r}: {known}")
    params = {key: convert(text, defaults[key], f"task {name}, {key}") for key, text in given.items()}
    try:
        task = found(**params)
    except UserError:
        raise
    except Exception as error:  # the user's own code may raise anything, and the sentence must name it
        raise UserError(f"{name}() failed: {type(error).__name__}: {error}; mend the file.") from error
    if not isinstance(task, Task):
        raise UserError(f"{name} returned {type(task).__name__}, not a kshot.types.Task; mend the file.")
    changed = {key: params[key] for key in defaults if params.get(key, defaults[key]) != defaults[key]}
    return replace(task, name=write_spec(name, changed))


def from_jsonl(text: str) -> Task:
    """A task from rows with question and answer (and choices, or label; text and label do as well).

    The answer format is told from the data: numbers, letters of choices, labels, yes or no, or short
    text ("a|b" where either is right). Exemplars come from NAME.train.jsonl or train.jsonl beside it; without
    one, the first rows (at most 8, at most half) are the pool and are never evaluated. `id`, `rationale` and
    `cluster` may stand in a row. Raises UserError, with file and line, for what does not fit.
    """
    path = Path(text).expanduser()
    rows = read_rows(path)
    samples = samples_of(rows, path)
    labelled = all("label" in row and "answer" not in row for row in rows)
    note = ""
    places = (path.with_suffix(".train.jsonl"), path.parent / "train.jsonl")
    beside = next((place for place in places if place.is_file() and place != path), None)
    if beside:
        asked, pool = samples, samples_of(read_rows(beside), beside)
    else:
        held = min(POOL, len(samples) // 2)
        asked, pool = samples[held:], samples[:held]
        if held:
            note = (
                f"{path} has no train file beside it: its first {held} rows are the exemplars, and the other "
                f"{len(asked)} are asked. Put exemplars into {places[0].name} to ask all."
            )
    form, names = format_of(samples if labelled else [*asked, *pool], labelled)
    asked = [replace(sample, target=canonical(sample.target, form)) for sample in asked]
    pool = [replace(sample, target=canonical(sample.target, form)) for sample in pool]
    for sample in pool:
        if names and sample.target not in names:
            raise UserError(
                f"{beside or path}: the label {sample.target!r} ({sample.id}) does not occur in {path}; "
                f"mend that row, or use one of {', '.join(names)}."
            )

    def load(split: Split, source: Source) -> Sequence[Sample]:
        return pool if split == "train" else asked[: source.limit]

    return Task(
        name=path.stem,
        load=load,
        format=form,
        score=numeric if form is NUMBER else exact,
        labels=names,
        note=note,
        instructions=("Answer the question.", "Read the question carefully and answer it.", form.instruction),
    )


def samples_of(rows: Sequence[Row], path: Path) -> list[Sample]:
    """Rows as samples. Raises UserError, with file and line, for what does not fit."""
    found = []
    with_choices = next((row["line"] for row in rows if row.get("choices") is not None), None)
    for row, name in zip(rows, identified(rows, path.stem, path), strict=True):
        choices = choices_of(row, path)
        if with_choices and not choices:
            raise UserError(
                f"{path}, line {row['line']}: the field 'choices' is missing, which line {with_choices} has; "
                "give it to all rows or to none."
            )
        answer = text_of(row, ("answer", "label"), path).strip()
        found.append(
            Sample(
                id=name,
                question=text_of(row, ("question", "text"), path),
                target=letter_of(row, answer, choices, path) if choices else answer,
                rationale=str(row.get("rationale") or ""),
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
    if {target.lower() for target in targets} <= {"yes", "no"}:
        return YES_NO, ("yes", "no")
    if labelled:
        names = tuple(sorted(set(targets)))
        return labels(names), names
    if all(NUMERAL.fullmatch(target) and canonical_number(target) is not None for target in targets):
        return NUMBER, ()
    return TEXT, ()


def canonical(target: str, form: AnswerFormat) -> str:
    """A target as its format writes it: "1,000" is 1000, "Yes" is yes."""
    if form is NUMBER:
        return canonical_number(target) or target
    return target.lower() if form is YES_NO else target
