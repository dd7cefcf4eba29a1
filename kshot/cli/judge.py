"""`kshot judge`: a model's opinion of what a run's model wrote."""

from __future__ import annotations

from pathlib import Path

import click

from kshot.cli.options import ModelOptions, refuse_beside_engine, with_model
from kshot.types import REPLY_TOKENS, UserError

EXAMPLES = """
\b
Examples:
  kshot judge runs/demo --model smollm2-135m
  kshot judge runs/demo --rubric helpfulness --scale 1-5 --labels people.csv
  kshot judge runs/demo --rubric @mine.jinja --by text --max-new-tokens 128
  kshot judge runs/demo --pairwise zero-shot few-shot
  kshot show runs/demo/judge/correctness-by-smollm2-135m

Rubrics: correctness (with the target, where --no-reference does not hide it), helpfulness, and better, which
compares two. The verdicts are kept in RUN/judge/NAME. The same command again goes on with them.
"""


@click.command(epilog=EXAMPLES)
@click.argument("run", type=click.Path(path_type=Path))
@with_model
@click.option(
    "--chat-option", "chat_options", multiple=True,
    help="What the judge's chat template is told besides: KEY=VALUE, such as enable_thinking=false. Repeatable.",
)  # fmt: skip
@click.option("--adapter", type=click.Path(path_type=Path), help="Folder of an adapter for the judge.")
@click.option("--engine", help="What judges: name[:key=value,...] or file.py:name, instead of --model and its kin.")
@click.option("--rubric", default="", help="What is judged: a rubric's name, or @FILE in Jinja. [default: correctness]")
@click.option("--scale", type=click.Choice(["yes-no", "1-5"]), help="The verdicts of one answer. [default: yes-no]")
@click.option(
    "--pairwise", nargs=2, metavar="A B", default=None,
    help="Two strategies whose answers are compared, each pair in both orders; a win counts where both agree.",
)  # fmt: skip
@click.option(
    "--by", type=click.Choice(["likelihood", "text"]), default="likelihood", show_default=True,
    help="How a verdict is read: the likelier of its words, so that none is unread; or in what the judge writes.",
)  # fmt: skip
@click.option(
    "--of", type=click.Choice(["answer", "reply"]), default="answer", show_default=True,
    help="What is shown to the judge: the answer that was read, or the whole reply.",
)  # fmt: skip
@click.option("--reference/--no-reference", default=None, help="Show the target. [default: where the rubric has it]")
@click.option(
    "--labels", type=click.Path(path_type=Path),
    help="People's labels: a CSV file with task, strategy, sample_id and label (and repeat), as `kshot export` names "
    "them.",
)  # fmt: skip
@click.option(
    "--max-new-tokens", type=click.IntRange(min=1), default=REPLY_TOKENS, show_default=True,
    help="Room for what the judge writes, with --by text.",
)  # fmt: skip
@click.option("--name", default="", help="Name of the judging. [default: made from rubric and model]")
def judge(
    run: Path,
    options: ModelOptions,
    chat_options: tuple[str, ...],
    adapter: Path | None,
    engine: str | None,
    rubric: str,
    scale: str | None,
    pairwise: tuple[str, str] | None,
    by: str,
    of: str,
    reference: bool | None,
    labels: Path | None,
    max_new_tokens: int,
    name: str,
) -> None:
    """Let a model judge the answers of a RUN, and measure how far that can be trusted.

    Its agreement with the rules' own score and with people's labels (Cohen's kappa), and of pairs its bias for a place.
    A judge's verdicts are an opinion: they stand apart in the report and are in no score.
    """
    import kshot.adapters.registered  # noqa: F401  the engine that only adapters know
    from kshot.harness.engines.registry import find_engine
    from kshot.harness.runs.judge import finish, run_judge

    if engine is not None:
        refuse_beside_engine(options)
    if options.wording:
        raise UserError(f"--template {options.wording} words samples; give a judge's wording as --rubric @FILE.")
    named = find_engine(engine if engine is not None else options.engine(adapter, chat_options))
    given = {
        "rubric": rubric, "scale": scale or "", "by": by, "of": of, "reference": reference, "pair": pairwise,
        "max_new_tokens": max_new_tokens, "name": name,
    }  # fmt: skip
    finish(run, run_judge(run, named, labels, given))
