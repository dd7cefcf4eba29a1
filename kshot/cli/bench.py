"""`kshot bench`: tasks x strategies on an engine."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import click

from kshot.cli import study_file
from kshot.cli.options import ModelOptions, data_folder, refuse_beside_engine, with_json, with_models, worded
from kshot.cli.study_file import with_study_file
from kshot.types import UserError

EXAMPLES = """
\b
Examples:
  kshot bench --task word-pairs --strategy zero-shot --strategy few-shot:k=8
  kshot bench --task gsm8k --data DIR --limit 60 --model MODEL_FOLDER \\
      --strategy zero-shot-cot --strategy chain-of-thought \\
      --strategy self-consistency:base=chain-of-thought,n=10,temperature=0.7
  kshot bench --task mmlu --strategy choice-logprob:k=5 --limit 20
  kshot bench --task questions.jsonl --strategy instruction --strategy few-shot:k=4
  kshot bench --task questions.jsonl --answer text --strategy zero-shot
  kshot bench --task exam.csv --field question=Frage --field answer=Loesung --exemplars 5 --strategy few-shot:k=5
  kshot bench --task sst2 --data DIR --template plain --strategy choice-logprob:template=0 \\
      --strategy choice-logprob:template=best
  kshot bench --task questions.jsonl --strategy zero-shot --strategy few-shot:template=my.jinja --system @system.txt
  kshot bench --task my_task.py:my_task --strategy zero-shot --dry-run
  kshot bench --task answers.csv --strategy few-shot:k=4 --score-by token-f1 --metric rouge:kind=L --metric bleu
  kshot bench --task book.txt --strategy log-likelihood
  kshot bench --task lm-eval:gsm8k --strategy few-shot:k=5,template=0
  kshot bench --task lm-eval:arc_easy --strategy choice-logprob:score=text,k=5
  kshot bench --task word-pairs --strategy zero-shot --adapter runs/tune/lora-n32-s0
  kshot bench --task word-pairs --strategy zero-shot --strategy few-shot:k=8 --model smollm2-135m --model OTHER.gguf
  kshot bench --task word-pairs --strategy zero-shot --engine transformers:model=FOLDER,dtype=bfloat16
  kshot bench --config study.yaml --limit 20

