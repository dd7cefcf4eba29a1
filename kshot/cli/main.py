"""The program: its commands, a demo, and what can be named. Everything heavy is imported inside the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

import kshot
from kshot.cli.bench import bench
from kshot.cli.classic import classic
from kshot.cli.group import SETTINGS, Commands
from kshot.cli.judge import judge
from kshot.cli.options import BATCH, BATCH_HELP, with_json
from kshot.cli.reproduce import reproduce
from kshot.cli.runs import compare, export, report, rescore, show, view
from kshot.cli.search import search
from kshot.cli.tune import tune

KINDS = ("tasks", "strategies", "searches", "metrics", "engines", "methods", "models")


@click.group(cls=Commands, context_settings=SETTINGS)
@click.version_option(kshot.__version__, prog_name="kshot")
def main() -> None:
    """Compare prompt strategies on open language models: what works, by how much, is it real, at what cost.

    \b
    Start with:
      kshot demo             seven strategies on four tasks with a small bundled model
      kshot list             tasks, strategies, engines and models that can be named
      kshot bench --help     your own comparison
      kshot search --help    let programs look for prompts
      kshot tune --help      train adapters, beside prompting on the same samples
    """


@main.command(name="list")
@click.argument("what", required=False, type=click.Choice(KINDS))
@with_json
def list_(what: str | None, as_json: bool) -> None:
    """What can be named, with hyperparameters and defaults: tasks, strategies, searches, metrics, engines ..."""
    import kshot.adapters.registered  # noqa: F401  the engine that only adapters know
    from kshot.adapters.methods import METHODS
    from kshot.eval.metrics import METRICS
    from kshot.eval.tasks import GROUPS, TASKS
    from kshot.harness.engines import ENGINES
    from kshot.harness.models.bundled import BUNDLED
    from kshot.harness.runs.console import known_as_json, print_groups, print_known, print_models
    from kshot.prompts.search import SEARCHES
    from kshot.prompts.strategies import STRATEGIES

    registries: dict[str, Any] = {
        "tasks": TASKS,
        "strategies": STRATEGIES,
        "searches": SEARCHES,
        "metrics": METRICS,
        "engines": ENGINES,
        "methods": METHODS,
    }
    if as_json:
        shown = known_as_json({kind: registry for kind, registry in registries.items() if what in (None, kind)})
        if what in (None, "tasks"):
            shown["groups"] = {name: list(members) for name, members in GROUPS.items()}
        if what in (None, "models"):
            shown["models"] = {name: {"licence": one.licence, "about": one.note} for name, one in BUNDLED.items()}
        click.echo(json.dumps(shown, indent=1))
        return
    for kind, registry in registries.items():
        if what in (None, kind):
            print_known(kind, registry)
            if kind == "tasks":
                print_groups()
    if what in (None, "models"):
        print_models()


@main.command()
@click.option("--batch", type=BATCH, default="auto", show_default=True, help=BATCH_HELP)
@click.option(
    "--runs", default="runs", show_default=True, type=click.Path(path_type=Path), help="Folder that holds runs."
)
@click.option("--limit", "-n", type=int, default=None, help="Samples a task. [default: 32]")
def demo(batch: int | None, runs: Path, limit: int | None) -> None:
    """Seven strategies on four tasks with the bundled model, in minutes, to a report in runs/demo."""
    from kshot.harness.runs.console import finish, run_plan
    from kshot.harness.runs.demo import demo_engine, demo_plan

    run_plan(demo_plan(limit), demo_engine(batch), runs / "demo")
    finish(runs / "demo", None)


for _command in (bench, search, tune, reproduce, classic, judge, show, report, rescore, export, compare, view):
    main.add_command(_command)
