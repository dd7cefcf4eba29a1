"""The rows of a user's JSONL file as samples, each with its place in the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kshot.eval.tasks.source import told
from kshot.eval.tasks.source.jsonl import (
    Row,
    answer_of,
    by_text,
    choices_of,
    identified,
    index_of,
    indexed,
    letter_of,
    optional_text,
    read_rows,
    text_of,
    worked,
)
from kshot.types import Sample, UserError


@dataclass(frozen=True)
class UserFile:
    """A file's rows as samples, their targets as they stand there."""

    path: Path
    samples: tuple[Sample, ...]
    places: Mapping[str, str]  # by id: file and line
    labelled: bool  # each has a label and no answer
    indexed: bool  # answers are indices of choices
    truths: bool  # an answer is true or false

    def place(self, sample: Sample) -> str:
        """Where a sample stands."""
        return self.places[sample.id]

    def fitted(self, kind: str, *, said: bool) -> UserFile:
        """With its targets as the format of a kind writes them."""
        return replace(self, samples=tuple(told.fitted(self.samples, kind, self.places, said=said)))

    def named(self, names: Mapping[str, str]) -> UserFile:
        """With its labels by their names. Raises UserError for one that the file asked about does not have."""
        names = {**{name: name for name in names.values()}, **names}
        for sample in self.samples:
            if sample.target not in names:
                raise UserError(
                    f"{self.place(sample)}: the label {sample.target!r} does not occur in the rows that are asked; "
                    f"mend that row, or use one of {', '.join(sorted(set(names.values())))}."
                )
        return replace(self, samples=tuple(replace(s, target=names[s.target]) for s in self.samples))


def read_file(path: Path) -> UserFile:
    """A file's samples. Raises UserError, with file and line, for what does not fit."""
    rows = read_rows(path)
    with_choices = next((row["line"] for row in rows if row.get("choices") is not None), None)
    choices = [choices_of(row, path) for row in rows]
    for row, listed in zip(rows, choices, strict=True):
        if with_choices and not listed:
            raise UserError(
                f"{path}, line {row['line']}: the field 'choices' is missing, which line {with_choices} has; "
                "give it to all rows or to none."
            )
    names = identified(rows, path.stem, path)
    sure = with_choices is not None and any(map(is_index, rows, choices))
    samples = tuple(
        sample_of(row, name, listed, path, sure) for row, name, listed in zip(rows, names, choices, strict=True)
    )
    return UserFile(
        path,
        samples,
        {name: f"{path}, line {row['line']}" for row, name in zip(rows, names, strict=True)},
        labelled=all("label" in row and "answer" not in row for row in rows),
        indexed=with_choices is not None and any(index_of(row) is not None for row in rows),
        truths=any(str(answer_of(row)).lower() in ("true", "false") for row in rows),
    )


def is_index(row: Row, choices: Sequence[str]) -> bool:
    """Whether a row's answer is a whole number that is no choice's text, and so an index."""
    index = index_of(row)
    return index is not None and by_text(str(index), choices) is None


def sample_of(row: Row, name: str, choices: tuple[str, ...], path: Path, sure: bool) -> Sample:
    """A row as a sample, its target as it stands there; `sure`: a whole number is the index of a choice."""
    answer = text_of(row, ("answer", "label"), path).strip()
    rationale = optional_text(row, "rationale", path)
    index = index_of(row)
    if choices:
        answer = (
            indexed(row, index, choices, path, sure=True)
            if sure and index is not None
            else letter_of(row, answer, choices, path)
        )
    else:
        solution, answer = worked(answer)
        rationale = rationale or solution
    return Sample(
        id=name,
        question=text_of(row, ("question", "text"), path),
        target=answer,
        rationale=rationale,
        choices=choices,
        cluster=optional_text(row, "cluster", path) or None,
    )
