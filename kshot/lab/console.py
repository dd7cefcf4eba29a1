"""What `kshot reproduce` does once its words are read: list, run with progress, judge and write the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kshot.harness.engines.registry import NamedEngine
    from kshot.lab.claims.finding import Finding

VERDICTS_FILE = "verdicts.json"


def print_findings(cost: bool = False) -> None:
    """Every finding: its claim, where it is from, what is asked to try it; or what all of them take."""
    from kshot.lab.findings import FINDINGS

    if cost:
        print_cost(list(FINDINGS.values()))
        return
    for finding in FINDINGS.values():
        star = " *" if finding.starred else ""
        click.secho(f"{finding.name}{star}", bold=True)
        click.echo(f"    {finding.claim}")
        asked = f"{len(finding.strategies())} strategies on {', '.join(finding.tasks)}, {finding.n} samples each"
        click.echo(f"    {finding.source}; {asked}; {finding.hash}")


def print_cost(findings: Sequence[Finding]) -> None:
    """Attempts by finding in the order of a run, beyond those before it; then by kind of strategy and task."""
    from kshot.lab.cost import by_kind, steps

    ordered = steps(findings)
    for step in ordered:
        click.echo(f"{step.attempts:>9,}  {step.finding.name}")
    total, starred = (
        sum(step.attempts for step in steps(some)) for some in (findings, [f for f in findings if f.starred])
    )
    click.echo(f"{total:>9,}  in all, what findings share counted once; the starred ones alone: {starred:,}")
    for kind, tasks in by_kind(ordered).items():
        click.echo(f"{sum(tasks.values()):>9,}  {kind}: {', '.join(f'{task} {n:,}' for task, n in tasks.items())}")


def run_findings(
    names: Sequence[str], named: NamedEngine, folder: Path, data: Path | None, hours: float | None
) -> None:
    """Runs findings and shows how far it is, then writes the report."""
    from rich.console import Console

    from kshot.eval.report.prompting.scale import Tally
    from kshot.eval.report.safe_text import clean
    from kshot.harness.runner import Progress
    from kshot.harness.runs.progress import shown_on
    from kshot.lab.cost import Step, steps
    from kshot.lab.run import Watch, named_findings, reproduce
    from kshot.types import Record

    findings = named_findings(names)
    note = named.note()
    console = Console(stderr=True)
    if note:
        console.print(clean(f"{named.model}: {note}"), highlight=False, markup=False)
    bar = shown_on(console)
    tallies = [Tally({})]

    planned = sum(step.attempts for step in steps(findings))
    console.print(f"{len(findings)} findings: {planned:,} attempts, what they share counted once", highlight=False)

    def begin(step: Step, at: int, hours_left: float | None) -> None:
        tallies.append(Tally({}))
        about = "" if hours_left is None else f", about {hours_left:.1f} hours left"
        bar.begin(f"{step.finding.name} ({at} of {len(findings)}{about})", step.attempts)

    def on_record(record: Record) -> None:
        tallies[-1].add(record.score)

    def progress(state: Progress) -> None:
        bar.show(tallies[-1].done, f"{state.generated_tokens:,} tokens  {state.in_flight} in flight")

    info = {"model": named.model, "note": note}
    try:
        with bar:
            left = reproduce(findings, named, folder, data, Watch(begin, on_record, progress), info=info, hours=hours)
    except KeyboardInterrupt:
        click.echo(f"\nkshot: stopped; all that was answered is kept in {folder}.", err=True)
        raise
    if left:
        click.echo(f"kshot: the hours are over with {len(left)} findings left; the same command goes on.", err=True)
    finish(folder)


def finish(folder: Path, out: Path | None = None) -> None:
    """Judges all that was settled in a folder and answered to the end, prints the report and leaves it there.

    Raises UserError for a folder without findings, or whose findings are not this kshot's.
    """
    from kshot.eval.report.publish import publish
    from kshot.harness.runs.read import read_run
    from kshot.lab.findings import FINDINGS
    from kshot.lab.judge import judged_whole
    from kshot.lab.report import as_json, report_of
    from kshot.lab.run import SETTLED, settled
    from kshot.types import UserError
    from kshot.whole_file import write_whole

    known = settled(folder)
    if not known:
        raise UserError(f"{folder} holds no findings ({SETTLED}): give a folder of `kshot reproduce run`.")
    findings = [
        FINDINGS[name] for name, said in known.items() if name in FINDINGS and FINDINGS[name].hash == said["hash"]
    ]
    others = known.keys() - {finding.name for finding in findings}
    if others:
        raise UserError(
            f"{sorted(others)[0]} in {folder} was settled by another kshot and means another thing in this one: judge "
            "it with that one, or run it again under another --run name."
        )
    run, journal = read_run(folder)
    with journal:
        results, left = judged_whole(findings, run)
        hours = sum(float(said.get("seconds", 0)) for said in known.values()) / 3600
        model = str(run.info.get("model", run.name))
        publish(report_of(model, results, left, hours), out or folder, findings=1)
        said = as_json(model, results, {"hours": round(hours, 2), "not_run": [finding.name for finding in left]})
        write_whole((out or folder) / VERDICTS_FILE, json.dumps(said, indent=2) + "\n")
