"""`kshot tune`: train adapters, and see them beside prompting on the same samples."""

from __future__ import annotations

import re
from pathlib import Path

import click

from kshot.cli.options import ModelOptions, data_folder, with_model
from kshot.types import UserError

EXAMPLES = """
\b
Examples:
  kshot tune --task word-pairs:relation=past --method lora
  kshot tune --task sst2 --data DIR --method lora --method prompt-tuning --method full \\
      --samples 16 --samples 64 --seeds 3 --compare zero-shot,few-shot:k=8
  kshot tune --task trec --data DIR --method "lora:r=16,target_modules=all-linear" --search
  kshot tune --mixture --task trec --task rte --task word-pairs --data DIR --method lora \\
      --held-out sst2 --held-out coin-flip
  kshot bench --task sst2 --data DIR --strategy zero-shot --adapter runs/tune/lora-n16-s0
  kshot list methods

A study is kept in RUNS/RUN: an adapter's folder a training (peft loads it), and one report. The same command
again goes on where it was stopped, within a training too. More methods, samples, seeds and strategies are added.
"""

MOST_SEEDS = 1000  # trainings of each; beyond it there is a typing mistake


@click.command(epilog=EXAMPLES)
@click.option(
    "--task", "-t", "tasks", required=True, multiple=True,
    help="Task with a train split: name[:key=value,...], or file.jsonl. Several with --mixture.",
)  # fmt: skip
@click.option(
    "--method", "-m", "methods", multiple=True, required=True,
    help="Adapter method: name[:key=value,...] (`kshot list methods`), or peft:name=NAME,key=value. Repeatable.",
)  # fmt: skip
@click.option(
    "--samples", type=int, multiple=True, default=(32,), show_default=True,
    help="Training samples, of each label where the task has labels; of a mixture, of each task. Repeatable.",
)  # fmt: skip
@click.option("--seeds", type=int, default=1, show_default=True, help="Trainings of each, on other samples each.")
@click.option("--mixture", is_flag=True, help="Instruction tuning: train on all tasks, each in all its wordings ...")
@click.option("--held-out", multiple=True, help="... and evaluate on these, before and after. Repeatable.")
@click.option("--compare", help="Strategies to compare with: NAME,NAME:k=8,... or none. [default: --strategy]")
@click.option(
    "--strategy", help="Whose prompts are trained on and evaluated. [default: zero-shot; of a mixture instruction]"
)
@with_model
@click.option("--data", type=click.Path(path_type=Path), help="Folder of local JSONL sets, SET/SPLIT.jsonl.")
@click.option("--limit", "-n", type=int, help="At most so many test samples.")
@click.option("--epochs", type=int, default=8, show_default=True)
@click.option("--batch-size", type=int, default=8, show_default=True, help="Samples a step.")
@click.option("--accumulate", type=int, default=1, show_default=True, help="Batches whose gradients make one update.")
@click.option("--lr", type=float, default=0.0, help="Peak learning rate. [default: the method's own]")
@click.option(
    "--search", is_flag=True,
    help="Look for it: a third, one and three times that, on until the best is bracketed; a third of the epochs each.",
)  # fmt: skip
@click.option("--packing", is_flag=True, help="A batch as one row without padding (not for soft prompts).")
@click.option("--checkpointing", is_flag=True, help="Compute activations again instead of keeping them: less memory.")
@click.option("--evaluations", type=int, help="On the validation set, while training. [default: 4; of a mixture 0]")
@click.option("--patience", type=int, default=0, help="Stop after so many without a lower loss, keep the best.")
@click.option("--max-length", type=int, default=1024, show_default=True, help="Tokens of a training sample.")
@click.option("--checkpoint-seconds", type=float, default=60.0, show_default=True, help="At most so much is lost.")
@click.option("--tensorboard", is_flag=True, help="Write TensorBoard's logs beside each adapter.")
@click.option("--baseline", help="Strategy that the others are compared with. [default: zero-shot, or the first]")
@click.option("--run", "run_name", default="tune", show_default=True, help="Name of the study.")
@click.option("--runs", default="runs", show_default=True, type=click.Path(path_type=Path), help="Folder of runs.")
def tune(
    tasks: tuple[str, ...],
    methods: tuple[str, ...],
    samples: tuple[int, ...],
    seeds: int,
    mixture: bool,
    held_out: tuple[str, ...],
    compare: str | None,
    strategy: str | None,
    options: ModelOptions,
    data: Path | None,
    limit: int | None,
    epochs: int,
    batch_size: int,
    accumulate: int,
    lr: float,
    search: bool,
    packing: bool,
    checkpointing: bool,
    evaluations: int | None,
    patience: int,
    max_length: int,
    checkpoint_seconds: float,
    tensorboard: bool,
    baseline: str | None,
    run_name: str,
    runs: Path,
) -> None:
    """Train adapters on a task, and report them beside prompting on the same samples.

    Trained parameters, memory and seconds stand beside accuracy with its interval; differences are tested paired.
    The prompts trained on are those that evaluation sends, and no sample is in both.
    """
    data = data_folder(data)
    if options.wording:
        said = f"zero-shot:template={options.wording}"
        raise UserError(f"--template {options.wording} words samples: write it in --strategy and --compare ({said}).")
    if options.quantize != "none":
        raise UserError(
            f"--quantize {options.quantize}: weights in fewer bits are asked and not trained; leave it out "
            "(--dtype bfloat16 takes half of float32)."
        )
    if not 1 <= seeds <= MOST_SEEDS:
        raise UserError(f"--seeds is {seeds}; it must be at least 1 and at most {MOST_SEEDS}.")
    if mixture != bool(held_out):
        raise UserError("--mixture and --held-out belong together: the tasks to train on, and those to evaluate.")
    strategy = strategy or ("instruction" if mixture else "zero-shot")
    if evaluations is None:
        evaluations = 0 if mixture else 4
    prompting = () if compare == "none" else listed(compare or strategy)
    if not prompting and compare != "none":
        raise UserError(f"--compare {compare!r} names no strategy: name one, or write --compare none.")
    from kshot.adapters.study.console import run
    from kshot.adapters.study.plan import Study
    from kshot.adapters.training.recipe import Recipe

    recipe = Recipe(
        epochs=epochs, lr=lr, batch_size=batch_size, gradient_accumulation_steps=accumulate, packing=packing,
        gradient_checkpointing=checkpointing, evaluations=evaluations, patience=patience, tensorboard=tensorboard,
        checkpoint_seconds=checkpoint_seconds,
    )  # fmt: skip
    study = Study(
        model=options.model, tasks=held_out if mixture else tasks, mixture=tasks if mixture else (), methods=methods,
        samples=samples, seeds=tuple(range(seeds)), prompting=prompting, strategy=strategy,
        data=data, limit=limit, max_length=max_length, recipe=recipe, search=search,
        template=options.template,
    )  # fmt: skip
    how = {
        "device": options.device,
        "dtype": options.dtype,
        "rows": options.batch,
        "trust_remote_code": options.trust_remote_code,
    }
    run(study, runs / run_name, how, baseline)


def listed(text: str) -> tuple[str, ...]:
    """Specifications out of one text: a part that only sets a parameter belongs to the one before it.

    >>> listed("zero-shot,few-shot:k=8,order=reversed")
    ('zero-shot', 'few-shot:k=8,order=reversed')
    """
    from kshot.spec import split_outside_parentheses

    found: list[str] = []
    for part in split_outside_parentheses(text):
        if found and re.match(r"\w+\s*=", part):
            found[-1] += f",{part}"
        else:
            found.append(part)
    return tuple(found)
