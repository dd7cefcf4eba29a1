"""Runs findings on one model, in one run that grows: what two findings ask alike is asked once.

What each finding claims is settled in findings.json, with its hash, before anything of it is asked; one that has been
changed since is refused. A run that is stopped, by --hours or by a kill, goes on with the same command.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kshot.eval.tasks import get_task
from kshot.harness.runs.maker import refuse_others
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.reuse import OtherRuns
from kshot.harness.runs.run import run_benchmark
from kshot.lab.claims.finding import Finding
from kshot.lab.cost import Portion, share_of, steps
from kshot.lab.findings import FINDINGS
from kshot.registry import suggest
from kshot.types import UserError
from kshot.whole_file import read_object, write_whole

if TYPE_CHECKING:
    from kshot.harness.runner import Progress
    from kshot.types import Engine, Record

SETTLED = "findings.json"


class OutOfTimeError(Exception):
    """The hours are over."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What is told while findings run: the next one and the hours left, then each attempt and how far the engine is."""

    begin: Callable[[Portion, int, float | None], None]  # its place from 1; None as long as nothing is measured
    on_record: Callable[[Record], None]
    progress: Callable[[Progress], None]
    tell: Callable[[str], None] = lambda said: None  # of runs that answers are taken from


def named_findings(names: Sequence[str]) -> list[Finding]:
    """Findings by name, `all`, `starred`, or NAME@HASH for one that must be what it was. Raises UserError."""
    found: dict[str, Finding] = {}
    for given in names:
        name, at, settled = given.partition("@")
        if name in ("all", "starred"):
            found.update({key: each for key, each in FINDINGS.items() if name == "all" or each.starred})
            continue
        if name not in FINDINGS:
            raise UserError(f"unknown finding {name!r}: {suggest(name, [*FINDINGS, 'all', 'starred'])}")
        if at and FINDINGS[name].hash != settled:
            raise UserError(
                f"the finding {name} is {FINDINGS[name].hash} in this kshot and not {settled}: its claim or what it "
                "asks has changed; use the kshot that it was run with, or leave the hash out."
            )
        found[name] = FINDINGS[name]
    return list(found.values())


def settle(findings: Iterable[Finding], folder: Path) -> dict[str, dict[str, Any]]:
    """Writes down what is claimed, before it is tried. Raises UserError where one was settled otherwise."""
    known = settled(folder)
    for finding in findings:
        said = known.get(finding.name)
        if said is not None and said.get("hash") != finding.hash:
            raise UserError(
                f"the finding {finding.name} was settled as {said.get('hash')} in {folder} and is {finding.hash} now: "
                "what is claimed does not change once it is tried; use another --run name."
            )
        known[finding.name] = {
            **(said or {"settled": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "seconds": 0.0}),
            "hash": finding.hash,
            "claim": finding.claim,
            "source": finding.source,
            "direction": finding.direction,
            "margin": finding.margin,
            "n": finding.n,
            "seeds": finding.seeds,
            "effect": repr(finding.effect),
        }
    keep(known, folder)
    return known


def settled(folder: Path) -> dict[str, dict[str, Any]]:
    """What was settled in a folder, by finding; {} where nothing was. Raises UserError for a damaged file."""
    path = folder / SETTLED
    if not path.is_file():
        return {}
    found = read_object(path, "restore it: it says what was claimed before anything was asked")
    if not all(isinstance(said, dict) and is_whole(said) for said in found.values()):
        raise UserError(f"{path} is damaged: restore it, it says what was claimed before anything was asked.")
    return dict(found)


def is_whole(said: Mapping[str, Any]) -> bool:
    """Whether what was settled of a finding has its hash, and seconds that can be added up."""
    elsewhere = said.get("elsewhere", {})
    return (
        isinstance(said.get("hash"), str)
        and isinstance(elsewhere, dict)
        and all(type(one) in (int, float) and 0 <= one < math.inf for one in (said.get("seconds"), *elsewhere.values()))
    )