A run is kept in RUNS/RUN. The same command again resumes it, with whatever --batch; another --strategy, --task, a
larger --limit or more --repeats adds to it.
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--task",
    "-t",
    "tasks",
    multiple=True,
    required=True,
    help="Task: name[:key=value,...] or a group (`kshot list tasks`), file.py:name, or data of your own: a .csv, .tsv, "
    ".json, .jsonl or .parquet file, a folder of save_to_disk, hub:OWNER/NAME, or a .txt to be scored; of "
    "lm-evaluation-harness FILE.yaml or lm-eval:NAME. Repeatable.",
)
@click.option(
    "--answer",
    help="How the answers of your data are read: number, text, letter, label, yes-no, or whole: all of a reply, for "
    "texts that are scored by rouge or bleu. [default: told from them]",
)
@click.option(
    "--field",
    "fields",
    multiple=True,
    help="Which column of your data is what: FIELD=COLUMN, such as question=text; a field is question, answer, label, "
    "choices (A+B+C), context, rationale, id or cluster. Repeatable. [default: told from their names]",
)
@click.option(
    "--exemplars", type=click.IntRange(min=0),
    help="How many rows of your data are exemplars and never asked. [default: the first 8, at most half, where a "
    "strategy shows any and there is no train split]",
)  # fmt: skip
@click.option(
    "--language",
    help="Of the tasks: zh asks in Chinese; de, fr, es ... read numbers as they do. [default: told from a file]",
)
@click.option(
    "--strategy",
    "-s",
    "strategies",
    multiple=True,
    required=True,
    help="Strategy: name[:key=value,...], such as few-shot:k=4 (`kshot list strategies` has them all). Repeatable.",
)
@with_models
@click.option("--system", help="System message of every strategy that has none of its own: the text, or @FILE.")
@click.option(
    "--chat-option", "chat_options", multiple=True,
    help="What the model's chat template is told besides: KEY=VALUE, such as enable_thinking=false. Repeatable.",
)  # fmt: skip
@click.option(
    "--engine", multiple=True,
    help="What answers: name[:key=value,...] or file.py:name (`kshot list engines`), instead of --model and its kin. "
    "Repeatable, as --model.",
)  # fmt: skip
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of local JSONL sets, SET/SPLIT.jsonl; instead of the hub."
)
@click.option("--limit", "-n", type=int, help="At most so many samples a task.")
@click.option("--adapter", type=click.Path(path_type=Path), help="Adapter for the model: folder, or hub id.")
@click.option(
    "--budget-share", type=float, default=1.0,
    help="Ask so small a share of all strategies on all samples, spread evenly over both, such as 0.02 for a hundred "
    "forms of a prompt at the cost of two. [default: all]",
)  # fmt: skip
@click.option("--repeats", type=int, default=1, show_default=True, help="Attempts at each sample, with other draws.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of generated samples.")
@click.option("--run", "run_name", help="Name of the run. [default: made from tasks and model]")
@click.option(
    "--runs", default="runs", show_default=True, type=click.Path(path_type=Path), help="Folder that holds runs."
)
@click.option(
    "--metric", "metrics", multiple=True,
    help="Score by this too: name[:key=value,...] (`kshot list metrics`), file.py:name, or ./FOLDER with a module of "
    "evaluate. Repeatable.",
)  # fmt: skip
@click.option(
    "--reuse", multiple=True, is_flag=False, flag_value="", metavar="[RUN_FOLDER]",
    help="Take what another run's engine, if it is the same, was asked already; without a folder, of all in --runs. "
    "Repeatable.",
)  # fmt: skip
@click.option("--score-by", default="", help="Metric that every task is scored by, in place of its own.")
@click.option("--trust-code", is_flag=True, help="Run the code of a metric's FOLDER. Off unless you trust it.")
@click.option("--baseline", help="Strategy that the others are compared with. [default: zero-shot, or the first]")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print the prompts, what is scored after them, and how many tokens; no model is run.",
)
@with_json
@with_study_file
def bench(
    tasks: tuple[str, ...],
    answer: str | None,
    fields: tuple[str, ...],
    exemplars: int | None,
    language: str | None,
    strategies: tuple[str, ...],
    options: tuple[ModelOptions, ...],
    system: str | None,
    chat_options: tuple[str, ...],
    engine: tuple[str, ...],
    data: Path | None,
    limit: int | None,
    adapter: Path | None,
    budget_share: float,
    repeats: int,
    seed: int,
    run_name: str | None,
    runs: Path,
    metrics: tuple[str, ...],
    reuse: tuple[str, ...],
    score_by: str,
    trust_code: bool,
    baseline: str | None,
    dry_run: bool,
    as_json: bool,
    save_config: Path | None,
) -> None:
    """Run tasks x strategies on a model, and report.

    Accuracy with Wilson intervals, unread answers counted apart, paired tests against a baseline with
    Holm's correction, tokens and seconds. Everything that was asked and answered is kept.
    """
    import kshot.adapters.registered  # noqa: F401  the engine that only adapters know
    from kshot.eval.tasks import answered, in_language
    from kshot.harness.engines.registry import find_engine
    from kshot.harness.runs.console import finish, print_prompts, run_plan
    from kshot.harness.runs.maker import refuse_others
    from kshot.harness.runs.many import bench_many
    from kshot.harness.runs.members import is_many
    from kshot.harness.runs.plan import Plan
    from kshot.harness.runs.reuse import runs_named

    context = click.get_current_context()
    if save_config is not None:
        study_file.save(context, save_config)
        return
    study_file.check_file(context, trust_code=trust_code)
    given = tasks
    if engine:
        refuse_beside_engine(options[0])
    if adapter is not None and len(options) > 1:
        raise UserError(f"--adapter {adapter} was trained on one model: give that --model alone.")
    named, *others = map(find_engine, engine or [each.engine(adapter, chat_options) for each in options])
    strategies = worded(strategies, options[0], system)
    if answer is not None or fields or exemplars is not None:
        tasks = tuple(answered(spec, answer, fields, exemplars) for spec in tasks)
    if language is not None:
        tasks = tuple(in_language(spec, language) for spec in tasks)
    only = study_file.cells_of(context, tasks, strategies, given)
    plan = Plan(tasks, strategies, data_folder(data), limit, seed, repeats, only, score_by=score_by)
    plan = replace(plan, budget_share=budget_share)
    if dry_run:
        for each in (named, *others):
            print_prompts(plan, each)
        return
    model = f"{named.model}+{Path(named.adapter).name}" if named.adapter else named.model
    folder = runs / (run_name or default_name(tasks, "models" if others else model))
    refuse_others(folder, "bench")
    reused = runs_named(reuse, runs)
    if others or is_many(folder):
        every = (named, *others)
        bench_many(plan, every, folder, baseline, metrics, trust_code=trust_code, reuse=reused, as_json=as_json)
        return
    run_plan(plan, named, folder, baseline, metrics, trust_code=trust_code, reuse=reused)
    finish(folder, baseline, as_json=as_json)


def default_name(tasks: tuple[str, ...], model: str) -> str:
    """A run's name, from what is run."""
    name = re.sub(r"[^\w.-]+", "-", f"{'+'.join(tasks)}--{Path(model).name}").strip("-")[:100]
    return name.encode()[:200].decode(errors="ignore")  # a file's name has 255 bytes, a Chinese character three
