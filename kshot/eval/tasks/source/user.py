"""A user's own task: a Python file that has one, or a function that returns one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from kshot.registry import hyperparameters, load_from_file, suggest, words_of
from kshot.spec import convert, split_spec, write_spec
from kshot.types import Sample, Source, Split, Task, UserError

T = TypeVar("T")


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
