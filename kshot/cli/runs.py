"""The commands on a run's folder: show, report, rescore, export, compare, view."""

from __future__ import annotations

from pathlib import Path

import click

from kshot.cli.options import with_json

OUTCOMES = ("right", "partial", "wrong", "scored", "unparsed", "truncated")  # of kshot.eval.report.model


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", "-t", help="Task, as the report names it.")
@click.option("--strategy", "-s", help="Strategy, as the report names it.")
@click.option("--sample", help="Sample id.")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Only such attempts.")
@click.option("--count", "-n", type=click.IntRange(min=1), default=1, show_default=True, help="How many to show.")
def show(
    run: Path, task: str | None, strategy: str | None, sample: str | None, outcome: str | None, count: int
) -> None:
    """Show attempts of a RUN folder: prompt, completion, what was extracted and by which rule, target."""
    from kshot.harness.runs.console import print_attempts

    print_attempts(run, count, task, strategy, sample, outcome)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--baseline", help="Strategy that the others are compared with.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write into. [default: RUN]")
@with_json
def report(run: Path, baseline: str | None, out: Path | None, as_json: bool) -> None:
    """Make a RUN folder's report again: terminal table, report.md, report.html, figures. RUN may be a study's."""
    if (run / "study.json").is_file():
        from kshot.adapters.study.console import finish as finish_study

        finish_study(run, baseline, out, as_json=as_json)
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
    from kshot.harness.runs.console import finish
    from kshot.harness.runs.run import rescore as again

    count, changed = again(run, metrics, trust_code=trust_code)
    click.echo(f"{count} records read again, {changed} changed")
    finish(run, None)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "-f", "format_", type=click.Choice(["parquet", "csv"]), default="parquet", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write into. [default: RUN/export]")
@click.option(
    "--as-is", is_flag=True, help="Write CSV text as it is; a spreadsheet may run what begins with = + - or @."
)
def export(run: Path, format_: str, out: Path | None, as_is: bool) -> None:
    """Write a RUN's scores, records and calls as tables: scores.parquet, records.parquet, calls.parquet (or .csv).

    In CSV, text that a spreadsheet would run as a formula has a ' before it.
    """
    from kshot.harness.runs.export import export as write

    for path, count in write(run, out or run / "export", format_, as_is=as_is):
        click.echo(f"{path}: {count:,} rows")


@click.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@with_json
def compare(first: Path, second: Path, as_json: bool) -> None:
    """Compare two RUN folders on the samples they share, paired."""
    from kshot.harness.runs.console import print_comparison

    print_comparison(first, second, as_json=as_json)


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
