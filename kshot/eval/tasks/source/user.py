"""A user's own task: a Python file that returns one, or a JSONL file and no code at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from kshot.eval.answers import NUMBER, exact, numeric
from kshot.eval.tasks.source import told
from kshot.eval.tasks.source.perfect import hold, scoring
from kshot.eval.tasks.source.samples import UserFile, read_file
from kshot.registry import hyperparameters, load_from_file, suggest, words_of
from kshot.spec import convert, split_spec, write_spec
from kshot.types import Sample, Source, Split, Task, UserError

T = TypeVar("T")
POOL = 8  # first rows that serve as exemplars where there is no train file
OTHER = "mend that row, or have all answers read as text with --answer text."
JSONL = re.compile(r"(?P<path>.+?\.jsonl)(?P<given>:.*|\(.*\))?", re.IGNORECASE | re.DOTALL)
INDEXED = "Whole numbers as answers of {path} are taken as the choices' indices from 0: 0 is A, 1 is B."
REMEDIES = {  # by how answers are read
    "text": "reword it as one plain sentence or drop it, or have all answers read as labels with --answer label.",
    "letter": "mend that row.",
    "label": "rename that label, or have all answers read as text with --answer text.",
}


def from_file(spec: str) -> Task:
    """The Task `name` of `file.py:name`, or what the function of that name returns.

    `file.py:name:key=value` sets the function's parameters. The task's name is the canonical specification.
    """
    name, given = split_spec(spec)
    found = load_from_file(name, "task")
    if isinstance(found, Task):
        if given:
            raise UserError(f"task {name} takes no parameter {next(iter(given))!r}: it is a Task, not a function.")
        return guarded(replace(found, name=name))
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
    task = explained(lambda: found(**params), f"{name}()")
    if not isinstance(task, Task):
        raise UserError(f"{name} returned {type(task).__name__}, not a kshot.types.Task; mend the file.")
    changed = {key: params[key] for key in defaults if params.get(key, defaults[key]) != defaults[key]}
    return guarded(replace(task, name=write_spec(name, changed)))


def explained(call: Callable[[], T], what: str) -> T:
    """What a user's code gives. Raises UserError for whatever it raises, an exit among it."""
    try:
        return call()
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:  # the user's own code may raise anything, and the sentence must name it
        raise UserError(f"{what} failed: {type(error).__name__}: {words_of(error)}; mend the file.") from error


def is_sample(item: Sample) -> bool:
    """Whether a user's sample has in every field what belongs there."""
    texts = (item.id, item.question, item.target, item.rationale, item.cluster or "")
    listed = isinstance(item.choices, tuple) and all(isinstance(choice, str) for choice in item.choices)
    return listed and all(isinstance(text, str) for text in texts)


def guarded(task: Task) -> Task:
    """A user's task whose load gives samples or raises UserError."""

    def load(split: Split, source: Source) -> Sequence[Sample]:
        what = f"the load of {task.name}, {split},"
        samples = explained(lambda: list(task.load(split, source)), what)
        other = next((item for item in samples if not isinstance(item, Sample)), None)
        if other is not None:
            raise UserError(f"{what} gave a {type(other).__name__} among its samples; mend the file.")
        odd = next((item for item in samples if not is_sample(item)), None)
        if odd is not None:
            raise UserError(
                f"{what} gave {odd!r:.100}: texts, and choices as a tuple of texts, make a sample; mend the file."
            )
        return samples

    return replace(task, load=load)


