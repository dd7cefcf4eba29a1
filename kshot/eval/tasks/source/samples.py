"""The rows of a user's data as samples, each with its place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kshot.eval.tasks.source import told
from kshot.eval.tasks.source.choosing import Chosen, choices_at, letter, reading_of, unlettered, unwritten
from kshot.eval.tasks.source.columns import (
    ANSWER,
    LABEL,
    RATIONALE,
    Columns,
    columns_of,
    is_unnamed,
    plain_key,
    value_at,
)
from kshot.eval.tasks.source.files.table import Row, RowTable, at
from kshot.eval.tasks.source.jsonl import identified, optional_text, text_of, worked, written
from kshot.eval.tasks.source.language import with_points
from kshot.eval.tasks.source.talks import questions_of_talks, talks_in
from kshot.types import Sample, UserError

TOLD = {"question", "choices", "id", "cluster"}  # columns that a template has by these names without any field
OWN_LINE = "line "  # a file's own column of that name, in a row that has its number as "line"
GOLD = {*ANSWER, *LABEL, *RATIONALE}  # columns that may give the answer away


@dataclass(frozen=True)
class UserFile:
    """A file's rows as samples, their targets as they stand there."""

    path: Path
    samples: tuple[Sample, ...]
    places: Mapping[str, str]  # by id: file and line
    labelled: bool  # each has a label and no answer
    reading: str  # how answers name choices, "" where there are none
    truths: bool  # an answer is true or false
    notes: tuple[str, ...] = ()

    def place(self, sample: Sample) -> str:
        """Where a sample stands."""
        return self.places[sample.id]

    def in_language(self, language: str) -> UserFile:
        """With its targets read as a language writes numbers."""
        return replace(self, samples=with_points(self.samples, self.places, language))

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


def samples_of(table: RowTable, stem: str, given: Mapping[str, str], like: UserFile | None = None) -> UserFile:
    """A table's samples; `like` the file that is asked, answers of exemplars name choices as its answers do.

    Raises UserError, with file and row, for what does not fit.
    """
    talks = None if {"question", "answer"} & given.keys() else talks_in(table)
    if talks is not None:
        table = questions_of_talks(table, talks)
    columns = columns_of(table, given).renamed("line", OWN_LINE)
    table, unanswerable = answerable(listed_answers(table, columns), columns)
    rows = [prepared(row, number, columns) for number, row in zip(table.numbers, table.rows, strict=True)]
    names = identified([{"line": row["line"], "id": row.get(columns.id)} for row in rows], stem, table.path)
    choices, targets, reading = chosen(table, rows, columns, like) if columns.choices else ([], [], "")
    answers = [] if targets else [answer_of(row, columns, table.path) for row in rows]
    samples = [
        sample_of(row, name, columns, table.path, *((choices[i], ("", targets[i])) if targets else ((), answers[i])))
        for i, (row, name) in enumerate(zip(rows, names, strict=True))
    ]
    shown = shown_columns(table, columns, samples)
    if shown:
        samples = [
            with_fields(sample, tuple([(name, field_text(row.get(name))) for name in shown]))
            for sample, row in zip(samples, table.rows, strict=True)
        ]
    said = [f"chat messages of {talks!r}, the assistant's last turn as the answer"] if talks else [columns.note]
    notes = [*([table.note] if table.note else []), *(f"{table.path} is read as: {note}." for note in said if note)]
    if unanswerable:
        notes.append(f"{unanswerable:,} rows of {table.path} without an answer (unanswerable questions) are left out.")
    return UserFile(
        table.path,
        tuple(samples),
        {name: f"{table.path}, {at(row['line'])}" for row, name in zip(rows, names, strict=True)},
        labelled=columns.labelled,
        reading=reading,
        truths=any(str(value_of(row, columns)).lower() in ("true", "false") for row in rows),
        notes=tuple(notes),
    )


def prepared(row: Row, number: int | str, columns: Columns) -> Row:
    """A row with its line, and with the columns inside others that it is read from."""
    inside = {c: value_at(row, c) for c in (*columns.question, *columns.answer, *columns.choices) if "." in c}
    own = {OWN_LINE: row["line"]} if "line" in row else {}
    passage = row.get(columns.passage)
    if isinstance(passage, list) and all(isinstance(line, str) for line in passage):  # a talk's turns, as in C3
        inside[columns.passage] = "\n".join(passage)
    return {**row, **inside, **own, "line": number}


