"""The keys of a task file as values: known, of the right kind, with lm-evaluation-harness' defaults.

As lm_eval/config/task.py has it. What kshot does not take is refused by name: nothing is dropped without a word.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from kshot.eval.tasks.lm_eval.reading import Code, Keys, codes_in
from kshot.eval.tasks.lm_eval.rendering import Rule
from kshot.eval.tasks.lm_eval.schema import FEWSHOT, GENERATION, LEFT, TASK, Key
from kshot.registry import load_from_file, suggest
from kshot.types import UserError

OutputType = Literal["generate_until", "multiple_choice", "loglikelihood", "loglikelihood_rolling"]
OUTPUT_TYPES = ("generate_until", "multiple_choice", "loglikelihood", "loglikelihood_rolling")
MOST = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")  # the first that is there counts
GEN_TOKENS = 256


@dataclass(frozen=True)
class Wording:
    """How documents are worded: those that are asked, or those that are shown."""

    text: Rule
    target: Rule
    choice: Rule | None
    prefix: str | None
    target_delimiter: str
    fewshot_delimiter: str


@dataclass(frozen=True)
class TaskFile:
    """What a task file says."""

    where: str  # as an error names it
    task: str
    folder: Path | None  # that it lies in
    output_type: OutputType
    dataset_path: str
    dataset_name: str | None
    dataset_kwargs: Keys
    splits: Mapping[str, str | None]  # training, validation, test, fewshot
    process_docs: Callable[[Any], Any] | None
    shown_process_docs: Callable[[Any], Any] | None
    samples: Sequence[Keys] | Callable[[], Sequence[Keys]] | None  # rows in the file that are shown
    sampler: str
    asked: Wording
    shown: Wording
    description: str
    num_fewshot: int
    generation: Keys
    filters: Sequence[tuple[str, Sequence[Keys]]]  # by name
    metrics: Sequence[Keys] | None
    process_results: Callable[[Any, Any], Any] | None
    version: int

    @property
    def until(self) -> tuple[str, ...]:
        """Stop strings."""
        until = self.generation.get("until", [self.asked.fewshot_delimiter])
        listed = [until] if isinstance(until, str) else until or []
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise UserError(f"{self.where}: `until` of generation_kwargs is {until!r:.60}; give texts.")
        return tuple(dict.fromkeys(one for one in listed if one))

    @property
    def reply_tokens(self) -> int:
        """The most tokens of a reply."""
        found = next((self.generation[key] for key in MOST if self.generation.get(key) is not None), GEN_TOKENS)
        if not isinstance(found, int) or isinstance(found, bool) or found < 1:
            raise UserError(
                f"{self.where}: the most tokens of generation_kwargs are {found!r:.40}; give a whole number."
            )
        return found


def task_file(keys: Keys, where: str, folder: Path | None, *, trusted: bool) -> TaskFile:
    """The values of a task file's keys.

    Raises UserError, which names the file and the key, for a key that is unknown or not taken, for a value of another
    kind, and, unless `trusted`, for a function, which would be run.
    """
    known(keys, {**TASK, **LEFT}, where, "")
    shots = keys.get("fewshot_config") or {}
    if not isinstance(shots, dict):
        raise UserError(f"{where}: `fewshot_config` is {shots!r:.60}; give keys, such as `sampler: first_n`.")
    known(shots, FEWSHOT, where, " of fewshot_config")
    if not trusted:
        refuse_functions(keys, where)
    keys, shots = with_functions(keys, where), with_functions(shots, where)
    generation = of_kind(keys, "generation_kwargs", dict, {}, where)
    known(generation, GENERATION, where, " of generation_kwargs")
    output_type = of_kind(keys, "output_type", str, "generate_until", where)
    if output_type not in OUTPUT_TYPES:
        raise UserError(f"{where}: unknown `output_type` {output_type!r}: {suggest(output_type, OUTPUT_TYPES)}")
    asked = Wording(
        rule(keys, "doc_to_text", where),
        rule(keys, "doc_to_target", where),
        keys.get("doc_to_choice"),
        of_kind(keys, "gen_prefix", str, None, where),
        of_kind(keys, "target_delimiter", str, " ", where),
        of_kind(keys, "fewshot_delimiter", str, "\n\n", where),
    )
    made = TaskFile(
        where=where,
        task=of_kind(keys, "task", str, "", where),
        folder=folder,
        output_type=cast(OutputType, output_type),
        dataset_path=of_kind(keys, "dataset_path", str, "", where),
        dataset_name=of_kind(keys, "dataset_name", str, None, where),
        dataset_kwargs=of_kind(keys, "dataset_kwargs", dict, {}, where),
        splits={
            **{kind: of_kind(keys, f"{kind}_split", str, None, where) for kind in ("training", "validation", "test")},
            "fewshot": shots.get("split", of_kind(keys, "fewshot_split", str, None, where)),
        },
        process_docs=function(keys, "process_docs", where),
        shown_process_docs=function({**keys, **shots}, "process_docs", where),
        samples=shots.get("samples"),
        sampler=of_kind(shots, "sampler", str, "default", where),
        asked=asked,
        shown=Wording(
            shots.get("doc_to_text", asked.text),
            shots.get("doc_to_target", asked.target),
            shots.get("doc_to_choice", asked.choice),
            of_kind(shots, "gen_prefix", str, asked.prefix, where),
            of_kind(shots, "target_delimiter", str, asked.target_delimiter, where),
            of_kind(shots, "fewshot_delimiter", str, asked.fewshot_delimiter, where),
        ),
        description=of_kind(keys, "description", str, "", where),
        num_fewshot=of_kind(keys, "num_fewshot", int, 0, where),
        generation=generation,
        filters=filters_of(keys, where),
        metrics=of_kind(keys, "metric_list", list, None, where),
        process_results=function(keys, "process_results", where),
        version=version_of(keys),
    )
    check(made, keys)
    return made


def check(made: TaskFile, keys: Keys) -> None:
    """Raises UserError for what does not go together."""
    where = made.where
    if not made.task or not made.dataset_path:
        lacks = "task: NAME" if not made.task else "dataset_path: json"
        raise UserError(f"{where} lacks the key `{lacks.partition(':')[0]}`; add it, such as `{lacks}`.")
    if made.splits["test"] is None and made.splits["validation"] is None:
        raise UserError(f"{where} names no `test_split` and no `validation_split`, of which one is asked; add one.")
    if made.sampler not in ("default", "first_n"):
        raise UserError(f"{where}: unknown `sampler` {made.sampler!r}: {suggest(made.sampler, ('default', 'first_n'))}")
    if made.output_type == "multiple_choice" and made.asked.choice is None:
        raise UserError(f"{where}: `output_type: multiple_choice` needs a `doc_to_choice`; add it.")
    repeats, beams = keys.get("repeats", 1), made.generation.get("num_beams", 1)
    if not isinstance(repeats, int) or repeats < 1:
        raise UserError(f"{where}: `repeats` is {repeats!r:.40}; give a whole number from 1.")
    if beams != 1:
        raise UserError(f"{where}: `num_beams` is {beams!r:.40}; kshot follows one beam: leave it out.")


def known(keys: Mapping[str, Any], table: Mapping[str, Key], where: str, of: str) -> None:
    """Raises UserError for a key that is unknown, or not taken."""
    for key, value in keys.items():
        if key not in table:
            raise UserError(f"{where}: unknown key `{key}`{of}: {suggest(key, table)}")
        if table[key].taken == "no" and value not in (None, False):
            raise UserError(f"{where}: kshot does not take the key `{key}`{of} ({table[key].what}).")


def of_kind(keys: Mapping[str, Any], key: str, kind: type, default: Any, where: str) -> Any:
    """A key's value. Raises UserError for one of another kind."""
    value = keys.get(key)
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        words = {str: "a text", int: "a whole number", dict: "keys with values", list: "a list"}
        raise UserError(f"{where}: `{key}` is {value!r:.60}; give {words[kind]}.")
    return value