def took(known: Mapping[str, dict[str, Any]], other: Path) -> None:
    """Adds what findings took in another run, whose answers are taken: once, however often the run is named."""
    for name, said in settled(other).items():
        if name in known and known[name]["hash"] == said.get("hash"):
            before = known[name].get("elsewhere", {}).items()
            same = {path: seconds for path, seconds in before if Path(path).resolve() != other.resolve()}
            known[name]["elsewhere"] = {**same, str(other.resolve()): said["seconds"]}


def spent(said: Mapping[str, Any]) -> float:
    """The seconds that a settled finding took, those in runs that its answers were taken from with them."""
    return float(said.get("seconds", 0)) + sum(map(float, said.get("elsewhere", {}).values()))


def keep(known: Mapping[str, Any], folder: Path) -> None:
    """Writes findings.json, whole or not at all. Raises UserError where it can't be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / SETTLED, json.dumps(known, indent=2) + "\n")
    except OSError as error:
        raise UserError(
            f"the run folder {folder} cannot be written: {error.strerror}; choose another with --runs."
        ) from error


def reproduce(
    findings: Sequence[Finding],
    engine: Callable[[], Engine],
    folder: Path,
    data: Path | None,
    watch: Watch,
    *,
    info: Mapping[str, Any] | None = None,
    hours: float | None = None,
    reuse: Sequence[Path] = (),
    share: tuple[int, int] = (1, 1),
) -> list[Finding]:
    """Runs or resumes findings, cheap ones first; gives those that the hours did not do for.

    What the same engine was asked in the runs of `reuse` is taken from there. Of several shares, (which, how many),
    only one is asked. Raises UserError.
    """
    ordered = share_of(steps(findings), *share)
    plans = [plan_of(step, data) for step in ordered]
    for plan in plans:
        if plan is not None:
            load_plan(plan).check()  # a mistake is told before a model is loaded
    refuse_others(folder, "reproduce")
    known = settle([step.finding for step in ordered], folder)
    until = None if hours is None else time.monotonic() + 3600 * hours

    def progress(state: Progress) -> None:
        watch.progress(state)
        if until is not None and time.monotonic() > until:
            raise OutOfTimeError

    made = engine()
    try:
        with OtherRuns(reuse, folder, made.id, watch.tell) as others:
            for other in others.journals:
                took(known, Path(other))
            keep(known, folder)
            for at, (step, plan) in enumerate(zip(ordered, plans, strict=True)):
                watch.begin(step, at + 1, hours_left(ordered, at, known))
                if plan is None:  # those before it have asked all of it
                    continue
                began = time.monotonic()
                try:
                    run_benchmark(
                        load_plan(plan), made, folder,
                        info=info, on_record=watch.on_record, progress=progress, reuse=others,
                    )  # fmt: skip
                except OutOfTimeError:
                    return [step.finding for step in ordered[at:]]
                finally:
                    said = known[step.finding.name]
                    said["seconds"] = round(said["seconds"] + time.monotonic() - began, 3)
                    keep(known, folder)
    finally:
        made.close()
    return []


def plan_of(step: Portion, data: Path | None) -> Plan | None:
    """What of a finding those before it have not asked; None where that is nothing."""
    if not step.new:
        return None
    on: dict[str, list[str]] = {}
    for task, strategy in step.new:
        on.setdefault(strategy, []).append(get_task(task).name)
    tasks = tuple(task for task in step.finding.tasks if any(task == of for of, _ in step.new))
    only = {name: tuple(tasks) for name, tasks in on.items()}
    return Plan(tasks, tuple(on), data, step.finding.n, only=only)


def hours_left(ordered: Sequence[Portion], at: int, known: Mapping[str, Any]) -> float | None:
    """How long those from a place on may take, by the pace of those before it; None where that is not known.

    It is not where they had nothing to ask, or had answers from other runs.
    """
    before = [step for step in ordered[:at] if step.units]
    if any("elsewhere" in known[step.finding.name] for step in before):
        return None
    done = sum(step.units for step in before)
    seconds = sum(known[step.finding.name]["seconds"] for step in before)
    return seconds / done * sum(step.units for step in ordered[at:]) / 3600 if done else None
