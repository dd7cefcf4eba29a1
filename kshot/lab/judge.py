"""All findings of a run judged together: estimates, Holm's correction over the family, a verdict each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kshot.eval.statistics import holm
from kshot.lab.claims.estimate import DRAWS, Estimate, Tables, estimated
from kshot.lab.claims.finding import Finding
from kshot.lab.claims.verdict import Verdict, verdict
from kshot.lab.read import AnsweredCells
from kshot.types import UserError

if TYPE_CHECKING:
    from kshot.eval.report.prompting.run_data import RunData


@dataclass(frozen=True, slots=True)
class Result:
    """A finding, what was measured, and the verdict."""

    finding: Finding
    tables: Tables
    estimate: Estimate
    p: float  # the estimate's, after Holm over all findings judged with it
    verdict: Verdict
    arms: tuple[str, ...]  # what they are called


def judged(findings: Sequence[Finding], run: RunData, *, draws: int = DRAWS) -> list[Result]:
    """The findings' verdicts from one model's run, in the order given. Raises UserError where answers lack."""
    answered = AnsweredCells(run)
    return judged_from([(finding, answered.tables_of(finding)) for finding in findings], draws=draws)


def judged_answered(
    findings: Sequence[Finding], answered: AnsweredCells, *, draws: int = DRAWS
) -> tuple[list[Result], list[Finding]]:
    """The verdicts on findings that were answered to their end, and those that were not.

    What compares two models is neither.
    """
    whole, left = list[tuple[Finding, Tables]](), list[Finding]()
    for finding in findings:
        if finding.of_two_models:
            continue
        try:
            whole.append((finding, answered.tables_of(finding)))
        except UserError:
            left.append(finding)
    return judged_from(whole, draws=draws), left


def judged_from(tables: Sequence[tuple[Finding, Tables]], *, draws: int = DRAWS) -> list[Result]:
    """The verdicts on findings with what was answered, corrected for all of them."""
    estimates = [estimated(each, finding.effect, finding.effect.test, draws=draws) for finding, each in tables]
    corrected = holm([estimate.p for estimate in estimates])
    return [
        Result(finding, each, estimate, p, verdict(estimate, finding.direction, finding.margin, p), finding.effect.arms)
        for (finding, each), estimate, p in zip(tables, estimates, corrected, strict=True)
    ]
