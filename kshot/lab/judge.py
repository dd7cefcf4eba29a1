"""All findings of a run judged together: estimates, Holm's correction over the family, a verdict each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kshot.eval.statistics import holm
from kshot.lab.claims.estimate import DRAWS, Estimate, Tables, estimated
from kshot.lab.claims.finding import Finding
from kshot.lab.claims.verdict import Verdict, verdict
from kshot.lab.read import tables_of

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
    tables = [tables_of(finding, run) for finding in findings]
    estimates = [
        estimated(each, finding.effect, finding.effect.test, draws=draws)
        for finding, each in zip(findings, tables, strict=True)
    ]
    corrected = holm([estimate.p for estimate in estimates])
    return [
        Result(finding, table, estimate, p, verdict(estimate, finding.direction, finding.margin, p))
        for finding, table, estimate, p in zip(findings, tables, estimates, corrected, strict=True)
    ]
