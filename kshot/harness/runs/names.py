"""What a run's strategies and tasks are called: kept in its journal when it is written, so that reading runs nothing.

A run's folder may come from a stranger: what its journal names is shown as text, and no file is run to read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from kshot.eval.tasks import TASKS
from kshot.eval.tasks import name_of as name_of_task
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Loaded
from kshot.prompts.strategies import STRATEGIES, get_strategy
from kshot.spec import files_in
from kshot.types import UserError

NOTE = "names"

Params = dict[str, dict[str, Any]]
"""All hyperparameters, defaults included, by canonical name."""


def note_names(journal: Journal, loaded: Loaded) -> list[str]:
    """Keeps the canonical names of a run that is being written, in the plan's order, and all hyperparameters.

    A run that grows has those that it had before, too. Gives the names of strategies.
    """
    names = [strategy.name for strategy in loaded.strategies]
    params = hyperparameters_of([*loaded.plan.strategies, *loaded.plan.tasks], files=True)
    tasks = dict(zip(loaded.plan.tasks, (task.name for task in loaded.tasks), strict=True))
    settings = journal.settings()
    if any(set(settings[kind]) - set(own) for kind, own in (("strategies", loaded.plan.strategies), ("tasks", tasks))):
        before, known = names_of(journal, settings)
        names, params = list(dict.fromkeys([*before, *names])), {**known, **params}
        tasks = {**named_tasks(journal, settings), **tasks}
    journal.note(NOTE, json.dumps({"strategies": names, "params": params, "tasks": tasks}, default=str))
    return names


def named_tasks(journal: Journal, settings: Mapping[str, Any]) -> dict[str, str]:
    """A run's tasks, as they were given, each with its name: as noted; of a run before that, as can be told."""
    noted: Any = {}
    with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
        noted = json.loads(journal.noted(NOTE) or "")["tasks"]
    known = noted if isinstance(noted, dict) else {}
    return {spec: str(known[spec]) if spec in known else task_name(spec) for spec in texts(settings.get("tasks"))}


def strategy_names(settings: Mapping[str, Any]) -> dict[str, str]:
    """A run's strategies, as they were given, each with its name."""
    return {spec: name_of(spec) for spec in texts(settings.get("strategies"))}


def task_name(spec: str) -> str:
    """A task's name, for which no code is run and no data read; the specification where it is no longer known."""
    try:
        return spec if files_in(spec) else name_of_task(spec)
    except UserError:
        return spec


def names_of(journal: Journal, settings: Mapping[str, Any]) -> tuple[list[str], Params]:
    """A run's strategies in order, and all hyperparameters: as noted; of a run before that, as can be parsed."""
    with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
        said = json.loads(journal.noted(NOTE) or "")
        names = said["strategies"]
        params = {name: {key: plain(value) for key, value in given.items()} for name, given in said["params"].items()}
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return names, params
    strategies, tasks = (texts(settings.get(kind)) for kind in ("strategies", "tasks"))
    return [name_of(spec) for spec in strategies], hyperparameters_of([*strategies, *tasks], files=False)


def texts(value: object) -> list[str]:
    """The texts of a setting that is a list of them."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def plain(value: object) -> object:
    """A hyperparameter out of JSON, where a tuple is a list."""
    return tuple(value) if isinstance(value, list) else value


def hyperparameters_of(specs: Sequence[str], *, files: bool) -> Params:
    """All hyperparameters by canonical name; without `files`, none of what a file would have to be run for."""
    found: Params = {}
    for spec in specs:
        if files or not files_in(spec):
            for registry in (STRATEGIES, TASKS):
                with suppress(UserError):
                    found[registry.canonical(spec)] = registry.parse(spec)[2]
    return found


def name_of(spec: str) -> str:
    """A strategy's canonical name; the text itself where it is a user's own, or no longer known."""
    try:
        return spec if files_in(spec) else get_strategy(spec).name
    except UserError:
        return spec