def rule(keys: Keys, key: str, where: str) -> Rule:
    """How a document is worded. Raises UserError where it is not said."""
    value: Rule | None = keys.get(key)
    if value is None or isinstance(value, bool | float):
        raise UserError(f"{where}: `{key}` is {value!r}; give a template, or the name of a column.")
    return value


def filters_of(keys: Keys, where: str) -> Sequence[tuple[str, Sequence[Keys]]]:
    """The filters by name; none where no list is given."""
    found = []
    for one in of_kind(keys, "filter_list", list, [], where):
        steps = one.get("filter") if isinstance(one, dict) else None
        if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps) or "name" not in one:
            raise UserError(f"{where}: an entry of `filter_list` is {one!r:.60}; give it `name` and a list `filter`.")
        found.append((str(one["name"]), steps))
    return found


def version_of(keys: Keys) -> int:
    """The task's version; 1 where it is no whole number."""
    metadata = keys.get("metadata")
    version = metadata.get("version") if isinstance(metadata, dict) else None
    return int(version) if isinstance(version, int | float) and version == int(version) and version >= 0 else 1


# ---------------------------------------------------------------- functions


def refuse_functions(keys: Keys, where: str) -> None:
    """Raises UserError for a function, which only the file's user may say to run."""
    for key, value in keys.items():
        for found in codes_in(value):
            raise UserError(
                f"{where}: `{key}` names the function {found.name}, which would be run: add trust_code=true where you "
                f"trust {found.path if found.path.is_file() else found.name.rpartition('.')[0]}."
            )


def with_functions(value: Any, where: str) -> Any:
    """A value with its functions loaded."""
    if isinstance(value, Code):
        return loaded(value, where)
    if isinstance(value, dict):
        return {key: with_functions(one, where) for key, one in value.items()}
    return [with_functions(one, where) for one in value] if isinstance(value, list) else value


def loaded(code: Code, where: str) -> Any:
    """A function from the file beside the task file, or else from an installed module, as lm-eval has it."""
    module, _, name = code.name.rpartition(".")
    if not module:
        raise UserError(f"{where}: !function {code.name} names no module; write MODULE.FUNCTION.")
    if code.path.is_file():
        return load_from_file(f"{code.path}:{name}", "task")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"{where}: !function {code.name}: {code.path} is not there, and {error}; mend the name."
        ) from error


def function(keys: Keys, key: str, where: str) -> Callable[..., Any] | None:
    """A key whose value is a function, where it is there."""
    value = keys.get(key)
    if value is not None and not callable(value):
        raise UserError(f"{where}: `{key}` is {value!r:.60}; give a function, !function MODULE.NAME, or leave it out.")
    return cast("Callable[..., Any] | None", value)
