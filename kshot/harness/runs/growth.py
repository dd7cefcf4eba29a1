"""Runs that grow: a command adds to its run the cells that it names and that are not there.

A cell is a task with a strategy. A command asks every cell of its tasks and strategies, under its limit and with its
repeats; a run is all that was ever asked of it. While one limit and one number of repeats do for all of it, its
settings look as if one command had asked it all, with `only` for cells that are not there; from then on `asked` has
what each command added, in order. Whatever would change the meaning of answers is refused before a model is loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kshot.harness.damage import UNREADABLE
from kshot.harness.journal import Journal
from kshot.harness.models.cache import weights_hash
from kshot.harness.models.sources import folder_of, resolve
from kshot.harness.runs.names import named_tasks, strategy_names
from kshot.harness.runs.plan import Loaded, Plan
from kshot.harness.runs.pools import check_pools
from kshot.harness.runs.samples import samples_of
from kshot.harness.runs.sources import check_sources
from kshot.types import Sample, UserError

if TYPE_CHECKING:
    from kshot.harness.engines.registry import NamedEngine

GROWS = (*("tasks", "strategies", "only", "limit", "repeats", "groups", "default_templates", "in_writing", "asked"),)
"""The settings that a command may add to."""

Pair = tuple[str, str]
"""A cell: (task, strategy), by name."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What was asked of a run at once."""

    pairs: tuple[Pair, ...]
    limit: int | None
    repeats: int

    def settings(self) -> dict[str, Any]:
        """As JSON-able values."""
        return {**listed(self.pairs), "limit": self.limit, "repeats": self.repeats}


def listed(pairs: Iterable[Pair]) -> dict[str, Any]:
    """Cells as tasks, strategies, and for strategies that are not on all tasks, which they are on."""
    have = dict.fromkeys(pairs)
    tasks, strategies = (list(dict.fromkeys(pair[at] for pair in have)) for at in (0, 1))
    on = {strategy: [task for task in tasks if (task, strategy) in have] for strategy in strategies}
    return {"tasks": tasks, "strategies": strategies, "only": {s: t for s, t in on.items() if t != tasks}}


def pairs_of(said: Mapping[str, Any], tasks: Sequence[str], strategies: Sequence[str]) -> tuple[Pair, ...]:
    """The inverse of `listed`."""
    only = said["only"]
    return tuple((t, s) for t in tasks for s in strategies if s not in only or t in only[s])


def asks_of(journal: Journal) -> list[Ask]:
    """What was asked of a run, in order. Raises UserError where its settings are damaged."""
    settings = journal.settings()
    try:
        if "asked" in settings:
            asks = [
                Ask(pairs_of(said, said["tasks"], said["strategies"]), said["limit"], said["repeats"])
                for said in settings["asked"]
            ]
        else:
            tasks = list(named_tasks(journal, settings).values())
            pairs = pairs_of(settings, tasks, list(strategy_names(settings).values()))
            asks = [Ask(pairs, settings["limit"], settings["repeats"])]
        numbers = [n for ask in asks for n in (ask.limit or 0, ask.repeats)]
        if not all(isinstance(n, int) for n in numbers):
            raise TypeError("a number is of another kind")
    except UNREADABLE as error:
        raise UserError(f"the run's settings are damaged ({error!r}): restore its folder, or run again.") from error
    return asks


def answered(folder: Path) -> Journal | None:
    """The journal of a run that has answers; None of a folder without, or one that opening has something to say of."""
    with suppress(UserError):
        journal = Journal.read(folder)
        with suppress(UserError):
            if journal.answered() and journal.settings_text():  # without, they are lost, and those of the plan are kept
                return journal
        journal.close()
    return None


def begun(plan: Plan, folder: Path) -> Plan:
    """A plan, before it is loaded, that sets rows aside as its run does which it is to add to."""
    journal = answered(folder)
    if journal is None or plan.set_aside is not None:
        return plan
    with journal:
        kept = journal.settings().get("set_aside", True)
    return replace(plan, set_aside=True) if kept is True else plan


