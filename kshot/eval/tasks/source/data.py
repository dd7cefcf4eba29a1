"""A task from a user's data, and no code: rows of a file, a folder or a set of the hub."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kshot.eval.answers import exact, numeric
from kshot.eval.tasks.source import told
from kshot.eval.tasks.source.choosing import FROM_0, FROM_1
from kshot.eval.tasks.source.files.arrow import read_hub
from kshot.eval.tasks.source.files.folder import READERS, kind_of_file, read_file_of_data
from kshot.eval.tasks.source.files.named import NamedData, with_options
from kshot.eval.tasks.source.files.table import RowTable
from kshot.eval.tasks.source.language import known_language, language_of_data
from kshot.eval.tasks.source.perfect import Scoring, hold, scoring
from kshot.eval.tasks.source.samples import UserFile, samples_of
from kshot.eval.tasks.source.templates import templates_for
from kshot.registry import suggest
from kshot.types import REPLY_TOKENS, AnswerFormat, Sample, Source, Split, Task, UserError

POOL = 8  # first rows that serve as exemplars where there are none beside
ASKED = ("test", "validation", "valid", "val", "dev", "eval", "train")  # the split that is asked, the first there is
OTHER = "mend that row, or have all answers read as text with --answer text."
INDEXED = {
    FROM_0: "Whole numbers as answers of {path} are taken as the choices' indices from 0: 0 is A, 1 is B.",
    FROM_1: "Whole numbers as answers of {path} are taken as the choices' indices from 1, as none is 0: 1 is A, 2 is B.",
}
COMMA = re.compile(r"-?(?:\d{1,3}(?:\.\d{3})+|\d+),\d+")  # 1,5 and 1.234,5
REMEDIES = {  # by how answers are read
    "text": "reword it as one plain sentence or drop it, or have all answers read as labels with --answer label.",
    "letter": "mend that row.",
    "label": "rename that label, or have all answers read as text with --answer text.",
}


def from_data(data: NamedData) -> Task:
    """A task from rows with a question and an answer, in whatever columns (`columns.py`), and choices or a label.

    The answer format is told from the data: numbers, letters of choices, labels, yes or no, or short text; `answer=text`
    says it. Exemplars come from a train split, or from NAME.train.csv or train.csv beside a file; without either, the
    first rows (`exemplars`, or at most 8 and at most half) are the pool and are never asked. Raises UserError, with file
    and row, for what does not fit, and for a row to which no reply could be right.
    """
    answer = told.known(data.answer) if data.answer else ""
    stem = Path(data.name.partition(":")[0]).name
    table, train = tables_of(data)
    asked = samples_of(table, stem, data.fields)
    pool = samples_of(train, train.path.stem, data.fields, asked) if train is not None else None
    spoken = language_of_data(data.language, asked.path, (sample.question for sample in asked.samples))
    asked, pool = asked.in_language(spoken.code), pool.in_language(spoken.code) if pool else None
    kind, names = kind_of(asked, answer)
    names = spoken.truths if kind == "yes-no" else names
    form, listed = told.format_of(kind, list(dict.fromkeys(names.values())), spoken.code)
    if pool and bool(pool.samples[0].choices) != bool(asked.samples[0].choices):
        raise UserError(f"only one of {asked.path} and {pool.path} has choices; give them to both or to none.")
    score = scoring(form, numeric if kind == "number" else exact)
    asked = ready(asked, kind, names, bool(answer))
    pool = ready(pool, kind, names, bool(answer)) if pool else None
    count = set_aside(data, asked, pool)
    shown, tested = (pool.samples[: data.exemplars], asked.samples) if pool else parted(asked, count)
    check(shown, pool or asked, form, score, kind, exemplars=True)
    check(tested, asked, form, score, kind, exemplars=False)

    notes = [
        *([spoken.note] if spoken.note else []),
        *asked.notes,
        *([INDEXED[asked.reading].format(path=asked.path)] if asked.reading in INDEXED else []),
    ]
    if asked.truths and kind == "yes-no":
        notes.append(f"True and false as answers of {asked.path} are {' and '.join(listed)}.")
    if kind == "letter" and not answer and not asked.samples[0].choices:
        notes.append(f"The questions of {asked.path} hold their choices, and its answers are read as letters.")
    if kind == "text" and not data.language and decimal_commas(asked.samples):
        notes.append(
            f"Answers of {asked.path} have decimal commas and are read as text: --language de (fr, es ...) reads numbers."
        )
    whole = Task(
        name=data.name,
        load=loads((), asked.samples),
        format=form,
        score=score,
        labels=listed,
        note=" ".join(notes),
        instructions=(*spoken.instructions, form.instruction),
        templates=templates_for(kind, spoken.words),
        language=spoken.words,
        reply_tokens=room(asked.samples) if kind == "whole" else REPLY_TOKENS,
    )
    if pool or not count:
        return replace(whole, load=loads(shown, tested))
    beside = (
        f" Put exemplars into {data.place.stem}.train{kind_of_file(data.place)} to ask all." if not data.hub else ""
    )
    notes.append(
        f"{asked.path} has no train {'split' if data.hub or data.place.is_dir() else 'file beside it'}: its first {count} "
        f"rows are the exemplars, and the other {len(tested)} are asked.{beside}"
    )
    undivided = whole if data.exemplars is None else None
    return replace(whole, load=loads(shown, tested), note=" ".join(notes), undivided=undivided)


def room(samples: Sequence[Sample]) -> int:
    """The tokens that replies may take which are texts like the samples' targets: a token a letter or two at most."""
    longest = max(len(sample.target) for sample in samples)
    return max(REPLY_TOKENS, min(1_024, longest // 2 + REPLY_TOKENS))


def decimal_commas(samples: Sequence[Sample]) -> bool:
    """Whether most targets are numbers, some with a decimal comma."""
    commas = [sample for sample in samples if COMMA.fullmatch(sample.target.strip())]
    numbers = sum(told.number_of(sample.target) is not None for sample in samples)
    return bool(commas) and 2 * (len(commas) + numbers) > len(samples)


def loads(shown: Sequence[Sample], tested: Sequence[Sample]) -> Callable[[Split, Source], Sequence[Sample]]:
    """A Task.load of samples at hand."""

    def load(split: Split, source: Source) -> Sequence[Sample]:
        return shown if split == "train" else tested[: source.limit]

    return load


def tables_of(data: NamedData) -> tuple[RowTable, RowTable | None]:
    """The rows that are asked, and those that exemplars come from, where they are others. Raises UserError."""
    tables = read_hub(data.path, data.config, data.revision) if data.hub else read_file_of_data(data.place)
    asked = data.split or next((name for want in ASKED for name in tables if name.startswith(want)), next(iter(tables)))
    for name, split in (("split", asked), ("train", data.train)):
        if split and split not in tables:
            has = suggest(split, tables) if set(tables) != {""} else "It has one list of rows and no splits."
            raise UserError(f"{data.path} has no split {split!r} ({name}=): {has}")
    train = data.train or next((name for name in tables if name == "train" and name != asked), "")
    if data.exemplars == 0:
        return tables[asked], None
    if train:
        if train == asked:
            raise UserError(f"{data.path}: the split {asked!r} is asked and cannot have the exemplars; name another.")
        return tables[asked], tables[train]
    beside = None if data.hub or data.place.is_dir() else train_file(data.place)
    return tables[asked], table_of_file(beside) if beside else None


def train_file(path: Path) -> Path | None:
    """The file of exemplars beside a file: NAME.train.csv or train.csv."""
    kind = kind_of_file(path)
    packed = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    places = (packed.with_suffix(f".train{kind}"), path.parent / f"train{kind}")
    return next((place for place in places if place.is_file() and place != path), None)


def table_of_file(path: Path) -> RowTable:
    """The rows of a file that has one list of them. Raises UserError for one of splits."""
    tables = READERS[kind_of_file(path)](path)
    if len(tables) > 1:
        raise UserError(f"{path} holds several splits ({', '.join(tables)}); leave one, whose rows are the exemplars.")
    return next(iter(tables.values()))


def set_aside(data: NamedData, asked: UserFile, pool: UserFile | None) -> int:
    """How many of the asked rows are exemplars. Raises UserError where there are not as many, or none is left."""
    wanted, there = data.exemplars, len((pool or asked).samples)
    if wanted is None:
        return 0 if pool else min(POOL, there // 2)
    if wanted > there or (not pool and wanted == there):
        left = "" if pool else ", of which at least one is asked"
        raise UserError(f"{(pool or asked).path} has {there} rows{left}, and exemplars is {wanted}; ask for fewer.")
    return 0 if pool else wanted


def parted(asked: UserFile, count: int) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """The first rows, and the others."""
    return asked.samples[:count], asked.samples[count:]


def check(
    samples: Sequence[Sample], file: UserFile, form: AnswerFormat, score: Scoring, kind: str, *, exemplars: bool
) -> None:
    """Raises UserError for a row to which a perfect reply does not score 1."""
    hold(samples, form, score, file.place, REMEDIES.get(kind, OTHER), shown=exemplars)


def ready(file: UserFile, kind: str, names: Mapping[str, str], said: bool) -> UserFile:
    """A file with its targets as the kind's format writes them."""
    file = file.fitted(kind, said=said)
    return file.named(names) if names else file


def answered(
    spec: str,
    answer: str | None,
    fields: tuple[str, ...] = (),
    exemplars: int | None = None,
    language: str | None = None,
) -> str:
    """The specification of a user's data with what the command line says of it. Raises UserError for another task."""
    if answer is not None:
        told.known(answer)
    return with_options(spec, answer, fields, exemplars, known_language(language) if language else None)


def kind_of(asked: UserFile, answer: str) -> tuple[str, Mapping[str, str]]:
    """How the answers of a file are read, as said or as told from it, and its labels with their names."""
    if answer and asked.samples[0].choices and answer != "letter":
        raise UserError(
            f"{asked.path} has choices, so that its answers are letters; leave answer={answer} out, or the choices."
        )
    kind = answer or told.kind_of(asked.samples, asked.labelled)
    return kind, told.classes(asked.samples, str(asked.path), asked.places) if kind == "label" else {}
