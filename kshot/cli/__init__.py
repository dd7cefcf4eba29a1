"""The commands: parse, call, print. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import kshot
from kshot.cli.classic import classic
from kshot.cli.group import SETTINGS, Commands
from kshot.cli.options import BATCH, BATCH_HELP, MODEL_OPTIONS, with_options
from kshot.cli.tune import tune
from kshot.harness.runs.console import finish, print_prompts, run_plan
from kshot.types import UserError

BENCH_EXAMPLES = """
\b
Examples:
  kshot bench --task word-pairs --strategy zero-shot --strategy few-shot:k=8
  kshot bench --task gsm8k --data DIR --limit 60 --model MODEL_FOLDER \\
      --strategy zero-shot-cot --strategy chain-of-thought \\
      --strategy self-consistency:base=chain-of-thought,n=10,temperature=0.7
  kshot bench --task questions.jsonl --strategy instruction --strategy few-shot:k=4
  kshot bench --task my_task.py:my_task --strategy zero-shot --dry-run
  kshot bench --task word-pairs --strategy zero-shot --adapter runs/tune/lora-n32-s0

A run is kept in RUNS/RUN. The same command again resumes it, with whatever --batch.
"""


@click.group(cls=Commands, context_settings=SETTINGS)
@click.version_option(kshot.__version__, prog_name="kshot")
def main() -> None:
    """Compare prompt strategies on open language models: what works, by how much, is it real, at what cost.

    \b
    Start with:
      kshot demo             seven strategies on four tasks with a small bundled model
      kshot list             tasks, strategies and models that can be named
      kshot bench --help     your own comparison
      kshot tune --help      train adapters, beside prompting on the same samples
    """


@main.command(epilog=BENCH_EXAMPLES)
@click.option(
    "--task",
    "-t",
    "tasks",
    multiple=True,
    required=True,
    help="Task: name[:key=value,...], file.py:name, or file.jsonl. Repeatable.",
)
@click.option(
    "--strategy", "-s", "strategies", multiple=True, required=True, help="Strategy: name[:key=value,...]. Repeatable."
)
@with_options(MODEL_OPTIONS)
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of local JSONL sets, SET/SPLIT.jsonl; instead of the hub."
)
@click.option("--limit", "-n", type=int, help="At most so many samples a task.")
@click.option("--adapter", type=click.Path(path_type=Path), help="Folder of an adapter for the model (`kshot tune`).")
@click.option("--repeats", type=int, default=1, show_default=True, help="Attempts at each sample, with other draws.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of generated samples.")
@click.option("--run", "run_name", help="Name of the run. [default: made from tasks and model]")
@click.option(
    "--runs", default="runs", show_default=True, type=click.Path(path_type=Path), help="Folder that holds runs."
)
@click.option("--baseline", help="Strategy that the others are compared with. [default: zero-shot, or the first]")
@click.option("--dry-run", is_flag=True, help="Print the prompts and count their tokens; no model is run.")
def bench(
    tasks: tuple[str, ...],
    strategies: tuple[str, ...],
    model: str,
    device: str,
    dtype: str,
    template: str,
    batch: int | None,
    trust_remote_code: bool,
    data: Path | None,
    limit: int | None,
    adapter: Path | None,
    repeats: int,
    seed: int,
    run_name: str | None,
    runs: Path,
    baseline: str | None,
    dry_run: bool,
) -> None:
    """Run tasks x strategies on a model, and report.

    Accuracy with Wilson intervals, unread answers counted apart, paired tests against a baseline with
    Holm's correction, tokens and seconds. Everything that was asked and answered is kept.
    """
    from kshot.harness.runs.run import Plan

    if data is not None and not data.is_dir():
        raise UserError(f"--data {data} is not a folder; give one that holds SET/SPLIT.jsonl.")
    plan = Plan(tasks, strategies, data.resolve() if data else None, limit, seed, repeats)
    options = {
        "device": device,
        "dtype": dtype,
        "template": template,
        "rows": batch,
        "trust_remote_code": trust_remote_code,
        **({"adapter": adapter} if adapter else {}),
    }
    if dry_run:
        print_prompts(plan, model, template, trust_remote_code)
        return
    folder = runs / (run_name or default_name(tasks, f"{model}+{adapter.name}" if adapter else model))
    if run_plan(plan, model, options, folder, baseline):
        finish(folder, baseline)


def default_name(tasks: tuple[str, ...], model: str) -> str:
    """A run's name, from what is run."""
    import re

    return re.sub(r"[^A-Za-z0-9._-]+", "-", f"{'+'.join(tasks)}--{Path(model).name}").strip("-")[:100]


