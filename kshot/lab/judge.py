"""All findings of a run judged together: estimates, Holm's correction over the family, a verdict each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kshot.eval.statistics import holm
from kshot.lab.claims.estimate import DRAWS, Estimate, Tables, estimated
from kshot.lab.claims.finding import Finding
from kshot.lab.claims.verdict import Verdict, verdict
from kshot.lab.read import Answered
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


def judged(findings: Sequence[Finding], run: RunData, *, draws: int = DRAWS) -> list[Result]:
    """The findings' verdicts from one model's run, in the order given. Raises UserError where answers lack."""
    answered = Answered(run)
    return judged_from([(finding, answered.tables_of(finding)) for finding in findings], draws=draws)


def judged_whole(
    findings: Sequence[Finding], run: RunData, *, draws: int = DRAWS
) -> tuple[list[Result], list[Finding]]:
    """The verdicts on those that were answered to their end, and those that were not."""
    answered, whole, left = Answered(run), list[tuple[Finding, Tables]](), list[Finding]()
    for finding in findings:
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
        Result(finding, each, estimate, p, verdict(estimate, finding.direction, finding.margin, p))
        for (finding, each), estimate, p in zip(tables, estimates, corrected, strict=True)
    ]
