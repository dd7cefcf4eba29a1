"""A judge on a finished run, into a folder of its own within the run's: RUN/judge/NAME, resumed like a run.

The run itself is only read. Mistakes are told before a model is loaded; what a resume must agree with is in the
judging's journal, and its rubric lies beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.short_names import abbreviated, resolve, short_names
from kshot.harness.journal import Journal
from kshot.harness.judging.items import Item, items_of, key_of
from kshot.harness.judging.judge import PAIR, SCALE, TEXT, Judge
from kshot.harness.judging.labels import Labels, read_labels
from kshot.harness.judging.read import FOLDER, LABELS, MODEL, RUBRIC, TOTAL
from kshot.harness.judging.rubrics import RUBRICS, find_rubric
from kshot.harness.runner import Calls, Job, Progress, run_jobs
from kshot.harness.runs.kinds import keep_kinds
from kshot.harness.runs.read import read_run
from kshot.harness.runs.run import describe
from kshot.program import rewrite
from kshot.prompts.templates import plain
from kshot.registry import suggest
from kshot.types import Engine, Prediction, Program, Record, Score, UserError
from kshot.whole_file import write_whole

if TYPE_CHECKING:
    from kshot.harness.engines.registry import NamedEngine

DEFAULT = {False: "correctness", True: "better"}
"""The rubric where none is named: of one answer, and of two."""
MADE = "rubric.jinja"  # the rubric in its folder


def judge_with(
    *,
    run: RunData,
    model: str,
    rubric: str = "",
    scale: str = "",
    by: str,
    of: str,
    reference: bool | None = None,
    pair: tuple[str, str] | None = None,
    max_new_tokens: int,
    name: str = "",
) -> Judge:
    """A judge as the command line describes it. Raises UserError for what cannot be."""
    if pair is not None:
        if scale:
            raise UserError("--scale is of single answers, and --pairwise asks which of two is better: leave one out.")
        pair = named_pair(run, pair)
    found = find_rubric(rubric or DEFAULT[pair is not None], compares=pair is not None)
    if reference and not found.refers:
        raise UserError(
            f"--reference: the rubric {found.name} shows none; use one that has {{{{ target }}}}, as correctness."
        )
    shown = found.refers if reference is None else reference
    judge = Judge("", found, PAIR if pair else scale or "yes-no", by, of, shown, pair, max_new_tokens)
    called = name or default_name(judge, model)
    if not re.fullmatch(r"\w[\w.+-]{0,99}", called):
        raise UserError(f"--name {called!r} cannot be a folder's; use letters, digits, dots, dashes and underscores.")
    return Judge(called, found, judge.scale, by, of, shown, pair, max_new_tokens)


def named_pair(run: RunData, pair: tuple[str, str]) -> tuple[str, str]:
    """Two strategies of a run by their whole specifications. Raises UserError for one that it has not."""
    names = short_names([record.strategy for record in run.records])
    whole = {short: name for name, short in names.items()}
    for given in pair:
        if resolve(given, names) not in whole:
            raise UserError(f"--pairwise {given}: the run has no such strategy: {suggest(given, list(whole))}")
    first, second = (whole[resolve(given, names) or ""] for given in pair)
    if first == second:
        raise UserError(f"--pairwise {pair[0]} {pair[1]}: a strategy is not compared with itself; name two.")
    return first, second


def default_name(judge: Judge, model: str) -> str:
    """A judging's name: all that is not as usual, so that two judgings do not meet in one folder."""
    own = RUBRICS.get(judge.rubric.name) is not judge.rubric
    parts = [judge.rubric.name, *([judge.rubric.sha256[:8]] if own else [])]
    parts += [*(judge.pair or ()), *([] if judge.scale in ("yes-no", PAIR) else [judge.scale])]
    parts += [*(["text"] if judge.by == TEXT else []), *([judge.of] if judge.of != "answer" else [])]
    parts += ["no-reference"] if judge.rubric.refers and not judge.reference else []
    return re.sub(r"[^\w.+-]+", "-", "-".join([*parts, "by", Path(model).name]), flags=re.ASCII).strip("-.")[:100]