@main.command(name="list")
@click.argument("what", required=False, type=click.Choice(["tasks", "strategies", "methods", "models"]))
def list_(what: str | None) -> None:
    """What can be named: tasks, strategies, adapter methods, models, with their hyperparameters and defaults."""
    from kshot.adapters.methods import METHODS
    from kshot.eval.tasks import TASKS
    from kshot.harness.models.bundled import BUNDLED
    from kshot.prompts.strategies import STRATEGIES
    from kshot.registry import hyperparameters

    registries: dict[str, Any] = {"tasks": TASKS, "strategies": STRATEGIES, "methods": METHODS}
    for kind, registry in registries.items():
        if what not in (None, kind):
            continue
        click.secho(kind, bold=True)
        for name in registry:
            function = registry.find(name)
            params = ", ".join(f"{key}={value}" for key, value in hyperparameters(function).items())
            click.echo(f"  {name}" + (f"  ({params})" if params else ""))
            click.echo(f"      {(function.__doc__ or '').strip().splitlines()[0]}")
        click.echo()
    if what in (None, "models"):
        click.secho("models", bold=True)
        for name, entry in BUNDLED.items():
            click.echo(f"  {name}\n      {entry.licence}; {entry.note}")
        click.echo("  owner/name, FOLDER, FILE.gguf\n      a hub id, a folder of transformers' files, a GGUF file")


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", "-t", help="Task, as the report names it.")
@click.option("--strategy", "-s", help="Strategy, as the report names it.")
@click.option("--sample", help="Sample id.")
@click.option("--outcome", type=click.Choice(["right", "wrong", "unparsed", "truncated"]), help="Only such attempts.")
@click.option("--count", "-n", default=1, show_default=True, help="How many to show.")
def show(
    run: Path, task: str | None, strategy: str | None, sample: str | None, outcome: str | None, count: int
) -> None:
    """Show attempts of a RUN folder: prompt, completion, what was extracted and by which rule, target."""
    from rich.console import Console

    from kshot.eval.report.prompting.build import outcome_of, transcript
    from kshot.eval.report.prompting.short_names import abbreviated, resolve
    from kshot.eval.report.terminal import show as show_transcript
    from kshot.harness.runs.run import read_run
    from kshot.registry import suggest

    data, journal = read_run(run)
    data, names = abbreviated(data)
    strategy = resolve(strategy, names)
    with journal:
        for label, given, field in (
            ("task", task, "task"),
            ("strategy", strategy, "strategy"),
            ("sample", sample, "sample_id"),
        ):
            known = {getattr(record, field) for record in data.records}
            if given is not None and given not in known:
                raise UserError(f"the run has no {label} {given!r}: {suggest(given, sorted(known)[:40])}")
        found = [
            record
            for record in data.records
            if task in (None, record.task)
            and strategy in (None, record.strategy)
            and sample in (None, record.sample_id)
            and outcome in (None, outcome_of(record))
        ]
        if not found:
            raise UserError("no attempt of the run fits all that was asked for; drop one of the options.")
        for record in found[:count]:
            show_transcript(transcript(data, record), Console())
        click.echo(f"{min(count, len(found))} of {len(found)} fitting attempts")


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--baseline", help="Strategy that the others are compared with.")
def report(run: Path, baseline: str | None) -> None:
    """Make a RUN folder's report again: terminal table, report.md, report.html, figures. RUN may be a study's."""
    if (run / "study.json").is_file():
        from kshot.adapters.study.console import finish as finish_study

        finish_study(run, baseline)
    else:
        finish(run, baseline)


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
def rescore(run: Path) -> None:
    """Read a RUN's stored completions again with today's extraction rules; no model is asked."""
    from kshot.harness.runs.run import rescore as again

    count, changed = again(run)
    click.echo(f"{count} records read again, {changed} changed")
    finish(run, None)


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "-f", "format_", type=click.Choice(["parquet", "csv"]), default="parquet", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write into. [default: RUN/export]")
def export(run: Path, format_: str, out: Path | None) -> None:
    """Write a RUN's records and calls as tables: records.parquet, calls.parquet (or .csv)."""
    from kshot.harness.runs.export import export as write

    for path, count in write(run, out or run / "export", format_):
        click.echo(f"{path}: {count:,} rows")


@main.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
def compare(first: Path, second: Path) -> None:
    """Compare two RUN folders on the samples they share, paired."""
    from rich.console import Console

    from kshot.eval.report import terminal
    from kshot.eval.report.prompting.build import compare as compare_runs
    from kshot.harness.runs.run import read_run

    a, journal_a = read_run(first)
    b, journal_b = read_run(second)
    with journal_a, journal_b:
        terminal.render(compare_runs(a, b), Console())


@main.command()
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


@main.command()
@click.option("--batch", type=BATCH, default="auto", show_default=True, help=BATCH_HELP)
@click.option(
    "--runs", default="runs", show_default=True, type=click.Path(path_type=Path), help="Folder that holds runs."
)
@click.option("--limit", "-n", type=int, default=None, help="Samples a task. [default: 32]")
def demo(batch: int | None, runs: Path, limit: int | None) -> None:
    """Seven strategies on four tasks with the bundled model, in minutes, to a report in runs/demo."""
    from kshot.harness.runs.demo import demo_plan

    run_plan(demo_plan(limit), "smollm2-135m", {"rows": batch, "template": "plain"}, runs / "demo")
    finish(runs / "demo", None)


main.add_command(tune)
main.add_command(classic)
