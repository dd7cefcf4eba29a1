"""What the commands of the classic half do: list, run with a line each, diagnose; write and print their reports."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from kshot.classic.experiments import COURSE, EXPERIMENTS
from kshot.classic.experiments.registry import carried_out, check_bounds, check_seed
from kshot.eval.report import terminal
from kshot.eval.report.model import Alternatives, Block, Figure, Report
from kshot.eval.report.publish import announce, publish, write
from kshot.registry import hyperparameters
from kshot.types import UserError

B = TypeVar("B", bound=Block)


def described() -> Iterator[tuple[str, str, str]]:
    """(name, hyperparameters, first sentence of the docstring) of every experiment, in the order of the course."""
    for name in COURSE:
        function = EXPERIMENTS.find(name)
        params = ", ".join(f"{key}={value}" for key, value in hyperparameters(function).items())
        yield name, params, (function.__doc__ or "").strip().splitlines()[0]


def run_experiments(names: Sequence[str], out: Path) -> None:
    """Runs the experiments named (`all`: every one), each into a folder of its own, and all into one report.

    Raises UserError for a name or a hyperparameter that does not exist, before anything runs.
    """
    specs = list(dict.fromkeys(COURSE if "all" in names else map(EXPERIMENTS.canonical, names)))
    console, reports = Console(), []
    for spec in specs:
        name, _, params = EXPERIMENTS.parse(spec)
        check_bounds(name, params)
    for number, spec in enumerate(specs, 1):
        began = time.perf_counter()
        with Console(stderr=True).status(f"{spec}  ({number} of {len(specs)})"):
            report = carried_out(spec)
        folder = out / spec.replace(":", "-").replace("/", "-")
        page = write(report, folder)
        reports.append((spec, report))
        console.print(f"[bold]{spec}[/bold]  {time.perf_counter() - began:.1f} s  {page}")
        console.print(f"  {report.summary[0]}", highlight=False, markup=False)
    if len(reports) == 1:
        terminal.render(reports[0][1], console)
    else:
        announce(write(gathered(reports), out), "report of all")


def gathered(reports: Sequence[tuple[str, Report]]) -> Report:
    """Several reports as one: their findings are its summary, an experiment's sections stand together."""
    sections = [
        replace(
            section, title=f"{report.title}: {section.title}", blocks=[named(block, spec) for block in section.blocks]
        )
        for spec, report in reports
        for section in report.sections
    ]
    return Report("the classic half", [f"{report.title}: {report.summary[0]}" for _, report in reports], sections)


def named(block: B, spec: str) -> B:
    """The block, its figures named after their experiment, so that none takes another's file."""
    if isinstance(block, Figure):
        return replace(block, name=f"{spec}-{block.name}")
    if isinstance(block, Alternatives):
        options = [(label, [named(part, spec) for part in parts]) for label, parts in block.options]
        return replace(block, options=options)
    return block


def diagnosed(data: Path | None, target: str | None, out: Path, seed: int) -> None:
    """Runs the diagnosis, prints it and leaves its report. Raises UserError for a file that cannot be used."""
    from kshot.classic.diagnosis.report import diagnose

    check_seed("--seed", seed)
    if data is not None and not data.is_file():
        raise UserError(f"{data} does not exist; give a .csv or .jsonl file, or none for the digits.")
    publish(diagnose(data, target=target, seed=seed), out)
