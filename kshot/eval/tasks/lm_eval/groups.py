"""Groups and tags of lm-evaluation-harness: which tasks they stand for (lm_eval/tasks/_factory.py).

A group's own mean is over all tasks in it, those of its subgroups among them, whatever the subgroups' means are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kshot.eval.tasks.lm_eval.config import known
from kshot.eval.tasks.lm_eval.named import NamedTask, named_task
from kshot.eval.tasks.lm_eval.reading import (
    Keys,
    find_named,
    installed,
    names_beside,
    package,
    read_keys,
    tagged,
    unknown,
)
from kshot.eval.tasks.lm_eval.schema import AGGREGATE, GROUP
from kshot.spec import write_spec
from kshot.types import UserError

ALIAS = ("task", "task_alias", "group_alias")  # what an entry of a group may say of a task: nothing that is asked


def members_of(spec: str) -> tuple[str, ...]:
    """The specifications of the tasks that a group or tag stands for; () for a specification of anything else.

    Raises UserError for a group that changes its tasks, or names one that there is not.
    """
    named = named_task(spec)
    if named is None:
        return ()
    keys, folder = keys_of(named)
    if keys is None:
        found = tagged(named.key, package())
        if not found:
            raise unknown(named.key, package())
        return tuple(spec_of(find(name, None, named.shown), name, named) for name in found)
    if "group" not in keys:
        return ()
    return tuple(dict.fromkeys(leaves(keys, folder, named, named.shown, ())))


def keys_of(named: NamedTask) -> tuple[Keys | None, Path | None]:
    """A file's keys and, of a file of the user's, its folder; no keys of what is no file's name, as a tag is not."""
    if named.path is not None:
        return read_keys(named.path), named.path.parent
    path = find_named(named.key, package())
    return (None if path is None else read_keys(path)), None


def leaves(keys: Keys, folder: Path | None, named: NamedTask, where: str, seen: tuple[str, ...]) -> Iterator[str]:
    """The specifications of a group's tasks, in their order."""
    check(keys, where)
    listed = keys["task"]
    for one in [listed] if isinstance(listed, str) else listed:
        if isinstance(one, dict) and isinstance(one.get("task"), list):  # a group within the group
            yield from leaves({"group": where, **one}, folder, named, f"{where}, {one.get('group')}", seen)
            continue
        name = one if isinstance(one, str) else entry(one, where)
        if name in seen:
            raise UserError(f"{where}: the group {name} holds itself; take it out.")
        yield from tasks_named(name, folder, named, where, (*seen, name))


def tasks_named(name: str, folder: Path | None, named: NamedTask, where: str, seen: tuple[str, ...]) -> Iterator[str]:
    """What a name in a group stands for: a task, or all of a group or tag."""
    path = find(name, folder, where)
    if path is None:
        yield from (spec_of(find(one, folder, where), one, named) for one in tagged(name, package()))
        return
    keys = read_keys(path)
    if "group" in keys:
        yield from leaves(keys, folder, named, f"{where}, {name}", seen)
    else:
        yield spec_of(path, name, named)


def find(name: str, folder: Path | None, where: str) -> Path | None:
    """The file of a name: beside a user's own, or the package's; None for a tag. Raises UserError for neither."""
    beside = names_beside(folder).get(name) if folder is not None else None
    if beside is not None:
        return beside
    path = find_named(name, package())
    if path is None and not tagged(name, package()):
        raise UserError(f"{where}: {str(unknown(name, package())).partition(':')[0]}; mend the name.")
    return path


def spec_of(path: Path | None, name: str, named: NamedTask) -> str:
    """The specification of a task in a group, with what was said of the group."""
    given = dict(named.given)
    theirs = installed()
    inside = path is None or (theirs is not None and path.is_relative_to(theirs))
    return write_spec("lm-eval", {"name": name, **given}) if inside else write_spec(str(path), given)


def entry(one: Any, where: str) -> str:
    """The name that an entry with keys of its own has. Raises UserError where these would change what is asked."""
    name = one.get("task", one.get("group")) if isinstance(one, dict) else None
    if not isinstance(name, str):
        raise UserError(f"{where}: an entry of `task` is {one!r:.60}; give the name of a task, group or tag.")
    odd = next((key for key in one if key not in (*ALIAS, "group", "aggregate_metric_list")), None)
    if odd is not None:
        raise UserError(
            f"{where}: `{odd}` of {name} changes a task for this group alone, which kshot does not take; write a task "
            "file that includes it."
        )
    return name


def check(keys: Keys, where: str) -> None:
    """Raises UserError for a group's key that is unknown, or not taken."""
    for key in keys:
        if key not in GROUP:
            raise UserError(
                f"{where}: `{key}` of a group changes all of its tasks, which kshot does not take; write task files "
                "that include it."
            )
    if not isinstance(keys.get("task"), str | list):
        raise UserError(f"{where}: a group has a list `task` of names; add it.")
    listed = keys.get("aggregate_metric_list") or []
    for one in [listed] if isinstance(listed, dict) else listed:
        if not isinstance(one, dict):
            raise UserError(f"{where}: an entry of `aggregate_metric_list` is {one!r:.60}; give it a key `metric`.")
        known(one, AGGREGATE, where, " of aggregate_metric_list")
        if one.get("aggregation", "mean") != "mean":
            raise UserError(f"{where}: `aggregation` of a group is {one['aggregation']!r:.60}; kshot takes mean.")
