"""Runs findings on one model, in one run that grows: what two findings ask alike is asked once.

What each finding claims is settled in findings.json, with its hash, before anything of it is asked; one that has been
changed since is refused. A run that is stopped, by --hours or by a kill, goes on with the same command.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark
from kshot.lab.claims.finding import Finding
from kshot.lab.findings import FINDINGS
from kshot.registry import suggest
from kshot.types import UserError
from kshot.whole_file import read_object, write_whole

if TYPE_CHECKING:
    from kshot.harness.runner import Progress
    from kshot.types import Engine, Record

SETTLED = "findings.json"
WRITES = 20  # what a strategy that writes costs, as a multiple of one that scores labels


class OutOfTimeError(Exception):
    """The hours are over."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What is told while findings run: the next one and its attempts, then each attempt and how far the engine is."""

    begin: Callable[[Finding, int, int], None]
    on_record: Callable[[Record], None]
    progress: Callable[[Progress], None]


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


def cost(finding: Finding) -> int:
    """About what a finding takes, to run the cheap ones first."""
    each = [1 if "logprob" in spec else 0 if "vote" in spec else WRITES for spec in finding.strategies()]
    return finding.n * len(finding.tasks) * sum(each)


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
    if not all(isinstance(said, dict) for said in found.values()):
        raise UserError(f"{path} is damaged: restore it, it says what was claimed before anything was asked.")
    return dict(found)


def keep(known: Mapping[str, Any], folder: Path) -> None:
    """Writes findings.json, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / SETTLED, json.dumps(known, indent=2) + "\n")


def reproduce(
    findings: Sequence[Finding],
    engine: Callable[[], Engine],
    folder: Path,
    data: Path | None,
    watch: Watch,
    *,
    info: Mapping[str, Any] | None = None,
    hours: float | None = None,
) -> list[Finding]:
    """Runs or resumes findings, cheap ones first; gives those that the hours did not do for. Raises UserError."""
    ordered = sorted(findings, key=cost)
    loaded = [load_plan(Plan(each.tasks, each.strategies(), data, each.n)) for each in ordered]
    for each in loaded:
        each.check()  # a mistake is told before a model is loaded
    known = settle(ordered, folder)
    until = None if hours is None else time.monotonic() + 3600 * hours

    def progress(state: Progress) -> None:
        watch.progress(state)
        if until is not None and time.monotonic() > until:
            raise OutOfTimeError

    made = engine()
    try:
        for at, (finding, plan) in enumerate(zip(ordered, loaded, strict=True)):
            watch.begin(finding, at + 1, plan.total)
            began = time.monotonic()
            try:
                run_benchmark(plan, made, folder, info=info, on_record=watch.on_record, progress=progress)
            except OutOfTimeError:
                return ordered[at:]
            finally:
                known[finding.name]["seconds"] = round(known[finding.name]["seconds"] + time.monotonic() - began, 1)
                keep(known, folder)
    finally:
        made.close()
    return []
