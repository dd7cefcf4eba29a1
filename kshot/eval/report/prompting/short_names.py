"""Short names for strategies: a specification without what all strategies of its name have in common.

A table and a figure have no room for `self-consistency:base=chain-of-thought(max_new_tokens=96),n=5`, and a reader
no need, where the run has one self-consistency. The whole specifications stand in a table of their own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from kshot.eval.report.prompting.run_data import RunData
from kshot.spec import split_spec, write_spec
from kshot.types import UserError

ROOM = 40  # characters of a value


def short_names(strategies: Sequence[str]) -> dict[str, str]:
    """Specification -> what it is called among these: its name, and the parameters in which its namesakes differ.

    A parameter that is called `name` is part of the name, as in `peft:name=OFT`.

    >>> short_names(["few-shot:k=4,max_new_tokens=8", "few-shot:k=8,max_new_tokens=8", "zero-shot:max_new_tokens=8"])
    ... # doctest: +NORMALIZE_WHITESPACE
    {'few-shot:k=4,max_new_tokens=8': 'few-shot:k=4', 'few-shot:k=8,max_new_tokens=8': 'few-shot:k=8',
     'zero-shot:max_new_tokens=8': 'zero-shot'}
    """
    families: dict[str, dict[str, dict[str, str]]] = {}
    for strategy in dict.fromkeys(strategies):
        try:
            name, given = split_spec(strategy)
        except UserError:  # a name that is no specification stays as it is
            name, given = strategy, {}
        families.setdefault(name, {})[strategy] = given
    found = {}
    for name, members in families.items():
        for strategy, given in members.items():
            telling = {
                key: value
                for key, value in given.items()
                if key == "name" or any(other.get(key) != value for other in members.values())
            }
            found[strategy] = write_spec(name, dict(telling))
    cut = {strategy: cut_texts(short) for strategy, short in found.items()}
    twice = Counter(cut.values())
    numbers = {short: count(1) for short in twice}
    numbered = {at: f"{short} #{next(numbers[short])}" if twice[short] > 1 else short for at, short in cut.items()}
    return {strategy: numbered[strategy] for strategy in dict.fromkeys(strategies)}


def cut_texts(name: str) -> str:
    """A name whose long texts end, and whose long paths begin, in an ellipsis.

    >>> cut_texts("instruction:text=Say in a word what the critic thought of the film")
    'instruction:text=Say in a word what the critic thought o…'
    """
    try:
        own, given = split_spec(name)
    except UserError:
        return name
    return write_spec(own, {key: short_value(value) for key, value in given.items()})


def short_value(value: str) -> str:
    """A hyperparameter's value with as much of it as a table has room for."""
    if len(value) <= ROOM:
        return value
    if re.search(r"\s", value):
        return f"{' '.join(value[: ROOM - 1].split())}…"
    return f"…{value[1 - ROOM :]}" if "/" in value and "(" not in value else value


def abbreviated(run: RunData, among: Sequence[str] | None = None) -> tuple[RunData, dict[str, str]]:
    """The run with its strategies under their short names, and specification -> short name.

    Hyperparameters and preparations go by the short names too.
    """
    used = [*run.strategies, *(record.strategy for record in run.records)] if among is None else among
    names = short_names(used)
    records = [replace(record, strategy=names[record.strategy]) for record in run.records]
    renamed = replace(
        run,
        records=records,
        strategies=[names.get(name, name) for name in run.strategies],
        params={names.get(name, name): given for name, given in run.params.items()},
        prepared={(task, names.get(name, name)): found for (task, name), found in run.prepared.items()},
    )
    return renamed, names


def resolve(wanted: str | None, names: dict[str, str]) -> str | None:
    """The short name of a strategy given by its specification or by its short name; unknown ones as they are."""
    return None if wanted is None else names.get(wanted, wanted)
