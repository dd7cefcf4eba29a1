"""The report of findings tried again: one table for hits and misses, sorted by source, with a column a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from kshot.eval.report.model import Block, Column, Report, Section, Table, columns
from kshot.eval.report.numbers import probability
from kshot.lab import findings as registered
from kshot.lab.claims.finding import Finding
from kshot.lab.claims.verdict import VERDICTS
from kshot.lab.figures import family_figure, finding_figure, labels
from kshot.lab.judge import Result
from kshot.lab.several import Judged

Named = tuple[str, Result]
"""A result and the model that it is of."""


def report_of(runs: Sequence[Judged], compared: Sequence[Result] = ()) -> Report:
    """The report of a run a model; `compared` are the findings that compare models, judged on two of the runs."""
    found = by_finding(runs)
    sections = []
    if found:
        head: list[Block] = [in_one_table(runs, found)] if len(runs) > 1 else [table(runs[0].model, runs[0].results)]
        sections.append(Section("The findings", [*head, family_figure({run.model: run.results for run in runs})]))
    if compared:
        title = "Between the smallest and the largest model"
        sections.append(Section(title, [BETWEEN, table(title, compared), family_figure({title: compared})]))
    sections += [Section(finding.name, detail(finding, results)) for finding, results in found.items()]
    sections += [Section(each.finding.name, detail(each.finding, [("between models", each)])) for each in compared]
    if len(runs) > 1:
        sections += [Section(f"On {run.model}", [table(run.model, run.results)]) for run in runs if run.results]
    sections.append(Section("How verdicts come about", list(method(runs)), background=True))
    models = " and ".join(run.model for run in runs)
    return Report(f"findings of the literature on {models}", list(summary(runs, compared)), sections)


BETWEEN = (
    "Differences of differences on the same samples. The models may differ in family, data and tuning as well as in "
    "size, so that this illustrates what size does and cannot show it. Holm over these findings alone."
)


def in_order(results: Iterable[Result]) -> list[Result]:
    """By source, whatever came of them."""
    return sorted(results, key=lambda each: (each.finding.source, each.finding.name))


def by_finding(runs: Sequence[Judged]) -> dict[Finding, list[Named]]:
    """Every finding that was judged on any model, by source, with what came of it on each."""
    found: dict[Finding, list[Named]] = {}
    for result in in_order(result for run in runs for result in run.results):
        found.setdefault(result.finding, [])
    for run in runs:
        for result in run.results:
            found[result.finding].append((run.model, result))
    return found


def counts(results: Sequence[Result]) -> str:
    """ "9 reproduced in shape, 3 opposite, 5 absent here, 10 not decided"."""
    found = Counter(result.verdict for result in results)
    return ", ".join(f"{found[each]} {said}" for each, said in VERDICTS.items())


def summary(runs: Sequence[Judged], compared: Sequence[Result]) -> Iterator[str]:
    """What came of it, in sentences."""
    for run in runs:
        yield f"Of {len(run.results)} findings on {run.model}: {counts(run.results)} (Holm over all of them)."
    if compared:
        yield f"Of {len(compared)} findings that compare the smallest and the largest: {counts(compared)}."
    for run in runs:
        if run.left:
            names = ", ".join(finding.name for finding in run.left)
            yield f"Not run to their end on {run.model}, and judged nowhere: {names}."


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


CAPTION = (
    "Effects with 95% intervals over samples and exemplar seeds, in the points of each finding's section, which has "
    "its claim and its source. Claims, margins, n and seeds were settled and hashed before anything was asked. Not "
    "decided: the smallest effect that so many samples show in four of five tries."
)


def table(title: str, results: Sequence[Result]) -> Table:
    """One row a finding; what came of it changes nothing but its words."""
    rows = [
        [
            result.finding.source.partition(",")[0],
            result.finding.name,
            VERDICTS[result.verdict],
            measured(result),
            claimed(result.finding),
            probability(result.p),
            f"{result.finding.n} × {result.finding.seeds}",
            would_decide(result),
        ]
        for result in in_order(results)
    ]
    heads = [
        *columns("source", "finding", "verdict", "effect#"),
        *(Column("claimed", wide_only=True), *columns("p (Holm)#"), Column("n × seeds", numeric=True, wide_only=True)),
        Column("if not decided", wide_only=True),
    ]
    return Table(f"Findings: {title}", heads, rows, CAPTION)


def in_one_table(runs: Sequence[Judged], found: dict[Finding, list[Named]]) -> Table:
    """One row a finding, a column a model."""
    rows = []
    for finding, results in found.items():
        said = {model: f"{VERDICTS[result.verdict]}: {measured(result)}" for model, result in results}
        cells = [said.get(run.model, "not run") for run in runs]
        rows.append([finding.source.partition(",")[0], finding.name, claimed(finding), *cells])
    heads = columns("source", "finding", "claimed", *(run.model for run in runs))
    return Table("Findings", heads, rows, CAPTION)


def claimed(finding: Finding) -> str:
    """The direction, and the margin within which an effect is as good as none."""
    way = {"above": "above 0", "below": "below 0", "near": "no effect"}[finding.direction]
    return f"{way}, ±{finding.margin:g}"


def detail(finding: Finding, results: Sequence[Named]) -> list[Block]:
    """A finding's claim, where it is from, what was measured, and its picture."""
    lines = [f"{finding.claim} ({finding.source}; there: {finding.scale}.)"]
    if finding.numbers:
        lines.append(f"There: {finding.numbers}.")
    for model, result in results:
        decided = would_decide(result)
        more = f" ({decided})" if decided else ""
        where = "Here" if len(results) == 1 else f"On {model}"
        lines.append(f"{where}: {measured(result)} {finding.unit}: {VERDICTS[result.verdict]}{more}.")
    lines.append(f"{finding.n} samples a task, exemplar seeds: {finding.seeds}. Hash {finding.hash}.")
    arms = results[0][1].arms
    rows = [[label, arm] for label, arm in zip(labels(len(arms)), arms, strict=True)]
    return [*lines, finding_figure(results), Table(f"Arms of {finding.name}", columns("arm", "strategy"), rows)]


def method(runs: Sequence[Judged]) -> Iterator[str]:
    """The rules, and what it took."""
    yield (
        "Reproduced in shape: the effect lies beyond 0 the claimed way, by its p after Holm's correction over all "
        "findings of its model. Opposite: beyond 0 the other way. Absent here: its 90% interval lies within the "
        "margin (two one-sided tests). Not decided: none of these. Of a claim of no effect: within the margin, or "
        "beyond it."
    )
    yield "Samples and exemplar seeds are drawn again together (Owen 2007); tasks are fixed."
    for run in runs:
        added = f", those of {run.others} other runs added, some of them side by side" if run.others else ""
        yield f"The answers of {run.model} took {run.hours:.1f} hours of the machine{added}."
        names = [each.name for each in registered.FINDINGS.values() if each.name not in run.asked]
        if names:
            yield f"Never asked of {run.model}: {', '.join(names)}."