def listed_answers(table: RowTable, columns: Columns) -> RowTable:
    """A table whose column of answers holds lists in cells of text, as pandas writes them, with these as lists.

    Of `answers` any cell may, of an answer by another name all have to.
    """
    [name, *_] = columns.answer
    if table.typed or columns.choices:
        return table
    cells = [unwritten(row[name]) if str(row[name])[:1] in ("[", "{") else None for row in table.rows]
    lists = [isinstance(cell, list | dict) for cell in cells]
    if not any(lists) or not (all(lists) or plain_key(name) == "answers"):
        return table
    pairs = zip(table.rows, cells, strict=True)
    return replace(table, rows=[row if cell is None else {**row, name: cell} for row, cell in pairs])


def answerable(table: RowTable, columns: Columns) -> tuple[RowTable, int]:
    """A table without the rows of SQuAD 2.0 that have no answer, and how many these are (Rajpurkar et al. 2018)."""
    if not columns.passage or columns.choices:
        return table, 0
    kept = [at for at, row in enumerate(table.rows) if not is_unanswerable(row, columns)]
    if len(kept) in (0, len(table.rows)):
        return table, 0
    rows, numbers = [table.rows[at] for at in kept], [table.numbers[at] for at in kept]
    return replace(table, rows=rows, numbers=numbers), len(table.rows) - len(kept)


def is_unanswerable(row: Row, columns: Columns) -> bool:
    """Whether a row has, in SQuAD's form, a list of no answers."""
    value = row.get(columns.answer[0])
    return row.get("is_impossible") is True or value == [] or (isinstance(value, dict) and value.get("text") == [])


def value_of(row: Row, columns: Columns) -> Any:
    """A row's answer, or its label, as it stands."""
    return next((row[name] for name in columns.answer if row.get(name) is not None), None)


def chosen(
    table: RowTable, rows: Sequence[Row], columns: Columns, like: UserFile | None
) -> tuple[list[tuple[str, ...]], list[str], str]:
    """Every row's choices and the letter of its answer, and how answers name choices; ([], [], "") without choices."""
    places = [f"{table.path}, {at(row['line'])}" for row in rows]
    listed = [
        choices_at([row.get(name) for name in columns.choices], columns.choices, where)
        for row, where in zip(rows, places, strict=True)
    ]
    there = next((at for at, (choices, _) in enumerate(listed) if choices), None)
    if there is None:
        return [], [], ""
    lacking = next((at for at, (choices, _) in enumerate(listed) if not choices), None)
    if lacking is not None:
        raise UserError(
            f"{places[lacking]}: the field {columns.choices[0]!r} is missing, which {at(rows[there]['line'])} has; "
            "give it to all rows or to none."
        )
    asked = []
    for row, where, (choices, labels) in zip(rows, places, listed, strict=True):
        answer = value_of(row, columns)
        if isinstance(answer, list) and len(answer) == 1:
            answer = answer[0]
        text_of({**row, "answer": answer}, ("answer",) if answer is not None else columns.answer, table.path)
        asked.append(Chosen(where, answer, choices, labels))
    reading = like.reading if like and like.reading else reading_of(asked, typed=table.typed)
    letters = [letter(one, reading, typed=table.typed) for one in asked]
    bare = [unlettered(choices) for choices, _ in listed]  # the prompt has letters of its own
    every = all(one != choices for one, (choices, _) in zip(bare, listed, strict=True))
    return bare if every else [choices for choices, _ in listed], letters, reading


def answer_of(row: Row, columns: Columns, path: Path) -> tuple[str, str]:
    """A row's rationale, if its answer brings one, and its answer; several accepted ones as "a|b"."""
    value = value_of(row, columns)
    name = next((name for name in columns.answer if row.get(name) is not None), columns.answer[0])
    listed = accepted(value)
    if listed is None:
        return worked(text_of(row, columns.answer, path).strip())
    where = f"{path}, {at(row['line'])}: the field {name!r}"
    if not listed:
        raise UserError(f"{where} is a list of no answer; fill it in or drop the row.")
    texts = list(dict.fromkeys(alternatives(listed, where)))
    return "", "|".join(texts)


