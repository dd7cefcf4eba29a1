"""What a command does once its words are read: run with a progress bar, write the report, print prompts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kshot.harness.runs.run import Plan


def run_plan(plan: Plan, model: str, options: dict[str, Any], folder: Path, baseline: str | None = None) -> bool:
    """Loads, runs with a progress bar, and says how to resume where it was stopped. Whether it ran to its end."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from kshot.eval.report.prompting.build import check_baseline
    from kshot.harness.engines import load_engine
    from kshot.harness.models.sources import resolve
    from kshot.harness.runner import Progress
    from kshot.harness.runs.run import load_plan, run_benchmark
    from kshot.types import Record

    loaded = load_plan(plan)
    check_baseline([strategy.name for strategy in loaded.strategies], baseline)
    source = resolve(model)
    console = Console(stderr=True)
    for task in loaded.tasks:
        if task.note:
            console.print(task.note, highlight=False)
    if source.note:
        console.print(f"{model}: {source.note}", highlight=False)
    if "adapter" in options:
        from kshot.adapters.engine import load_engine as load_adapted

        engine = load_adapted(model, **options)
    else:
        engine = load_engine(model, **options)
    right = done = 0
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, refresh_per_second=4) as bar:
        line = bar.add_task("attempts", total=loaded.total, state="")

        def on_record(record: Record) -> None:
            nonlocal right, done
            right, done = right + int(record.score.value >= 1), done + 1
            bar.advance(line)

        def on_progress(state: Progress) -> None:
            share = f"accuracy {100 * right / done:.0f}%" if done else ""
            bar.update(line, state=f"{share}  {state.generated_tokens:,} tokens  {state.in_flight} in flight")

        info = {
            "model": model,
            "note": source.note,
            **({"adapter": str(adapter)} if (adapter := options.get("adapter")) else {}),
        }
        try:
            run_benchmark(loaded, engine, folder, info=info, on_record=on_record, progress=on_progress)
        except KeyboardInterrupt:
            bar.stop()
            click.echo(f"\nkshot: stopped after {done} of {loaded.total} attempts, all kept in {folder}.", err=True)
            raise
        finally:
            engine.close()
    return True


def finish(folder: Path, baseline: str | None) -> None:
    """Writes the report, prints it, and says where it is and what it found."""
    from kshot.eval.report.prompting.build import build
    from kshot.eval.report.publish import publish
    from kshot.harness.runs.run import read_run

    run, journal = read_run(folder)
    with journal:
        publish(build(run, baseline=baseline), folder, findings=1)


def print_prompts(plan: Plan, model: str, template: str, trust_remote_code: bool) -> None:
    """The first sample's requests for every task and strategy, and the tokens of all first requests."""
    from kshot.harness.models.load import load_tokenizer
    from kshot.harness.models.sources import resolve
    from kshot.harness.runs.run import load_plan, question_of
    from kshot.program import rewrite
    from kshot.prompts.templates import plain
    from kshot.types import Request

    loaded = load_plan(plan)
    renderer = load_tokenizer(resolve(model), template, trust_remote_code=trust_remote_code)
    for task, strategy in loaded.pairs():
        total = 0
        shown: list[Request] = []
        for sample in loaded.samples[task.name]:
            program = strategy(question_of(task, sample, loaded.pools[task.name]))
            requests = next(program if renderer.chat else rewrite(program, plain))
            total += sum(len(renderer.encode(request.prompt)) for request in requests)
            shown = shown or list(requests)
        click.secho(f"== {task.name} / {strategy.name}", bold=True)
        first = shown[0]
        click.echo(first.prompt if isinstance(first.prompt, str) else renderer.render(first.prompt))
        if len(shown) > 1:
            click.echo(f"... and {len(shown) - 1} more requests of this sample")
        count = len(loaded.samples[task.name])
        click.secho(
            f"-- {total:,} prompt tokens in the first requests of {count} samples, {total / count:.0f} a sample\n",
            dim=True,
        )
