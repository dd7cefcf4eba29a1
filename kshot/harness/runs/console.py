"""What a command does once its words are read: run with progress, write the report, print what was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kshot.harness.engines.registry import NamedEngine
    from kshot.harness.runs.plan import Loaded, Plan
    from kshot.registry import Registry
    from kshot.types import Engine, Prompt, Request


def run_plan(
    plan: Plan,
    named: NamedEngine,
    folder: Path,
    baseline: str | None = None,
    metrics: Sequence[str] = (),
    *,
    trust_code: bool = False,
    reuse: Sequence[Path] = (),
    what: str = "attempts",
    taken: Mapping[str, str] | None = None,
) -> None:
    """Runs and shows how far it is, and says how to resume where it was stopped.

    The engine is made once the plan is known to be right: a mistake is told before a model is loaded. `reuse` are
    folders of runs whose answers are taken where the engine is theirs and the request the same, `what`
    is said to be under way, `taken` are the ids of engines that are other models of the same report, with their names.
    """
    from kshot.hub import noted

    with noted() as commits, explaining_moves(folder, commits):
        carry_out(
            plan, named, folder, baseline, metrics, commits, trust_code=trust_code, reuse=reuse, what=what, taken=taken
        )


def carry_out(
    plan: Plan,
    named: NamedEngine,
    folder: Path,
    baseline: str | None,
    metrics: Sequence[str],
    commits: Mapping[str, str],
    *,
    trust_code: bool = False,
    reuse: Sequence[Path] = (),
    what: str = "attempts",
    taken: Mapping[str, str] | None = None,
) -> None:
    """`run_plan`; `commits` is filled with what was read of the hub."""
    from rich.console import Console

    from kshot.eval.report.prompting.build import check_baseline
    from kshot.eval.report.prompting.scale import Tally
    from kshot.eval.report.safe_text import clean
    from kshot.harness.runner import Progress
    from kshot.harness.runs.growth import begun, check_engine, check_joins, joined
    from kshot.harness.runs.plan import load_plan
    from kshot.harness.runs.progress import shown_on
    from kshot.harness.runs.resumed import deferred
    from kshot.harness.runs.reuse import OtherRuns
    from kshot.harness.runs.run import run_benchmark
    from kshot.harness.runs.scored import check_kept, lacking_metrics, with_kept
    from kshot.harness.runs.sizes import size_of_engine
    from kshot.types import Record

    metrics = with_kept(folder, metrics, plan.score_by)
    loaded = joined(load_plan(begun(plan, folder), metrics, trust_code=trust_code), folder)
    check_joins(folder, loaded)
    check_kept(folder, loaded.metrics)
    loaded.check()
    check_baseline(names_in_report(loaded, folder), baseline)
    note = named.note()
    check_engine(folder, named)
    console = Console(stderr=True)

    def tell(said: str) -> None:
        console.print(clean(said), highlight=False, markup=False)

    for said in notes_of(loaded):
        tell(said)
    if note:
        tell(f"{named.model}: {note}")
    engine = deferred(named, folder) or named()
    refuse_twin(engine, named.model, taken or {})
    tally = Tally({one.name: one.kind for one in loaded.metrics})
    bar = shown_on(console)

    def on_record(record: Record) -> None:
        tally.add(record.score)

    def on_progress(state: Progress) -> None:
        before = f"{state.stage}, {state.asked:,} requests" if state.stage else clean(str(tally))
        taken = f"  {state.reused:,} taken from other runs" if state.reused else ""
        said = f"{before}  {state.generated_tokens:,} tokens  {state.in_flight} in flight{taken}"
        bar.show(tally.done, said)

    study = {"engine": named.name, **({"metric": list(metrics)} if metrics else {})}  # to make it again
    info: dict[str, Any] = {"model": named.model, "note": note, "study": study, **size_of_engine(named)}
    info |= {**({"adapter": named.adapter} if named.adapter else {}), **({"hub": dict(commits)} if commits else {})}
    try:
        with OtherRuns(reuse, folder, engine.id, tell) as others, bar:
            bar.begin(what, loaded.total)
            run_benchmark(loaded, engine, folder, info=info, on_record=on_record, progress=on_progress, reuse=others)
        if reuse:
            said = ", ".join(f"{count:,} from {name}" for name, count in others.taken.items())
            tell(f"taken from other runs: {said or 'nothing, as none has the same request to the same engine'}.")
    except KeyboardInterrupt:
        click.echo(f"\nkshot: stopped after {tally.done} of {loaded.total} attempts, all kept in {folder}.", err=True)
        raise
    finally:
        engine.close()
    if said := lacking_metrics(folder, loaded.metrics):
        tell(said)


def refuse_twin(engine: Engine, model: str, taken: Mapping[str, str]) -> None:
    """Closes an engine and raises UserError where another model of the same report has its id: one model is no two."""
    from kshot.types import UserError

    if engine.id in taken:
        engine.close()
        raise UserError(
            f"{model} is the same as {taken[engine.id]} ({engine.id}): give a model once; two servers that look alike "
            "are told apart by identity=NAME."
        )


@contextmanager
def explaining_moves(folder: Path, commits: Mapping[str, str]) -> Iterator[None]:
    """Adds to a refusal what has moved on the hub since the run in a folder was begun, and how to stay with that."""
    from kshot.harness.runs.run import description_of
    from kshot.types import UserError

    described = description_of(folder)  # before it is written again
    try:
        yield
    except UserError as error:
        before = (described or {}).get("hub")
        known = before if isinstance(before, dict) else {}
        moved = [name for name, commit in commits.items() if known.get(name) not in (None, commit)]
        if not moved:
            raise
        said = "; ".join(f"{name} was at {known[name]} and is at {commits[name]}" for name in moved)
        raise UserError(
            f"{error} The hub has other files since: {said}. To go on with those of the run, name that commit as the "
            "revision."
        ) from error


def names_in_report(loaded: Loaded, folder: Path) -> list[str]:
    """The strategies that a run's report will have, those of before included."""
    from kshot.harness.runs.growth import answered
    from kshot.harness.runs.names import names_of

    names = [strategy.name for strategy in loaded.strategies]
    journal = answered(folder)
    if journal is None:
        return names
    with journal:
        return list(dict.fromkeys([*names_of(journal, journal.settings())[0], *names]))


