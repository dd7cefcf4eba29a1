"""Groups of tasks: a name that stands for all of them. A report has a group's macro average, every task counting alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kshot.eval.tasks.lm_eval.named import named_task
from kshot.registry import suggest
from kshot.types import UserError

GROUPS: dict[str, tuple[str, ...]] = {}
"""A group's name to the specifications of its tasks, in their order."""


def group(name: str, tasks: Iterable[str]) -> None:
    """Registers a group. Raises ValueError where the name is taken."""
    if name in GROUPS:
        raise ValueError(f"group {name} is registered twice")
    GROUPS[name] = tuple(tasks)


def parts_of(name: str, parameter: str, values: Iterable[str]) -> None:
    """Registers the group of all that a parameter of a task can be: `bbh`, of bbh:name=navigate and the others."""
    group(name, (f"{name}:{parameter}={value}" for value in values))


def part(name: str, parameter: str, value: str, known: Sequence[str]) -> str:
    """The value of a task's parameter that names a part of a group. Raises UserError for none, or an unknown one."""
    if not value:
        raise UserError(
            f"{name} is {len(known)} tasks, all of which `kshot bench --task {name}` asks; name one as "
            f"{name}:{parameter}={parameter.upper()}, {parameter.upper()} one of {', '.join(known)}."
        )
    return one_of(name, parameter, value, known)


def one_of(name: str, parameter: str, value: str, known: Sequence[str]) -> str:
    """The value of a task's parameter. Raises UserError for an unknown one."""
    if value not in known:
        raise UserError(f"unknown {name} {parameter} {value!r}: {suggest(value, known)}")
    return value


def members_of(spec: str) -> tuple[str, ...]:
    """The specifications of the tasks that a group stands for, of kshot's or of lm-evaluation-harness; () for a task."""
    if spec in GROUPS or named_task(spec) is None:
        return GROUPS.get(spec, ())
    from kshot.eval.tasks.lm_eval import groups

    return groups.members_of(spec)


def expanded(specs: Iterable[str]) -> tuple[tuple[str, ...], Mapping[str, tuple[str, ...]]]:
    """Specifications with every group's tasks in its place, and the groups that were among them.

    >>> group("two", ["one-task", "another"])
    >>> expanded(["two", "coin-flip"])
    (('one-task', 'another', 'coin-flip'), {'two': ('one-task', 'another')})
    >>> del GROUPS["two"]
    """
    found = [(spec.strip(), members_of(spec.strip())) for spec in specs]
    tasks = tuple(task for spec, members in found for task in (members or (spec,)))
    return tasks, {spec: members for spec, members in found if members}