def accepted(value: Any) -> list[Any] | None:
    """The accepted answers in a list or in SQuAD's or TriviaQA's form; None for a single answer."""
    if isinstance(value, dict):
        text = value.get("text")
        if isinstance(text, list | str):
            return text if isinstance(text, list) else [text]
        if isinstance(value.get("aliases"), list):
            return [value.get("value"), *value["aliases"]] if value.get("value") else value["aliases"]
        return None
    if isinstance(value, list):
        return [one["text"] if isinstance(one, dict) and "text" in one else one for one in value]
    return None


def alternatives(listed: Sequence[Any], where: str) -> Iterator[str]:
    """Accepted answers as texts. Raises UserError for one that is none, or that holds the sign between them."""
    for one in listed:
        if isinstance(one, (dict, list)):
            raise UserError(f"{where} is a list that holds a {type(one).__name__}; make it a list of texts.")
        if one is None or not (text := written(one, f"{where} is a list; an answer in it").strip()):
            raise UserError(f"{where} is a list with an empty answer; fill it in or leave it out.")
        if "|" in text:
            raise UserError(f"{where} has an answer with '|' in it ({text!r:.60}), which parts answers; reword it.")
        yield text


def sample_of(
    row: Row, name: str, columns: Columns, path: Path, choices: tuple[str, ...], answer: tuple[str, str]
) -> Sample:
    """A row as a sample, its target as it stands there."""
    solution, target = answer
    cluster = optional_text(row, columns.cluster, path) or None
    if columns.composed is None:
        question = text_of(row, columns.question, path)
    else:
        one, other = columns.question
        more = text_of(row, (other,), path) if columns.both else optional_text(row, other, path)
        question = columns.composed(text_of(row, (one,), path), more)
        if columns.passage and more and not cluster:
            cluster = hashlib.blake2b(more.encode(), digest_size=6).hexdigest()
    return Sample(
        id=name,
        question=question,
        target=target,
        rationale=optional_text(row, columns.rationale, path) or solution,
        choices=choices,
        cluster=cluster,
    )


# ---------------------------------------------------------------- what a template may show


def shown_columns(table: RowTable, columns: Columns, samples: Sequence[Sample]) -> list[str]:
    """The columns of single values that a template may show: none that gives the answer away."""
    gold = {name.strip() if name == OWN_LINE else name for name in (*columns.answer, columns.rationale)}
    told_of = TOLD - ({"question"} if columns.composed else set()) | set(
        columns.choices if len(columns.choices) == 1 else ()
    )
    names = [
        name
        for name in table.columns
        if not is_unnamed(name)
        and name not in told_of
        and name not in gold
        and (name in columns.choices or plain_key(name) not in GOLD)
    ]
    single = [name for name in names if not any(isinstance(row.get(name), (list, dict)) for row in table.rows)]
    return [name for name in single if name in columns.choices or not gives_away(name, table, samples)]


def gives_away(name: str, table: RowTable, samples: Sequence[Sample]) -> bool:
    """Whether a column has the answer, or the text of the right choice, in every row."""
    return all(
        field_text(row.get(name)).strip().casefold() in right(sample)
        for sample, row in zip(samples, table.rows, strict=True)
    )


def right(sample: Sample) -> set[str]:
    """What is right, in lower case."""
    found = {part.strip().casefold() for part in sample.target.split("|")}
    if sample.choices:
        found.add(sample.choices[ord(sample.target) - 65].strip().casefold())
    return found


def with_fields(sample: Sample, fields: tuple[tuple[str, str], ...]) -> Sample:
    """A sample with its row's fields; `dataclasses.replace` takes three times as long."""
    return Sample(
        sample.id, sample.question, sample.target, sample.rationale, sample.choices, sample.cluster, fields=fields
    )


def field_text(value: Any) -> str:
    """A value as a template shows it; nothing for none."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    return value if isinstance(value, str) else written(value, "a field") if abs(value) != float("inf") else str(value)