def refuse_more_of_a_share(loaded: Loaded, asks: Sequence[Ask]) -> None:
    """Raises UserError where a run that asked a share of its cells is asked others: which ones hangs on all of them."""
    if loaded.plan.budget_share < 1:
        pairs = tuple((task.name, strategy.name) for task, strategy in loaded.pairs())
        if any(set(ask.pairs) != set(pairs) or ask.limit != loaded.plan.limit for ask in asks):
            raise UserError(
                "a run of --budget-share has spread its questions over all its strategies and samples, and cannot be "
                "added to; give the same tasks, strategies and --limit, or another --run."
            )


def joined(loaded: Loaded, folder: Path) -> Loaded:
    """A plan with the samples, exemplars and forms of its run. Raises UserError where it cannot be added to it."""
    journal = answered(folder)
    if journal is None:
        return loaded
    with journal:
        settings, asks = journal.settings(), asks_of(journal)
    refuse_more_of_a_share(loaded, asks)
    have = {task for ask in asks for task, _ in ask.pairs}
    loaded = as_set_aside(in_forms(loaded, settings, have), settings, folder)
    history = {name: (*before, loaded.plan.limit) for name in loaded.samples if (before := limits_of(asks, name))}
    again = [task for task in loaded.tasks if set(history.get(task.name, ())) > {loaded.plan.limit}]
    found = {task.name: samples_of(task, loaded.plan.source, history[task.name]) for task in again}
    loaded = replace(loaded, plan=replace(loaded.plan, history=history))
    return loaded.with_samples({**loaded.sampled, **found}) if found else loaded


def whole(plan: Plan, journal: Journal) -> Plan:
    """A run's plan with the limits of all that was asked of it."""
    asks = asks_of(journal)
    return replace(plan, history={name: limits_of(asks, name) for name in {t for ask in asks for t, _ in ask.pairs}})


def limits_of(asks: Sequence[Ask], task: str) -> tuple[int | None, ...]:
    """The limits under which a task was asked, in order."""
    return tuple(ask.limit for ask in asks if any(name == task for name, _ in ask.pairs))


def in_forms(loaded: Loaded, settings: Mapping[str, Any], have: Collection[str]) -> Loaded:
    """With a run's tasks in the forms that it asked them in: those of an earlier kshot are other ones."""
    if loaded.plan.forms is not None:
        return loaded
    kept = settings.get("default_templates", {})
    forms = kept if isinstance(kept, dict) else {}
    return loaded.in_forms(
        {task.name: forms.get(task.name, "") if task.name in have else task.form for task in loaded.tasks}
    )


def as_set_aside(loaded: Loaded, settings: Mapping[str, Any], folder: Path) -> Loaded:
    """With no rows set aside where the run sets none aside. Raises UserError where a strategy needs some."""
    if settings.get("set_aside", True) is not False:
        return loaded
    needing = [task.name for task in loaded.tasks if task.undivided is not None]
    if loaded.plan.set_aside and needing:
        raise UserError(
            f"the run in {folder} asks all rows of its data, and a strategy that shows exemplars needs some of "
            f"{needing[0]} set aside, which then are not asked: put exemplars into a train file beside it "
            f"({needing[0].partition(':')[0]}.train.csv or the like), or use another --run name."
        )
    return replace(loaded, plan=replace(loaded.plan, set_aside=False))


def check_joins(folder: Path, loaded: Loaded) -> None:
    """Raises UserError where a plan cannot add to a folder's run: all that can be told before a model is loaded."""
    journal = answered(folder)
    if journal is None:
        with suppress(UserError), Journal.read(folder) as journal:
            check_sources(journal, loaded)
        return
    with journal:
        kept = journal.settings()
        journal.check(loaded.settings(kept.get("engine", ""), kept.get("chat")), GROWS)
        check_sources(journal, loaded)
        new = new_samples(loaded)
        for task, found in loaded.sampled.items():
            journal.changed_samples(task, found.kept, new[task])
        check_pools(journal, loaded)