def finish(folder: Path, baseline: str | None, out: Path | None = None, *, as_json: bool = False) -> None:
    """Prints a run's report, writes it (into the run's folder), and says where it is and what it found.

    With `as_json` its results as JSON are all that is printed.
    """
    from kshot.eval.report.prompting.build import build
    from kshot.eval.report.publish import publish
    from kshot.harness.runs.read import read_run

    run, journal = read_run(folder)
    with journal:
        publish(build(run, baseline=baseline), out or folder, findings=1, as_json=as_json)


def print_prompts(plan: Plan, named: NamedEngine) -> None:
    """The first sample's requests for every task and strategy, and how many tokens all first requests have.

    Of an engine whose tokenizer is not here, the text alone.
    """
    from kshot.eval.report.safe_text import clean
    from kshot.harness.runs.plan import load_plan, start
    from kshot.program import Done, advance

    loaded = load_plan(plan)
    loaded.check()
    renderer = named.renderer()
    chat = renderer.chat if renderer else named.chat
    own = renderer.own_system() if renderer else ""
    if renderer and (dated := renderer.date_written()):
        click.secho(clean(f"-- {dated}\n"), dim=True)
    beforehand = {job.key: job.program for job in loaded.preparations(chat=chat)}
    for said in notes_of(loaded):
        click.echo(clean(said), err=True)
    for task, strategy in loaded.pairs():
        total = 0
        shown: list[Request] = []
        if (task.name, strategy.name) in beforehand:
            asked = advance(beforehand[task.name, strategy.name]())
            count = 0 if isinstance(asked, Done) else len(asked)
            click.secho(clean(f"== {task.name} / {strategy.name}"), bold=True)
            if not isinstance(asked, Done) and asked:
                click.echo(clean(renderer.text(asked[0].prompt) if renderer else text_of(asked[0].prompt)))
            click.secho(f"-- asked first and once, with {count - 1:,} more, to find out how to ask\n", dim=True)
            continue
        samples = loaded.asked(task, strategy)
        for sample in samples:
            question = loaded.question(task, strategy, sample)
            step = advance(start(strategy, question, 0, chat)())
            requests = [] if isinstance(step, Done) else step
            total += sum(len(renderer.encode(request.prompt)) for request in requests) if renderer else 0
            shown = shown or list(requests)
        click.secho(clean(f"== {task.name} / {strategy.name}"), bold=True)
        if not shown:
            click.echo("it asks nothing")
            continue
        click.echo(clean(renderer.text(shown[0].prompt) if renderer else text_of(shown[0].prompt)))
        if own and not isinstance(shown[0].prompt, str) and shown[0].prompt[0].role != "system":
            click.secho(clean(f"-- the system message is the chat template's own: {own}"), dim=True)
        if shown[0].continuation is not None:
            click.echo(clean(scored(shown)))
        elif len(shown) > 1:
            click.echo(f"... and {len(shown) - 1} more request{'s' * (len(shown) > 2)} of this sample")
        count = len(samples)
        counted = f"{total:,} prompt tokens in the first requests of {count} samples, {total / count:.0f} a sample"
        click.secho(f"-- {counted}\n" if renderer else f"-- the first of {count} samples\n", dim=True)


