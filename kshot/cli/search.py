"""`kshot search`: let programs look for prompts, and see what they are worth on samples that nothing was chosen on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from kshot.cli.bench import default_name
from kshot.cli.options import ModelOptions, data_folder, refuse_beside_engine, with_json, with_model
from kshot.types import Engine, UserError

EXAMPLES = """
\b
Examples:
  kshot search --task sst2 --data DIR
  kshot search --task sst2 --data DIR --method edits --method demos --budget 1024 --seeds 3 --limit 256
  kshot search --task word-pairs:relation=past --method ape --proposer BIGGER.gguf
  kshot search --task trec --data DIR --method demos --transfer OTHER.gguf --top 8
  kshot list searches

\b
What is found is an ordinary strategy, which every other command takes:
  kshot bench --task sst2 --data DIR --strategy 'choice-logprob:text="Is the film good?"'
  kshot view runs/RUN            what was asked and answered in the test
  kshot report runs/RUN          the report again

A search is kept in RUNS/RUN: search/ what was asked on the way, found.json what each search came to, and the test as an
ordinary run. The same command again goes on where it was stopped; more methods, seeds and tasks are added.
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--task", "-t", "tasks", multiple=True, required=True,
    help="Task with a train split: name[:key=value,...], or a file of your own. Repeatable.",
)  # fmt: skip
@click.option(
    "--method", "-m", "methods", multiple=True,
    help="How to look: name[:key=value,...] (`kshot list searches`). Repeatable. The controls best-human and random "
    "are always among them. [default: all that can do the task]",
)  # fmt: skip
@click.option(
    "--budget", type=int, default=2048, show_default=True,
    help="Scorings of each search: a candidate on a sample is one.",
)  # fmt: skip
@click.option("--proposals", type=int, default=96, show_default=True, help="Texts that a model may be asked to write.")
@click.option(
    "--validation", type=int, default=64, show_default=True, help="Train samples that candidates are chosen on ..."
)
@click.option("--train", type=int, default=128, show_default=True, help="... and those that they are made of.")
@click.option("--seeds", type=int, default=3, show_default=True, help="Searches of each method and task.")
@click.option(
    "--objective", type=click.Choice(["likelihood", "accuracy"]),
    help="What is maximised. [default: the target's likelihood where labels or choices are scored, else accuracy]",
)  # fmt: skip
@with_model
@click.option("--engine", help="What answers: name[:key=value,...] or file.py:name, instead of --model and its kin.")
@click.option("--proposer", help="Another model (or an engine's specification) that writes what is tried.")
@click.option("--transfer", help="Another model (or an engine's specification) that the winners are tested on as well.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of local JSONL sets, SET/SPLIT.jsonl.")
@click.option("--limit", "-n", type=int, default=256, show_default=True, help="At most so many test samples a task.")
@click.option("--top", type=int, default=1, show_default=True, help="Candidates of each search to test, best first.")
@click.option(
    "--calibrated/--no-calibrated", default=True, show_default=True,
    help="Test winners after calibration too, where labels are scored.",
)  # fmt: skip
@click.option(
    "--reuse", multiple=True, metavar="RUN_FOLDER",
    help="Take what the same engine was asked in another run already, such as a search of another task in a second "
    "process; put together they are one report. Repeatable.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split, and of generated samples.")
@click.option("--run", "run_name", help="Name of the run. [default: made from tasks and model]")
@click.option(
    "--runs", default="runs", show_default=True, type=click.Path(path_type=Path), help="Folder that holds runs."
)
@with_json
def search(
    tasks: tuple[str, ...],
    methods: tuple[str, ...],
    budget: int,
    proposals: int,
    validation: int,
    train: int,
    seeds: int,
    objective: str | None,
    options: ModelOptions,
    engine: str | None,
    proposer: str | None,
    transfer: str | None,
    data: Path | None,
    limit: int,
    top: int,
    calibrated: bool,
    reuse: tuple[str, ...],
    seed: int,
    run_name: str | None,
    runs: Path,
    as_json: bool,
) -> None:
    """Look for prompts with programs, and test what they find once.

    Every method has the same budget and the same samples to learn from and choose on; the test split is read after all
    of them have ended. Beside the score that a prompt was chosen by stand an estimate that takes the luck of choosing
    out, and the test, paired against what people wrote, few-shot and random edits.
    """
    import kshot.adapters.registered  # noqa: F401  the engine, and the search, that only adapters know
    from kshot.harness.engines.registry import find_engine
    from kshot.harness.runs.reuse import runs_named
    from kshot.harness.runs.search.console import finish, run_search
    from kshot.harness.runs.search.plan import SearchPlan

    if options.wording:
        raise UserError(
            f"--template {options.wording} words samples, and searches ask in the task's own templates: leave it out."
        )
    if engine:
        refuse_beside_engine(options)
    named = find_engine(engine or options.engine())
    plan = SearchPlan(
        tasks=tasks, methods=methods, seeds=seeds, budget=budget, proposals=proposals, validation=validation,
        train=train, objective=objective or "", data=data_folder(data), limit=limit, seed=seed, top=top,
        calibrated=calibrated,
    )  # fmt: skip
    folder = runs / (run_name or f"search-{default_name(tasks, named.model)}"[:100])
    run_search(
        plan, named, folder,
        proposer=find_engine(other(proposer, options)) if proposer else None,
        transfer=find_engine(other(transfer, options)) if transfer else None, able=with_gradients,
        reuse=runs_named(reuse, runs),
    )  # fmt: skip
    finish(folder, as_json=as_json)


def with_gradients(engine: Engine) -> Engine:
    """The engine, able to follow gradients. Raises UserError where it cannot. Imported when it is needed: torch is."""
    from kshot.adapters.discrete import with_gradients as able

    made: Engine = able(engine)
    return made


def other(given: str, options: ModelOptions) -> str:
    """The specification of another engine: as it is said, or of a model by name, asked as --model is."""
    from kshot.harness.engines.registry import ENGINES

    name = given.partition(":")[0].partition("(")[0]
    return given if name in ENGINES.entries or ".py:" in given else replace(options, model=given).engine()