def check_engine(folder: Path, named: NamedEngine) -> None:
    """Raises UserError where a folder's answers are another model's or dtype's, as far as that is known unloaded.

    What no specification tells, such as the default dtype of a machine, is compared once the engine is there.
    """
    journal = answered(folder)
    if journal is None:
        return
    with journal:
        kept = str(journal.settings().get("engine", ""))
    parts, params = kept.split("/"), named.innermost.params
    if parts[0] != "transformers" or len(parts) < 4 or not named.renders:
        return
    trusted = bool(params.get("trust_remote_code", False))
    found = weights_hash(folder_of(resolve(named.model), trusted), code=trusted)
    said = {"weights": found, "dtype": params.get("dtype", "auto"), "template": params.get("template", "auto")}
    for (what, now), was in zip(said.items(), parts[1:], strict=False):
        if now != "auto" and not was.startswith(str(now)):  # chat options stand behind the template
            raise UserError(
                f"the run in {folder} was answered by another engine ({what}: {was} -> {now}), and answers of two are "
                "not mixed: use another --run name."
            )


def new_samples(loaded: Loaded) -> dict[str, set[str]]:
    """By task the ids of samples that the run has not had under the limits before this one."""
    new = {}
    for task, found in loaded.sampled.items():
        before = loaded.plan.limits(task)[:-1]
        had = max((found.counts[limit] for limit in before), default=len(found.kept))
        new[task] = {sample.id for sample in found.kept[had:]}
    return new


def kept_samples(loaded: Loaded) -> dict[str, Sequence[Sample]]:
    """All samples of the plan's tasks that the run has from now on."""
    return {
        task: loaded.sampled[task].kept if task in loaded.sampled else found for task, found in loaded.samples.items()
    }


def grown(journal: Journal, loaded: Loaded, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run with answers as they are once a plan, whose own are `settings`, is added."""
    before, asks = journal.settings(), asks_of(journal)
    new = Ask(
        tuple((task.name, strategy.name) for task, strategy in loaded.pairs()), loaded.plan.limit, loaded.plan.repeats
    )
    if not covered(new, asks, loaded):
        last = asks[-1]
        if (last.limit, last.repeats) == (new.limit, new.repeats):
            asks[-1] = replace(last, pairs=tuple(dict.fromkeys((*last.pairs, *new.pairs))))
        else:
            asks.append(new)
    tasks, strategies = named_tasks(journal, before), strategy_names(before)
    tasks |= {s: t.name for s, t in zip(loaded.plan.tasks, loaded.tasks, strict=True) if t.name not in tasks.values()}
    named = zip(loaded.plan.strategies, loaded.strategies, strict=True)
    strategies |= {spec: one.name for spec, one in named if one.name not in strategies.values()}
    have = {pair for ask in asks for pair in ask.pairs}
    on = {name: [task for task in tasks.values() if (task, name) in have] for name in strategies.values()}
    limits = [ask.limit for ask in asks]
    found = {
        "tasks": list(tasks),
        "strategies": list(strategies),
        "only": {name: names for name, names in on.items() if names != list(tasks.values())},
        "limit": None if None in limits else max(limit for limit in limits if limit is not None),
        "repeats": max(ask.repeats for ask in asks),
        "groups": {**before.get("groups", {}), **settings.get("groups", {})},
        "default_templates": {**before.get("default_templates", {}), **settings.get("default_templates", {})},
        "in_writing": list(dict.fromkeys([*before.get("in_writing", ()), *settings.get("in_writing", ())])),
        "asked": [ask.settings() for ask in asks] if len(asks) > 1 else [],
    }
    return {key: value for key, value in found.items() if key in before or value not in ({}, [])}


def covered(new: Ask, asks: Sequence[Ask], loaded: Loaded) -> bool:
    """Whether all of it was asked before."""

    def within(task: str, ask: Ask) -> bool:
        if task not in loaded.sampled:
            return ask.limit == new.limit
        counts = loaded.sampled[task].counts
        return counts.get(ask.limit, 0) >= counts[new.limit]

    return all(
        any(pair in ask.pairs and ask.repeats >= new.repeats and within(pair[0], ask) for ask in asks)
        for pair in new.pairs
    )
