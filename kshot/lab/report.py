"""The report of findings tried again on one model: one table for hits and misses, sorted by source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from kshot.eval.report.model import Block, Cell, Column, Report, Section, Table, Tone, columns
from kshot.eval.report.numbers import probability
from kshot.lab.claims.finding import Finding
from kshot.lab.claims.verdict import VERDICTS, Verdict
from kshot.lab.figures import family_figure, finding_figure
from kshot.lab.judge import Result

TONES: dict[Verdict, Tone] = {"reproduced": "good", "opposite": "bad", "absent": "plain", "undecided": "quiet"}


def report_of(
    model: str, results: Sequence[Result], left_out: Sequence[Finding] = (), hours: float | None = None
) -> Report:
    """The report. `left_out` are findings that have not been run to their end; `hours` what the run took."""
    results = sorted(results, key=lambda each: (each.finding.source, each.finding.name))
    sections = [Section("The findings", [table(results), family_figure(results)])] if results else []
    sections += [Section(result.finding.name, detail(result)) for result in results]
    sections.append(Section("How verdicts come about", method(results, left_out, hours), background=True))
    return Report(f"findings of the literature on {model}", summary(model, results, left_out), sections)


def counts(results: Sequence[Result]) -> str:
    """ "9 reproduced in shape, 3 opposite, 5 absent here, 10 not decided"."""
    found = Counter(result.verdict for result in results)
    return ", ".join(f"{found[each]} {said}" for each, said in VERDICTS.items())


def summary(model: str, results: Sequence[Result], left_out: Sequence[Finding]) -> list[str]:
    """What came of it, in sentences."""
    said = [f"Of {len(results)} findings on {model}: {counts(results)} (Holm over all of them)."]
    if left_out:
        names = ", ".join(finding.name for finding in left_out)
        said.append(f"Not run to their end, and judged nowhere: {names}.")
    return said


def signed(value: float) -> str:
    """Points with their sign."""
    return f"{value:+.1f}".replace("-", "−")


def measured(result: Result) -> str:
    """ "+4.2 (−1.0 to +9.3)"."""
    interval = result.estimate.interval
    return f"{signed(result.estimate.value)} ({signed(interval.low)} to {signed(interval.high)})"


def would_decide(result: Result) -> str:
    """What it would have taken, where it is not decided."""
    if result.verdict != "undecided":
        return ""
    needed = result.estimate.samples_needed
    more = f"; the effect seen would take {needed:,} samples" if needed else ""
    return f"shows from {result.estimate.detectable:.1f} on{more}"


def table(results: Sequence[Result]) -> Table:
    """One row a finding."""
    rows: list[list[str | Cell]] = [
        [
            result.finding.source.partition(",")[0],
            result.finding.name,
            Cell(VERDICTS[result.verdict], TONES[result.verdict]),
            measured(result),
            claimed(result.finding),
            probability(result.p),
            f"{result.finding.n} × {result.finding.seeds}",
            would_decide(result),
        ]
        for result in results
    ]
    heads = [
        *columns("source", "finding", "verdict", "effect#"),
        *(Column("claimed", wide_only=True), *columns("p (Holm)#"), Column("n × seeds", numeric=True, wide_only=True)),
        Column("if not decided", wide_only=True),
    ]
    return Table(
        "Findings",
        heads,
        rows,
        "Effects with 95% intervals over samples and exemplar seeds, in the points of each finding's section, which "
        "has its claim and its source. Claims, margins, n and seeds were settled and hashed before anything was asked. "
        "Not decided: the smallest effect that so many samples show in four of five tries.",
    )


def claimed(finding: Finding) -> str:
    """The direction, and the margin within which an effect is as good as none."""
    way = {"above": "above 0", "below": "below 0", "near": "no effect"}[finding.direction]
    return f"{way}, ±{finding.margin:g}"


def detail(result: Result) -> list[Block]:
    """A finding's claim, where it is from, what was measured, and its picture."""
    finding = result.finding
    lines = [f"{finding.claim} ({finding.source}; there: {finding.scale}.)"]
    if finding.numbers:
        lines.append(f"There: {finding.numbers}.")
    lines.append(f"Here: {measured(result)} {finding.unit}: {VERDICTS[result.verdict]}. Hash {finding.hash}.")
    rows = [
        [chr(ord("a") + at) if len(finding.effect.arms) <= 3 else str(at), arm]
        for at, arm in enumerate(finding.effect.arms)
    ]
    arms = Table(f"Arms of {finding.name}", columns("arm", "strategy"), rows)
    return [*lines, finding_figure(result), arms]


def method(results: Sequence[Result], left_out: Sequence[Finding], hours: float | None) -> list[str]:
    """The rules, and what it took."""
    said = [
        "Reproduced in shape: the effect lies beyond 0 the claimed way, by its p after Holm's correction over all "
        "findings of this report. Opposite: beyond 0 the other way. Absent here: its 90% interval lies within the "
        "margin (two one-sided tests). Not decided: none of these. Of a claim of no effect: within the margin, or "
        "beyond it.",
        "Samples and exemplar seeds are drawn again together (Owen 2007); tasks are fixed.",
    ]
    if hours is not None:
        said.append(f"The answers took {hours:.1f} hours of the model's time.")
    return said


def as_json(model: str, results: Sequence[Result], info: Mapping[str, object] | None = None) -> dict[str, object]:
    """The verdicts for scripts."""
    return {
        "model": model,
        **(info or {}),
        "findings": [
            {
                "name": each.finding.name,
                "hash": each.finding.hash,
                "verdict": each.verdict,
                "effect": each.estimate.value,
                "interval": [each.estimate.interval.low, each.estimate.interval.high],
                "p": each.estimate.p,
                "p_holm": each.p,
                "n": each.finding.n,
                "seeds": each.finding.seeds,
                "unit": each.finding.unit,
            }
            for each in results
        ],
    }
