"""What a run's strategies and tasks are called: kept in its journal when it is written, so that reading runs nothing.

A run's folder may come from a stranger: what its journal names is shown as text, and no file is run to read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from kshot.eval.tasks import TASKS
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

    A run that grows has those that it had before, too. Gives the names.
    """
    names = [strategy.name for strategy in loaded.strategies]
    params = hyperparameters_of([*loaded.plan.strategies, *loaded.plan.tasks], files=True)
    settings = journal.settings()
    if set(settings["strategies"]) > set(loaded.plan.strategies):
        before, known = names_of(journal, settings)
        names, params = list(dict.fromkeys([*before, *names])), {**known, **params}
    journal.note(NOTE, json.dumps({"strategies": names, "params": params}, default=str))
    return names


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
