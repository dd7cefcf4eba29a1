"""`kshot reproduce`: findings of the literature tried again on an open model."""

from __future__ import annotations

import math
import re
from functools import partial
from pathlib import Path

import click

from kshot.cli.group import SETTINGS, Commands
from kshot.cli.options import ModelOptions, data_folder, refuse_beside_engine, with_json, with_model
from kshot.types import UserError


@click.group(cls=Commands, context_settings=SETTINGS)
def reproduce() -> None:
    """Findings of the prompting literature, tried again on an open model.

    \b
    kshot reproduce list                        the findings, each with its source
    kshot reproduce run few-shot-helps          one of them, to a report
    kshot reproduce run all --data DIR --hours 2
    kshot reproduce report runs/reproduce-smollm2-135m

    What each claims, on which samples and seeds, and when it counts as shown is settled and hashed before anything is
    asked. Each comes to one of four verdicts: reproduced in shape, opposite, absent here, not decided.
    """


@reproduce.command(name="list")
@click.option("--cost", is_flag=True, help="Attempts by finding in the order of a run, what they share counted once.")
def list_(cost: bool) -> None:
    """The findings by source; * is worth its cost on a larger model as well."""
    from kshot.lab.console import print_findings

    print_findings(cost)


def share_named(context: click.Context, parameter: click.Parameter, given: str) -> tuple[int, int]:
    """One of several shares: (which, how many). Raises BadParameter."""
    found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", given)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise click.BadParameter(f"{given!r} is no share: give I/N, such as 2/8 for the second of eight.")
    return int(found[1]), int(found[2])


@reproduce.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME[@HASH]... | starred | all")
@partial(with_model, template="plain")
@click.option(
    "--engine", metavar="NAME[:KEY=VALUE,...]",
    help="What answers, instead of --model and its kin: transformers:model=M,template=plain,memory=4 bounds keys and "
    "values to 4 GB, where several processes share a card (`kshot list engines`).",
)  # fmt: skip
@click.option("--data", type=click.Path(path_type=Path), help="Folder of local JSONL sets, SET/SPLIT.jsonl.")
@click.option(
    "--hours", type=click.FloatRange(min=0, min_open=True), help="Stop after so long; the cheap ones go first."
)
@click.option(
    "--reuse", multiple=True, metavar="RUN_FOLDER",
    help="Take what the same engine was asked in another run already, such as one of other findings on another "
    "machine. Repeatable.",
)  # fmt: skip
@click.option(
    "--share", metavar="I/N", callback=share_named, default="1/1",
    help="Ask only one of N shares, 2/8 the second of eight, for as many processes or machines; give each its own "
    "--run, then put them together with --reuse.",
)  # fmt: skip
@click.option("--run", "run_name", help="Name of the run. [default: reproduce-MODEL]")
@click.option("--runs", default="runs", show_default=True, type=click.Path(path_type=Path), help="Folder of runs.")
def run(
    names: tuple[str, ...],
    options: ModelOptions,
    engine: str | None,
    data: Path | None,
    hours: float | None,
    reuse: tuple[str, ...],
    share: tuple[int, int],
    run_name: str | None,
    runs: Path,
) -> None:
    """Run findings on a model, judge them together and report.

    The same command goes on where it was stopped. An attempt that two findings share is asked once.
    """
    from kshot.harness.engines.registry import find_engine
    from kshot.harness.runs.reuse import runs_named
    from kshot.lab.console import run_findings

    if hours is not None and not math.isfinite(hours):
        raise UserError(f"--hours is {hours}; give a number of hours, such as 1.5, or leave it out to run to the end.")
    if options.wording:
        raise UserError(
            f"--template {options.wording} words samples, which findings do themselves; give plain or chat."
        )
    if engine:
        refuse_beside_engine(options)
    named = find_engine(engine or options.engine())
    model = re.sub(r"[^\w.-]+", "-", Path(named.model).name)[:80]
    reused = runs_named(reuse, runs)
    run_findings(names, named, runs / (run_name or f"reproduce-{model}"), data_folder(data), hours, reused, share)


@reproduce.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write into. [default: RUN, where it is one]")
@with_json
def report(runs: tuple[Path, ...], out: Path | None, as_json: bool) -> None:
    """Judge findings again and make their report; no model is asked.

    With runs of several models it has a column a model, and judges what compares models: the smallest and the largest.
    """
    from kshot.lab.console import finish

    finish(runs, out, as_json=as_json)
