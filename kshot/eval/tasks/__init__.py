"""Tasks, one file a task or family, registered by name. `FILES` has them; importing this fills the registry.

library/ has public sets of a few lines each; groups.py what stands for several tasks at once.
"""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from kshot.eval.tasks.groups import GROUPS, expanded, members_of
from kshot.eval.tasks.lm_eval.named import named_task
from kshot.eval.tasks.registry import TASKS, task
from kshot.eval.tasks.source.data import answered, from_data
from kshot.eval.tasks.source.files.named import ID, READ, named_data
from kshot.eval.tasks.source.language import known_language
from kshot.eval.tasks.source.perfect import held
from kshot.eval.tasks.source.plain_text import from_text, is_text_file
from kshot.eval.tasks.source.user import from_file
from kshot.registry import hyperparameters
from kshot.spec import opened, split_spec, write_spec
from kshot.types import Task, UserError

FILES: tuple[str, ...] = (
    "arithmetic",
    "bbh",
    "classification",
    "coin_flip",
    "induction",
    "last_letters",
    "library",
    "multiple_choice",
    "passages",
    "qa",
    "scan",
    "winograd",
    "word_pairs",
    "word_problems",
    "woz",
)

for _name in FILES:
    import_module(f"kshot.eval.tasks.{_name}")

ANSWERS = {  # by the format's name
    **{"letter": "choices", "label": "labels", "yes-no": "yes or no", "number": "numbers", "text": "a few words"},
    **{
        "line": "a few words",
        "word": "a word",
        "whole": "texts",
        "sentence": "texts",
        "expression": "expressions",
        "actions": "actions",
    },
}
FILE = re.compile(r"[/\\]|\.[A-Za-z]")  # what a name has that is a file's
SPREADSHEET = re.compile(r"\.(xls[xmb]?|ods|numbers)$", re.IGNORECASE)

__all__ = [
    "GROUPS",
    "TASKS",
    "answered",
    "answers_of",
    "code_in",
    "expanded",
    "get_task",
    "in_language",
    "name_of",
    "task",
]


def get_task(spec: str) -> Task:
    """The task that a specification names: `last-letters:words=4`, `my_task.py:name`, `questions.csv`, `hub:OWNER/NAME`.

    Raises UserError for an unknown name or hyperparameter, or data that cannot be read. Its samples, whenever they
    are loaded, are held to score 1 for a perfect reply.
    """
    name = spec.partition(":")[0].strip()
    if ".py:" in spec and name not in TASKS.entries:
        return held(from_file(spec))
    if name not in TASKS.entries:
        if is_text_file(spec):
            return from_text(spec)
        file = named_task(spec)
        if file is not None:
            from kshot.eval.tasks.lm_eval.load import from_task_file

            return from_task_file(file)  # held to no perfect reply: a filter may ask for more than the target
        data = named_data(spec)
        if data is not None:
            return from_data(data)  # held, row by row
        if FILE.search(name):
            raise UserError(
                f"unknown task {name!r}: {there(name)}kshot reads NAME (`kshot list tasks`), {READ}, FILE.yaml and lm-eval:NAME of "
                "lm-evaluation-harness, and FILE.py:NAME."
            )
    made: Task = TASKS.get(spec)()
    within = TASKS.nests in TASKS.parse(spec)[2]  # whose name its own has, whatever the file
    name = made.name if within else TASKS.canonical(spec)
    whole = held(replace(made.undivided, name=name)) if made.undivided else None
    return held(replace(made, name=name, undivided=whole))


def name_of(spec: str) -> str:
    """The name that a specification's task has, without its data being read or any code run; else the specification.

    Raises UserError for an unknown hyperparameter.
    """
    name = spec.partition(":")[0].partition("(")[0].strip()
    if name in TASKS.entries:
        return (
            get_task(spec).name if TASKS.nests in TASKS.parse(spec)[2] and not code_in(spec) else TASKS.canonical(spec)
        )
    if ".py:" in spec:
        return spec
    if is_text_file(spec):
        return from_text(spec).name
    file = named_task(spec)
    if file is not None:
        return file.name
    data = named_data(spec)
    return data.name if data is not None else spec


def answers_of(name: str) -> str:
    """What a registered task's answers are, in a word or two."""
    if TASKS.nests in hyperparameters(TASKS.entries[name]):
        return "those of the task within it"
    said = {told_of(TASKS.get(spec)()) for spec in GROUPS.get(name, (name,))}
    return said.pop() if len(said) == 1 else "of several kinds"


def told_of(made: Task) -> str:
    """What a task's answers are."""
    metrics = getattr(made.score, "metrics", ())
    if metrics and metrics[0].kind.right is None:
        return "likelihood"
    return ANSWERS.get(made.format.name, made.format.name)


def in_language(spec: str, language: str) -> str:
    """The specification with its language said (--language). Raises UserError for a task that has no such language."""
    known_language(language)
    if named_task(spec) is not None:
        raise UserError(f"--language cannot be said of {spec!r}: a task file says all of its words; leave it out.")
    name, given = split_spec(spec)
    if named_data(spec) is not None and name not in TASKS.entries:
        return answered(spec, None, language=language)
    if name in TASKS.entries and TASKS.nests in given:
        return write_spec(name, {**given, TASKS.nests: in_language(opened(given[TASKS.nests]), language)})
    if "language" in given:
        raise UserError(f"{spec!r} says its language already; leave --language out.")
    if name not in TASKS.entries:
        raise UserError(f"--language cannot be said of {spec!r}: make it a parameter of its function, or leave it out.")
    if "language" in hyperparameters(TASKS.entries[name]):
        return write_spec(name, {**given, "language": language}) if language != "en" else spec
    if language != "en":
        has = sorted(known for known in TASKS.entries if "language" in hyperparameters(TASKS.entries[known]))
        raise UserError(
            f"{name} is to be had in en alone, not in {language}; {', '.join(has)} and data of your own are in zh too."
        )
    return spec


def code_in(spec: str) -> tuple[str, ...]:
    """The files of code that a specification of a task would run, itself or a task within it, beside `file.py:name`."""
    name, given = split_spec(spec) if spec.partition(":")[0].partition("(")[0].strip() in TASKS.entries else ("", {})
    if TASKS.nests in given and name in TASKS.entries:
        return code_in(opened(given[TASKS.nests]))
    file = named_task(spec)
    if file is None or not file.trust_code:
        return ()
    from kshot.eval.tasks.lm_eval.load import code_of_task_file

    members = members_of(spec)
    return tuple(dict.fromkeys(code for one in members for code in code_in(one))) or code_of_task_file(file)


def there(name: str) -> str:
    """What can be said of a name that names nothing that is read."""
    if Path(name).expanduser().is_file():
        return f"it is a file of another kind{', to be saved as CSV' if SPREADSHEET.search(name) else ''}. "
    return f"there is no such file or folder; a set of the hub is hub:{name}. " if ID.fullmatch(name) else ""
