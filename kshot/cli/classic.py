"""`kshot classic`: the experiments of the classic half, and its tool that says why training fails."""

from __future__ import annotations

from pathlib import Path

import click

from kshot.cli.group import SETTINGS, Commands


@click.group(cls=Commands, context_settings=SETTINGS)
def classic() -> None:
    """Regression, classification, backpropagation, and why training fails.

    \b
    kshot classic list                      the experiments, in the order of the course
    kshot classic run overfitting-ladder    one of them, to a report
    kshot classic run all                   all of them, minutes
    kshot classic diagnose data.csv --target price
    """


@classic.command(name="list")
def list_() -> None:
    """The experiments in the order of the course, with their hyperparameters and defaults."""
    from kshot.classic.console import described

    for name, params, says in described():
        click.echo(f"{click.style(name, bold=True)}{f'  ({params})' if params else ''}\n    {says}")


@classic.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME[:key=value,...]... | all")
@click.option("--out", default="runs/classic", show_default=True, type=click.Path(path_type=Path), help="Folder.")
def run(names: tuple[str, ...], out: Path) -> None:
    """Run experiments; each says its finding in a sentence and leaves a report with figures.

    Of several, or of all, one report is made of all of them as well.
    """
    from kshot.classic.console import run_experiments

    run_experiments(names, out)


@classic.command()
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option("--target", help="Column to predict. [default: the last]")
@click.option("--out", default="runs/diagnose", show_default=True, type=click.Path(path_type=Path), help="Folder.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split and of every start.")
def diagnose(data: Path | None, target: str | None, out: Path, seed: int) -> None:
    """Say why training on DATA fails, and what to try next; without DATA, on handwritten digits.

    DATA is a .csv or .jsonl of numbers. A ladder of models is trained, and the lecture's questions are asked in
    order: is the training loss large (model bias, or optimisation?), is the test loss large (overfitting, or
    mismatch?).
    """
    from kshot.classic.console import diagnosed

    diagnosed(data, target, out, seed)
