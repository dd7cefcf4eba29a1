"""What `kshot tune` does once its words are read: run a study with progress, write its report."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from kshot.adapters.study.folder import SETTINGS
from kshot.adapters.study.plan import Study
from kshot.adapters.study.read import read_study
from kshot.adapters.study.report import build
from kshot.adapters.study.run import run_study
from kshot.eval.report.prompting.build import check_baseline
from kshot.eval.report.publish import publish
from kshot.harness.runs.maker import refuse_others
from kshot.harness.runs.progress import shown_on
from kshot.prompts.strategies import get_strategy
from kshot.types import UserError


def run(study: Study, folder: Path, options: Mapping[str, Any], baseline: str | None) -> None:
    """Runs or resumes a study and shows how far it is, then writes and prints its report.

    Raises UserError before anything is trained where the baseline is none of what will be reported.
    """
    refuse_others(folder, "tune")
    check_baseline(names_in_report(study, folder), baseline)
    bar = shown_on(Console(stderr=True))
    under_way: tuple[str, str, int] = ("", "", 0)

    def on_progress(what: str, step: int, steps: int, said: Mapping[str, float]) -> None:
        nonlocal under_way
        phase = "evaluating" if "evaluated" in said else "training" if said and "requests" not in said else ""
        if (what, phase, steps) != under_way:
            under_way = (what, phase, steps)
            bar.begin(f"{what}  {phase}".rstrip(), steps)
        shown = {"loss": "loss", "eval_loss": "validation loss", "eval_accuracy": "validation score"}
        state = [f"{shown[key]} {value:.3g}" for key, value in said.items() if key in shown]
        bar.show(
            step, "  ".join([*state, *(f"{value:,.0f} {key}" for key, value in said.items() if key == "requests")])
        )

    try:
        with bar:
            run_study(study, folder, options, on_progress)
    except KeyboardInterrupt:
        click.echo(f"\nkshot: stopped; what was trained and answered is kept in {folder}.", err=True)
        raise
    finish(folder, baseline)


def names_in_report(study: Study, folder: Path) -> list[str]:
    """The strategies and trainings that a study's report will have, those of before included."""
    names = [get_strategy(strategy).name for strategy in study.prompting]
    names += [training.label for training in study.trainings()]
    if (folder / SETTINGS).is_file():
        with suppress(UserError):  # nothing is there yet
            results = read_study(folder)
            names += results.run.strategies
            results.close()
    return list(dict.fromkeys(names))


def finish(folder: Path, baseline: str | None, out: Path | None = None, *, as_json: bool = False) -> None:
    """Prints a study's report, writes it (into the study's folder), and says where it is and what it found."""
    results = read_study(folder)
    try:
        publish(build(results, baseline=baseline), out or folder, findings=2, as_json=as_json)
    finally:
        results.close()
