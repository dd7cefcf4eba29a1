"""What `kshot reproduce` does once its words are read: list, run with progress, judge and write the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kshot.harness.engines.registry import NamedEngine
    from kshot.lab.claims.finding import Finding


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
    names: Sequence[str],
    named: NamedEngine,
    folder: Path,
    data: Path | None,
    hours: float | None,
    reuse: Sequence[Path] = (),
    share: tuple[int, int] = (1, 1),
) -> None:
    """Runs findings and shows how far it is, then writes the report."""
    from rich.console import Console

    from kshot.eval.report.prompting.scale import Tally
    from kshot.eval.report.safe_text import clean
    from kshot.harness.runner import Progress
    from kshot.harness.runs.progress import shown_on
    from kshot.harness.runs.sizes import size_of_engine
    from kshot.lab.cost import Portion, share_of, steps
    from kshot.lab.run import Watch, named_findings, reproduce
    from kshot.types import Record, UserError

    findings = named_findings(names)
    note = named.note()
    console = Console(stderr=True)

    def tell(said: str) -> None:
        console.print(clean(said), highlight=False, markup=False)

    if note:
        tell(f"{named.model}: {note}")
    bar = shown_on(console)
    tallies = [Tally({})]

    planned = sum(step.attempts for step in share_of(steps(findings), *share))
    if not planned and share != (1, 1):
        raise UserError(
            f"share {share[0]}/{share[1]} has nothing to ask: these findings have fewer prompts; give fewer shares."
        )
    of = "finding" if len(findings) == 1 else "findings"
    console.print(f"{len(findings)} {of}: {planned:,} attempts, what they share counted once", highlight=False)

    def begin(step: Portion, at: int, hours_left: float | None) -> None:
        tallies.append(Tally({}))
        about = "" if hours_left is None else f", about {hours_left:.1f} hours left"
        bar.begin(f"{step.finding.name} ({at} of {len(findings)}{about})", step.attempts)

    def on_record(record: Record) -> None:
        tallies[-1].add(record.score)

    def progress(state: Progress) -> None:
        taken = f"  {state.reused:,} taken from other runs" if state.reused else ""
        bar.show(tallies[-1].done, f"{state.generated_tokens:,} tokens  {state.in_flight} in flight{taken}")

    info = {"model": named.model, "note": note, **size_of_engine(named)}
    try:
        with bar:
            watch = Watch(begin, on_record, progress, tell)
            left = reproduce(findings, named, folder, data, watch, info=info, hours=hours, reuse=reuse, share=share)
    except KeyboardInterrupt:
        click.echo(f"\nkshot: stopped; all that was answered is kept in {folder}.", err=True)
        raise
    if left:
        click.echo(f"kshot: the hours are over with {len(left)} findings left; the same command goes on.", err=True)
    if share != (1, 1):
        click.echo(
            f"share {share[0]}/{share[1]} lies in {folder}: the command without --share, with --reuse for the folder "
            "of each share, puts them together and judges them."
        )
        return
    finish([folder])


def finish(folders: Sequence[Path], out: Path | None = None, *, as_json: bool = False) -> None:
    """Judges all that was settled in runs and answered to the end, prints the report and leaves it in `out`.

    With one run that is its own folder, if no other is given. Raises UserError as `judged_run` does.
    """
    from kshot.eval.report.publish import publish
    from kshot.lab.report import report_of
    from kshot.lab.several import between, judged_run, ordered, said, told
    from kshot.types import UserError

    if len(folders) > 1 and out is None:
        raise UserError("a report of several runs lies in none of them: say where with --out FOLDER.")
    runs = ordered([judged_run(folder) for folder in folders])
    compared = between(runs)
    found = [told(run) for run in runs]
    results = found[0] if len(found) == 1 else {"models": found, "between_models": [said(each) for each in compared]}
    report = replace(report_of(runs, compared), results=results)
    publish(report, out or folders[0], findings=len(runs), as_json=as_json)
