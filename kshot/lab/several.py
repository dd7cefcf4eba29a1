"""Runs of findings on one model or several, judged: each model's findings, and those that compare two models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kshot.harness.runs.read import read_run
from kshot.lab import findings as registered
from kshot.lab.claims.estimate import DRAWS, Tables
from kshot.lab.claims.finding import Finding
from kshot.lab.judge import Result, judged_answered, judged_from
from kshot.lab.read import AnsweredCells
from kshot.lab.run import SETTLED, settled, spent
from kshot.types import UserError


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of the findings that were settled in one run."""

    model: str
    parameters: int | None  # where the run knows them
    findings: tuple[Finding, ...]  # all that were settled
    results: tuple[Result, ...]
    left: tuple[Finding, ...]  # not answered to their end
    hours: float
    others: int  # runs that answers were taken from, whose hours are counted
    answered: AnsweredCells

    @property
    def asked(self) -> set[str]:
        """The names of the findings that were settled."""
        return {finding.name for finding in self.findings}


def judged_run(folder: Path, *, draws: int = DRAWS) -> Judged:
    """Judges all that was settled in a folder and answered to the end.

    Raises UserError for a folder without findings, or whose findings are not this kshot's.
    """
    known = settled(folder)
    if not known:
        raise UserError(f"{folder} holds no findings ({SETTLED}): give a folder of `kshot reproduce run`.")
    now = registered.FINDINGS
    others = [name for name, said in known.items() if name not in now or now[name].hash != said["hash"]]
    if others:
        raise UserError(
            f"{sorted(others)[0]} in {folder} was settled by another kshot and means another thing in this one: judge "
            "it with that one, or run it again under another --run name."
        )
    findings = tuple(now[name] for name in known)
    run, journal = read_run(folder)
    with journal:
        answered = AnsweredCells(run)
    results, left = judged_answered(findings, answered, draws=draws)
    hours = sum(map(spent, known.values())) / 3600
    others_of = {other for said in known.values() for other in said.get("elsewhere", {})}
    size = run.info.get("size")
    parameters = size.get("parameters") if isinstance(size, Mapping) else None
    model = called(str(run.info.get("model", run.name)))
    return Judged(model, parameters, findings, tuple(results), tuple(left), hours, len(others_of), answered)


def called(model: str) -> str:
    """A model's name; of a file or folder no more than its own, as a report says nothing of a machine's folders."""
    local = Path(model).expanduser().is_absolute() or model.startswith(".") or model.endswith(".gguf")
    return Path(model).name if local else model


def ordered(runs: Sequence[Judged]) -> list[Judged]:
    """The smallest model first, where sizes are known. Raises UserError for a model that is there twice."""
    names = [run.model for run in runs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"two of the runs are of {twice[0]}: give one run a model.")
    return sorted(runs, key=lambda run: run.parameters or 0)


def between(runs: Sequence[Judged], *, draws: int = DRAWS) -> list[Result]:
    """The findings that compare models, judged on the smallest and the largest; none where sizes are not told apart.

    They are a family of their own. Raises UserError where the two were not asked the same samples.
    """
    if len(runs) < 2 or not all(run.parameters for run in runs):
        return []
    small, large = ordered(runs)[0], ordered(runs)[-1]
    if small.parameters == large.parameters:
        return []
    whole: list[tuple[Finding, Tables]] = []
    for finding in small.findings:
        if not finding.of_two_models or finding.name not in large.asked:
            continue
        try:
            first, second = (run.answered.tables_of(finding) for run in (small, large))
        except UserError:  # not answered to its end
            continue
        for task in finding.tasks:
            if small.answered.asked(task, finding.n) != large.answered.asked(task, finding.n):
                raise UserError(
                    f"{small.model} and {large.model} were asked other samples of {task}, so that {finding.name} "
                    "cannot compare them: run both on the same --data."
                )
        whole.append((finding, {task: [*first[task], *second[task]] for task in finding.tasks}))
    results = judged_from(whole, draws=draws)
    return [
        replace(each, arms=tuple(f"{arm}, {run.model}" for run in (small, large) for arm in each.finding.effect.arms))
        for each in results
    ]


def told(run: Judged) -> dict[str, Any]:
    """The verdicts on a model for scripts."""
    return {
        "model": run.model,
        "parameters": run.parameters,
        "hours": round(run.hours, 2),
        "not_run": [finding.name for finding in run.left],
        "findings": [said(result) for result in run.results],
    }


def said(result: Result) -> dict[str, Any]:
    """One verdict for scripts."""
    finding, estimate = result.finding, result.estimate
    return {
        "name": finding.name,
        "hash": finding.hash,
        "verdict": result.verdict,
        "effect": estimate.value,
        "interval": [estimate.interval.low, estimate.interval.high],
        "p": estimate.p,
        "p_holm": result.p,
        "n": finding.n,
        "seeds": finding.seeds,
        "unit": finding.unit,
    }