def from_jsonl(spec: str) -> Task:
    """A task from rows with question and answer (and choices, or label; text and label do as well).

    The answer format is told from the data: numbers, letters of choices, labels, yes or no, or short
    text ("a|b" where either is right); `FILE.jsonl:answer=text` says it. Exemplars come from NAME.train.jsonl or
    train.jsonl beside it; without one, the first rows (at most 8, at most half) are the pool and are never evaluated.
    `id`, `rationale` and `cluster` may stand in a row. Raises UserError, with file and line, for what does not fit,
    and for a row to which no reply could be right.
    """
    path, answer = parts_of(spec)
    asked = read_file(path)
    places = (path.with_suffix(".train.jsonl"), path.parent / "train.jsonl")
    beside = next((place for place in places if place.is_file() and place != path), None)
    pool = read_file(beside) if beside else None
    kind, names = kind_of(asked, answer)
    form, listed = told.format_of(kind, list(dict.fromkeys(names.values())))
    if pool and bool(pool.samples[0].choices) != bool(asked.samples[0].choices):
        raise UserError(f"only one of {path} and {beside} has choices; give them to both or to none.")
    score = scoring(form, numeric if form is NUMBER else exact)
    asked = ready(asked, kind, names, bool(answer))
    pool = ready(pool, kind, names, bool(answer)) if pool else None
    held = 0 if pool else min(POOL, len(asked.samples) // 2)
    shown, tested = pool.samples if pool else asked.samples[:held], asked.samples[held:]
    for samples, file, exemplars in ((shown, pool or asked, True), (tested, asked, False)):
        hold(samples, form, score, file.place, REMEDIES.get(kind, OTHER), shown=exemplars)
    notes = [INDEXED.format(path=path)] if asked.indexed else []
    if asked.truths and kind == "yes-no":
        notes.append(f"True and false as answers of {path} are yes and no.")
    if held:
        notes.append(
            f"{path} has no train file beside it: its first {held} rows are the exemplars, and the other "
            f"{len(tested)} are asked. Put exemplars into {places[0].name} to ask all."
        )

    def load(split: Split, source: Source) -> Sequence[Sample]:
        return shown if split == "train" else tested[: source.limit]

    return Task(
        name=write_spec(path.stem, {"answer": answer} if answer else {}),
        load=load,
        format=form,
        score=score,
        labels=listed,
        note=" ".join(notes),
        instructions=("Answer the question.", "Read the question carefully and answer it.", form.instruction),
    )


def ready(file: UserFile, kind: str, names: Mapping[str, str], said: bool) -> UserFile:
    """A file with its targets as the kind's format writes them."""
    file = file.fitted(kind, said=said)
    return file.named(names) if names else file


def parts_of(spec: str) -> tuple[Path, str]:
    """The file of `FILE.jsonl:answer=text`, and the kind of answers, "" where it is to be told. Raises UserError."""
    found = None if spec.lower().endswith(".jsonl") else JSONL.fullmatch(spec.strip())
    if found is None:
        return Path(spec).expanduser(), ""
    given = split_spec(f"jsonl{found['given'] or ''}")[1]
    for key in given:
        if key != "answer":
            raise UserError(f"a JSONL task has no parameter {key!r}: {suggest(key, ['answer'])}")
    return Path(found["path"]).expanduser(), told.known(given["answer"]) if given else ""


def is_jsonl(spec: str) -> bool:
    """Whether a specification names a JSONL file."""
    return JSONL.fullmatch(spec.strip()) is not None and not re.match(r"[^=]*?\.py:", spec)


def answered(spec: str, answer: str) -> str:
    """The specification of a JSONL task with its kind of answers said. Raises UserError for any other task."""
    if not is_jsonl(spec):
        raise UserError(f"--answer says how a FILE.jsonl is read, and {spec!r} has a format of its own; leave it out.")
    if parts_of(spec)[1]:
        raise UserError(f"{spec!r} says its kind of answers already; leave --answer out.")
    return f"{spec.strip()}:answer={told.known(answer)}"


def kind_of(asked: UserFile, answer: str) -> tuple[str, Mapping[str, str]]:
    """How the answers of a file are read, as said or as told from it, and its labels with their names."""
    if answer and asked.samples[0].choices and answer != "letter":
        raise UserError(
            f"{asked.path} has choices, so that its answers are letters; leave answer={answer} out, or the choices."
        )
    kind = answer or told.kind_of(asked.samples, asked.labelled)
    return kind, told.classes(asked.samples, str(asked.path), asked.places) if kind == "label" else {}