def notes_of(loaded: Loaded) -> list[str]:
    """What a user should know before a run: of the tasks, and which label each of their words stands for."""
    words = {
        (task.name, given): ", ".join(
            f"{label} is written {word}" for label, word in zip(task.labels, given, strict=True)
        )
        for task, strategy in loaded.pairs()
        if (given := tuple(strategy.params.get("label_words", ()))) and len(given) == len(task.labels)
    }
    mapped = [f"label_words={'+'.join(given)} of {task}: {said}." for (task, given), said in words.items()]
    return [*(task.note for task in loaded.tasks if task.note), *mapped]


def scored(requests: Sequence[Request]) -> str:
    """What a sample's requests score after their prompt, as it is written there."""
    return f"... scored after it: {' | '.join(repr(request.continuation) for request in requests)}"


def text_of(prompt: Prompt) -> str:
    """A prompt to read: messages as they are, each under its role."""
    return prompt if isinstance(prompt, str) else "\n".join(f"[{turn.role}] {turn.content}" for turn in prompt)


def print_attempts(
    folder: Path, count: int, task: str | None, strategy: str | None, sample: str | None, outcome: str | None
) -> None:
    """Prints the first attempts of those that fit; the strategy by its short name or its whole one."""
    from rich.console import Console

    from kshot.eval.report.prompting.measures import measured
    from kshot.eval.report.prompting.short_names import abbreviated, resolve
    from kshot.eval.report.prompting.transcripts import transcript
    from kshot.eval.report.prompting.words import beside, notes
    from kshot.eval.report.publish import say
    from kshot.eval.report.terminal import show
    from kshot.harness.judging.read import SETTING
    from kshot.harness.runs.read import find_attempts, read_run

    run, journal = read_run(folder, judging=True)
    opinions = SETTING in run.info
    run, names = abbreviated(run)
    with journal:
        found = find_attempts(run, task=task, strategy=resolve(strategy, names), sample=sample, outcome=outcome)
        for record in found[:count]:
            show(transcript(run, record), Console())
        click.echo(f"{min(count, len(found))} of {len(found)} fitting attempts")
        shown = dict.fromkeys((record.task, record.strategy) for record in found[:count])
        # of a judge's verdicts nothing is measured here: one that was not read counts as nothing
        measures = [] if opinions else [each for key, each in measured(run).items() if key in shown]
    for sentence in [*map(beside, measures), *notes(measures)]:
        say(sentence)


def print_known(kind: str, registry: Registry[Any]) -> None:
    """Prints what a registry has, with hyperparameters, defaults and a line of what each is; of tasks, answers."""
    from kshot.eval.tasks import answers_of
    from kshot.registry import hyperparameters

    click.secho(kind, bold=True)
    for name in registry:
        function = registry.find(name)
        params = ", ".join(f"{key}={value}" for key, value in hyperparameters(function).items())
        told = f"  [{answers_of(name)}]" if kind == "tasks" else ""
        click.echo(f"  {name}{told}" + (f"  ({params})" if params else ""))
        click.echo(f"      {(function.__doc__ or '').strip().splitlines()[0]}")
    if registry.note:
        click.echo(f"  {registry.note}")
    click.echo()


def known_as_json(registries: Mapping[str, Registry[Any]]) -> dict[str, Any]:
    """What registries have, as JSON has it: by kind and name, hyperparameters with their defaults and what each is."""
    from kshot.eval.report.prompting.results import plain
    from kshot.registry import hyperparameters

    found: dict[str, Any] = {}
    for kind, registry in registries.items():
        entries = {name: registry.find(name) for name in registry}
        found[kind] = {
            name: {"parameters": hyperparameters(made), "about": (made.__doc__ or "").strip().partition("\n")[0]}
            for name, made in entries.items()
        }
    whole: dict[str, Any] = plain(found)
    return whole


def print_groups() -> None:
    """Prints the groups of tasks."""
    from kshot.eval.tasks import GROUPS

    click.secho("groups of tasks", bold=True)
    for name, members in GROUPS.items():
        shown = ", ".join(members) if len(members) < 10 else f"{members[0]} ... {members[-1]}"
        click.echo(f"  {name}\n      {len(members)} tasks and their macro average: {shown}")
    click.echo()


def print_models() -> None:
    """Prints the models that can be named."""
    from kshot.harness.models.bundled import BUNDLED

    click.secho("models", bold=True)
    for name, entry in BUNDLED.items():
        click.echo(f"  {name}\n      {entry.licence}; {entry.note}")
    click.echo("  owner/name, FOLDER, FILE.gguf\n      a hub id, a folder of transformers' files, a GGUF file")