def judge_run(
    run: RunData,
    judge: Judge,
    items: list[Item],
    engine: Engine,
    folder: Path,
    *,
    labels: Labels | None = None,
    info: Mapping[str, Any] | None = None,
    on_record: Callable[[Record], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
    on_ask: Callable[[str], None] | None = None,
) -> Progress:
    """Judges, or goes on to, a run's items in a folder. Raises UserError and EngineError."""
    settings = judge.settings(engine.id, engine.chat)
    check_settings(folder, settings)
    with Journal.open(folder, settings) as journal:
        given = dict(info or {})
        describe(journal, settings, given)
        write_whole(folder / MADE, judge.rubric.text)
        notes = {MODEL: str(given.get("model", "")), RUBRIC: judge.rubric.text, TOTAL: str(len(items))}
        if labels is not None:
            notes[LABELS] = json.dumps([[*key, label] for key, label in labels.by_key.items()])
        for name, value in notes.items():
            journal.note(name, value)
        keep_kinds(journal, {judge.metric: SCALE[judge.scale].kind})
        for task in dict.fromkeys(item.key[0] for item in items):
            journal.add_samples(task, [sample for (name, _), sample in run.samples.items() if name == task])

        def done(job: Job[Prediction], prediction: Prediction, calls: Calls) -> None:
            record = record_of(judge, job, prediction, calls)
            journal.add_record(record)
            if on_record:
                on_record(record)

        jobs = (Job(item.key, partial(program_of, judge, item, engine.chat)) for item in items)
        return run_jobs(engine, jobs, journal, done=done, progress=progress, on_ask=on_ask)


def program_of(judge: Judge, item: Item, chat: bool) -> Program[Prediction]:
    """A judge's program of an item, its turns as text for a model without a chat template."""
    program = judge.program(item.rubrics, item.seen)
    return program if chat else rewrite(program, plain)


def record_of(judge: Judge, job: Job[Prediction], prediction: Prediction, calls: Calls) -> Record:
    """A verdict as a record. Of one that was not read the value is the least and is never counted."""
    assert isinstance(job.key, tuple)
    task, strategy, sample_id, repeat = job.key
    scale = SCALE[judge.scale]
    read = prediction.answer is not None
    value = scale.values[prediction.answer] if prediction.answer is not None else scale.kind.low
    generations = [generation for _, generation in calls]
    return Record(
        task=task,
        strategy=strategy,
        sample_id=sample_id,
        repeat=repeat,
        prediction=prediction,
        score=Score({judge.metric: value}, read),
        calls=tuple(key for key, _ in calls),
        prompt_tokens=sum(generation.prompt_tokens for generation in generations),
        cached_tokens=sum(generation.cached_tokens for generation in generations),
        completion_tokens=sum(generation.completion_tokens for generation in generations),
        seconds=sum(generation.seconds for generation in generations),
    )


def check_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Raises UserError where a judging of that name has verdicts and was made with other settings."""
    if not (folder / "journal.sqlite").is_file():
        return
    with Journal.read(folder) as journal:
        kept = journal.settings()
        changed = [name for name, value in settings.items() if kept.get(name) != value]
        if changed and journal.answered():
            said = "; ".join(f"{name}: {kept.get(name)} -> {settings[name]}" for name in changed)
            raise UserError(f"{folder} has verdicts of another judge ({said}): use another --name, or delete it.")


def place_of(run: Path, judge: Judge) -> Path:
    """The folder of a judging. Raises UserError where a link, maybe a stranger's, would lead elsewhere."""
    place = run / FOLDER / judge.name
    for each in (place.parent, place):
        if each.is_symlink():
            raise UserError(f"{each} is a link, through which nothing is written: remove it.")
    return place


def run_judge(folder: Path, named: NamedEngine, labels: Path | None, given: Mapping[str, Any]) -> str:
    """The command: judges with progress, and says how to go on where it was stopped. Gives the judging's name."""
    from rich.console import Console

    from kshot.eval.report.safe_text import clean
    from kshot.harness.runs.progress import shown_on

    run, journal = read_run(folder)
    with journal:
        if not run.records:
            raise UserError(f"the run {folder} has no records yet; run the same kshot bench command again to fill it.")
        judge = judge_with(run=run, model=named.model, **given)
        place = place_of(folder, judge)
        known = {key_of(record) for record in run.records}
        strategies = short_names([record.strategy for record in run.records])
        if labels is not None and judge.pair is not None:
            raise UserError("--labels are of single answers, and --pairwise compares two: leave one out.")
        said = None if labels is None else read_labels(labels, known, strategies, judge.scale)
        check_settings(place, known_settings(place, judge))
        items = items_of(run, judge)
    note = named.note()
    console = Console(stderr=True)
    if note:
        console.print(clean(f"{named.model}: {note}"), highlight=False, markup=False)
    engine = named()
    bar, read = shown_on(console), [0, 0]

    def on_record(record: Record) -> None:
        read[0] += 1
        read[1] += not record.score.answered

    def on_progress(state: Progress) -> None:
        bar.show(read[0], f"{read[1]:,} unread  {state.in_flight} in flight")

    info = {"model": named.model, "note": note, **({"adapter": named.adapter} if named.adapter else {})}
    try:
        with bar:
            bar.begin("verdicts", len(items))
            judge_run(
                run, judge, items, engine, place, labels=said, info=info, on_record=on_record, progress=on_progress
            )
    except KeyboardInterrupt:
        click.echo(f"\nkshot: stopped after {read[0]} of {len(items)} verdicts, all kept in {place}.", err=True)
        raise
    finally:
        engine.close()
    return judge.name


def known_settings(place: Path, judge: Judge) -> dict[str, Any]:
    """What a judging's settings are to be, its engine taken for the one that it was made with: none is loaded yet."""
    kept: Mapping[str, Any] = {}
    if (place / "journal.sqlite").is_file():
        with Journal.read(place) as journal:
            kept = journal.settings()
    return judge.settings(str(kept.get("engine", "")), bool(kept.get("chat", True)))


def finish(folder: Path, name: str) -> None:
    """Prints what a judge says of a run, and makes the run's report again, in which all judges have a section."""
    from rich.console import Console

    from kshot.eval.report import terminal
    from kshot.eval.report.model import Report
    from kshot.eval.report.prompting.build import build
    from kshot.eval.report.prompting.judged import judged_section
    from kshot.eval.report.publish import announce, write

    run, journal = read_run(folder)
    with journal:
        short, names = abbreviated(replace(run, judgings=[each for each in run.judgings if each.name == name]))
        terminal.render(Report(run.name, [], judged_section(short, names)), Console())
        announce(write(build(run), folder))
