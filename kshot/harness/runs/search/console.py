"""What `kshot search` does once its words are read: search with progress, keep what was found, test it once, report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kshot.harness.runs.many import let_go
from kshot.types import UserError

if TYPE_CHECKING:
    from kshot.harness.engines.registry import NamedEngine
    from kshot.harness.runs.search.found import FoundFile
    from kshot.harness.runs.search.plan import Searches, SearchPlan
    from kshot.types import Engine

TRANSFER = "transfer"


def run_search(
    plan: SearchPlan,
    named: NamedEngine,
    folder: Path,
    *,
    proposer: NamedEngine | None = None,
    transfer: NamedEngine | None = None,
    able: Callable[[Engine], Engine] | None = None,
    reuse: Sequence[Path] = (),
) -> None:
    """Searches, then tests what was found and what it is held against; `finish` makes the report.

    `able` makes an engine answer what searches that follow gradients ask, and raises UserError where it cannot. `reuse`
    are other runs, of searches or not, whose answers are taken. Raises UserError for a mistake before any model is
    loaded.
    """
    from kshot.harness.runs.console import run_plan
    from kshot.harness.runs.maker import refuse_others
    from kshot.harness.runs.reuse import within
    from kshot.harness.runs.search.bench import bench_plan, shared
    from kshot.harness.runs.search.found import check_same_train, merged, write_found
    from kshot.harness.runs.search.plan import load_searches

    refuse_others(folder, "search")
    if transfer is not None and transfer.name == named.name:
        raise UserError(f"--transfer {transfer.model} is the model that is searched on: name another, or leave it out.")
    loaded = load_searches(plan)
    check_same_train(folder, pools_of(loaded))
    for other in (proposer, transfer):
        if other is not None and (note := other.note()):  # a wrong name is told now, and not after the searches
            tell(f"{other.model}: {note}")
    for note in loaded.notes:
        tell(note)
    found = merged(folder, searched(loaded, named, proposer, folder, able, reuse))
    write_found(folder, found)
    let_go()
    plan_of_tests = bench_plan(loaded, found.outcomes, found.few_shot, found.calibrated)
    run_plan(plan_of_tests, named, folder, what="test attempts", reuse=within(reuse, "."))
    said = shared(loaded, folder)
    if said:
        write_found(folder, replace(found, notes=tuple(dict.fromkeys([*found.notes, *said]))))
    if transfer is not None:
        let_go()
        winners = bench_plan(loaded, found.outcomes, found.few_shot, found.calibrated, winners_only=True)
        tested = within(reuse, TRANSFER)
        run_plan(winners, transfer, folder / TRANSFER, what=f"the same on {transfer.model}", reuse=tested)


def searched(
    loaded: Searches,
    named: NamedEngine,
    proposer: NamedEngine | None,
    folder: Path,
    able: Callable[[Engine], Engine] | None,
    reuse: Sequence[Path],
) -> FoundFile:
    """Runs or resumes the searches, and shows how far they are."""
    from rich.console import Console

    from kshot.harness.damage import SEARCHES
    from kshot.harness.runs.progress import shown_on
    from kshot.harness.runs.resumed import deferred
    from kshot.harness.runs.reuse import OtherRuns, within
    from kshot.harness.runs.search.bench import calibrations_of, few_shot_of
    from kshot.harness.runs.search.engines import TwoEngines, as_one
    from kshot.harness.runs.search.found import FoundFile, described, outcome_of, specs_of
    from kshot.harness.runs.search.run import HowFarSearches, run_searches

    if note := named.note():
        tell(f"{named.model}: {note}")
    bar = shown_on(Console(stderr=True))
    states: list[HowFarSearches] = []

    def progress(far: HowFarSearches) -> None:
        states[:] = [far]
        state = far.state
        tokens = f"  {state.generated_tokens:,} tokens  {state.in_flight} in flight" if state else ""
        taken = f"  {state.reused:,} taken from other runs" if state and state.reused else ""
        bar.show(far.spent, f"{far.done} of {far.searches} searches done{tokens}{taken}")

    loaded, scores = made_able(loaded, named, folder / SEARCHES, able)
    engine = scores
    if proposer is not None:
        engine = as_one(scores, deferred(proposer, folder / SEARCHES, ("proposer", "proposer_chat")) or proposer())
    try:
        own = folder / SEARCHES
        beside = engine.proposes.id if isinstance(engine, TwoEngines) else ""
        asked = [*within(reuse, SEARCHES), *within(reuse, ".")]
        with OtherRuns(asked, own, engine.id, tell, beside) as others, bar:
            bar.begin("scorings", loaded.plan.budget * len(loaded.keys))
            ended = run_searches(loaded, engine, folder, progress=progress, reuse=others)
    except KeyboardInterrupt:
        far = states[0].done if states else 0
        click.echo(
            f"\nkshot: stopped after {far} of {len(loaded.keys)} searches; all that was answered is kept in {folder}.",
            err=True,
        )
        raise
    finally:
        engine.close()
    outcomes = tuple(outcome_of(loaded, one) for one in ended)
    few_shot = {name: few_shot_of(task, loaded.subjects[name]) for name, task in loaded.tasks.items()}
    tested = {task: [*specs, few_shot[task]] for task, specs in specs_of(outcomes).items()}
    calibrated = calibrations_of(loaded, tested) if loaded.plan.calibrated else {}
    info = described(named.model, proposer.model if proposer else None)
    return FoundFile(outcomes, loaded.plan.protocol(), few_shot, calibrated, loaded.notes, info, pools_of(loaded))


def pools_of(loaded: Searches) -> dict[str, str]:
    """By task, a hash of the train samples."""
    return {name: subject.drawn_from for name, subject in loaded.subjects.items()}


def made_able(
    loaded: Searches, named: NamedEngine, folder: Path, able: Callable[[Engine], Engine] | None
) -> tuple[Searches, Engine]:
    """The searches that an engine can do, and the engine. Raises UserError for one that was named and it cannot do."""
    from kshot.harness.runs.resumed import deferred
    from kshot.harness.runs.search.plan import follows_gradients

    engine = deferred(named, folder) or named()
    if not any(follows_gradients(method) for _, method, _ in loaded.keys):
        return loaded, engine
    try:
        if able is None:
            raise UserError("hotflip follows gradients, which nothing here has: leave it out.")
        return loaded, able(engine)
    except UserError as error:
        if any(map(follows_gradients, loaded.plan.methods)):
            engine.close()
            raise
        note = f"left out: {error}"
        tell(note)
        keys = tuple(key for key in loaded.keys if not follows_gradients(key[1]))
        return replace(loaded, keys=keys, notes=(*loaded.notes, note)), engine


def finish(folder: Path, out: Path | None = None, *, as_json: bool = False) -> None:
    """Prints a search's report, writes it (into its folder), and says where it is and what was found."""
    from contextlib import ExitStack

    from kshot.eval.report.publish import publish
    from kshot.eval.report.searching.build import build
    from kshot.harness.runs.read import read_run
    from kshot.harness.runs.search.found import read_found

    found = read_found(folder)
    with ExitStack() as opened:
        run, journal = read_run(folder)
        opened.enter_context(journal)
        other = None
        if (folder / TRANSFER / "journal.sqlite").is_file():
            other, kept = read_run(folder / TRANSFER)
            opened.enter_context(kept)
        report = build(run, found.outcomes, found.few_shot, found.calibrated, notes=found.notes, transfer=other)
        publish(report, out or folder, findings=3, as_json=as_json)


def tell(said: str) -> None:
    """A note, beside what is printed."""
    from kshot.eval.report.safe_text import clean

    click.echo(clean(said), err=True)
