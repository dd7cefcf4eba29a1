"""The commands on a run's folder: show, report, rescore, export, compare, view."""

from __future__ import annotations

from pathlib import Path

import click

from kshot.cli.options import with_json
from kshot.types import UserError

MODEL = click.option("--model", help="Which model's run, of a RUN that holds those of several.")
TESTS = {
    "search": "a search is held against best-human, few-shot and random",
    "reproduce": "each finding says what it compares",
}
OUTCOMES = ("right", "partial", "wrong", "scored", "unparsed", "truncated")  # of kshot.eval.report.model


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", "-t", help="Task, as the report names it.")
@click.option("--strategy", "-s", help="Strategy, as the report names it.")
@click.option("--sample", help="Sample id.")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Only such attempts.")
@click.option("--count", "-n", type=click.IntRange(min=1), default=1, show_default=True, help="How many to show.")
@MODEL
def show(
    run: Path,
    task: str | None,
    strategy: str | None,
    sample: str | None,
    outcome: str | None,
    count: int,
    model: str | None,
) -> None:
    """Show attempts of a RUN folder: prompt, completion, what was extracted and by which rule, target."""
    from kshot.harness.runs.console import print_attempts
    from kshot.harness.runs.members import one_folder

    print_attempts(one_folder(run, model), count, task, strategy, sample, outcome)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--baseline", help="Strategy that the others are compared with.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write into. [default: RUN]")
@with_json
def report(run: Path, baseline: str | None, out: Path | None, as_json: bool) -> None:
    """Make a RUN folder's report again: terminal table, report.md, report.html, figures.

    RUN may be of any command that makes one: bench, tune, search or reproduce; and hold the runs of several models.
    """
    report_of(run, baseline, out, as_json=as_json)


def report_of(run: Path, baseline: str | None = None, out: Path | None = None, *, as_json: bool = False) -> None:
    """Makes the report of a folder's run, whichever command it is of. Raises UserError."""
    from kshot.harness.runs.maker import maker_of
    from kshot.harness.runs.members import is_many

    command = maker_of(run)
    if command in TESTS and baseline is not None:
        raise UserError(f"--baseline {baseline}: {TESTS[command]}; leave it out.")
    if is_many(run):
        from kshot.harness.runs.many import finish_many

        finish_many(run, baseline, out, as_json=as_json)
    elif command == "tune":
        from kshot.adapters.study.console import finish as finish_study

        finish_study(run, baseline, out, as_json=as_json)
    elif command == "search":
        from kshot.harness.runs.search.console import finish as finish_search

        finish_search(run, out, as_json=as_json)
    elif command == "reproduce":
        from kshot.lab.console import finish as finish_findings

        finish_findings((run,), out, as_json=as_json)
    else:
        from kshot.harness.runs.console import finish

        finish(run, baseline, out, as_json=as_json)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--metric", "metrics", multiple=True, help="Score by this too (`kshot list metrics`). Repeatable.")
@click.option(
    "--trust-code",
    is_flag=True,
    help="Run the code of files and folders that the RUN or a --metric names. Off unless you trust it.",
)
def rescore(run: Path, metrics: tuple[str, ...], trust_code: bool) -> None:
    """Read a RUN's stored completions again with today's rules, by further metrics too; no model is asked."""
    from kshot.harness.runs.members import folders_of, is_many
    from kshot.harness.runs.run import rescore as again

    for folder in folders_of(run):
        count, changed = again(folder, metrics, trust_code=trust_code)
        of = f"{folder.name}: " if is_many(run) else ""
        click.echo(f"{of}{count} records read again, {changed} changed")
    report_of(run)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "-f", "format_", type=click.Choice(["parquet", "csv"]), default="parquet", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write into. [default: RUN/export]")
@click.option(
    "--as-is", is_flag=True, help="Write CSV text as it is; a spreadsheet may run what begins with = + - or @."
)
def export(run: Path, format_: str, out: Path | None, as_is: bool) -> None:
    """Write a RUN's scores, records and calls as tables: scores.parquet, records.parquet, calls.parquet (or .csv).

    In CSV, text that a spreadsheet would run as a formula has a ' before it. Of a RUN with the runs of several models
    each has tables of its own, in MODEL/export or FOLDER/MODEL.
    """
    from kshot.harness.runs.export import export as write
    from kshot.harness.runs.members import folders_of

    folders = folders_of(run)
    for folder in folders:
        place = out / folder.name if out and len(folders) > 1 else out or folder / "export"
        for path, count in write(folder, place, format_, as_is=as_is):
            click.echo(f"{path}: {count:,} rows")


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--baseline", help="Strategy that the others are compared with, where there are more than two runs.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write report.html and report.md into.")
@with_json
def compare(runs: tuple[Path, ...], baseline: str | None, out: Path | None, as_json: bool) -> None:
    """Compare RUNS on the samples they share, paired.

    Two runs: the second against the first. More, or a RUN with the runs of several models: the report that
    `kshot bench` makes of several models.
    """
    from kshot.harness.runs.many import compare_runs

    compare_runs(runs, baseline, out, as_json=as_json)


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to use. [default: any that is free]")
@click.option("--open/--no-open", "open_", default=True, show_default=True, help="Open the page in a browser.")
def view(runs: tuple[Path, ...], port: int, open_: bool) -> None:
    """Read RUNS in a browser, of any size and while they are written: filter, search, set side by side.

    RUNS are folders of runs, or folders that hold them; runs/ where none is given. Only this machine can
    connect, and only with the address printed; nothing is changed.
    """
    from kshot.harness.runs.view.server import find_runs, serve

    def ready(address: str) -> None:
        click.echo(f"{address}\nCtrl-C ends it.")
        if open_:
            click.launch(address)

    serve(find_runs(runs or (Path("runs"),)), port, ready)
