"""Several models on one plan: one after another, each into a run of its own, and one report of them all.

Meets: a model that fails loses nothing of the others'; one that joins later asks the others nothing, and one whose run
is whole is not loaded; of all models one is in memory at a time. Concedes: where the system ends a process that takes
too much memory, nothing is lost either, but the models behind it are asked only when the command is given again.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kshot.harness.runs.members import (
    HERE,
    engine_ids,
    folders_of,
    is_many,
    placed,
    read_members,
    shown,
    with_failures,
    write_members,
)
from kshot.types import EngineError, UserError

if TYPE_CHECKING:
    from kshot.eval.report.model import Report
    from kshot.eval.report.prompting.subjects import Subject
    from kshot.harness.engines.registry import NamedEngine
    from kshot.harness.runs.plan import Plan


def bench_many(
    plan: Plan,
    engines: Sequence[NamedEngine],
    folder: Path,
    baseline: str | None = None,
    metrics: Sequence[str] = (),
    *,
    trust_code: bool = False,
    reuse: Sequence[Path] = (),
    as_json: bool = False,
) -> None:
    """`run_many` and its report; raises UserError, after that, where a model failed."""
    failed = run_many(plan, engines, folder, baseline, metrics, trust_code=trust_code, reuse=reuse)
    if len(failed) < len(engines) or any((m.folder == HERE) for m in read_members(folder)):
        finish_many(folder, baseline, as_json=as_json)
    refuse_failures(failed, len(engines))


def run_many(
    plan: Plan,
    engines: Sequence[NamedEngine],
    folder: Path,
    baseline: str | None = None,
    metrics: Sequence[str] = (),
    *,
    trust_code: bool = False,
    reuse: Sequence[Path] = (),
) -> dict[str, str]:
    """Runs or resumes a plan on each engine, in RUN/MODEL/ each. Gives what failed: why, by model.

    Raises UserError for a mistake in the plan, before any model is loaded.
    """
    from kshot.eval.report.prompting.build import check_baseline
    from kshot.eval.report.safe_text import clean
    from kshot.harness.runs.console import run_plan
    from kshot.harness.runs.plan import load_plan

    loaded = load_plan(plan, metrics, trust_code=trust_code)
    loaded.check()
    check_baseline([strategy.name for strategy in loaded.strategies], baseline)
    members, mine = placed(engines, folder)
    write_members(folder, members)
    failed: dict[str, str] = {}
    for at, (named, member) in enumerate(zip(engines, mine, strict=True), 1):
        left = len(engines) - at
        more = f", {left} more to come" if left else ""
        click.echo(clean(f"model {at} of {len(engines)}: {named.model}{more}"), err=True)
        what = f"{shown(member)} ({at} of {len(engines)})"
        taken = engine_ids(folder, [other for other in members if other is not member])
        run = partial(run_plan, trust_code=trust_code, reuse=reuse, what=what, taken=taken)
        why = attempt(partial(run, plan, named, folder / member.folder, None, metrics))
        let_go()
        if why:
            failed[member.folder] = why
            click.echo(clean(f"kshot: {named.model} failed: {why}"), err=True)
        write_members(folder, with_failures(members, failed, mine[:at]))
    return {member.model: failed[member.folder] for member in mine if member.folder in failed}


def attempt(action: Callable[[], None]) -> str:
    """Does something; what went wrong in a sentence, "" where nothing did. A stop by the user goes through."""
    from kshot.harness.runs.crash import told

    try:
        action()
    except UserError as error:
        return str(error)
    except EngineError as error:
        return f"the engine failed: {error}"
    except MemoryError:
        return "the memory is not enough; free some, or leave this model out."
    except Exception as error:
        return told(error)[0]
    return ""


def let_go() -> None:
    """Frees what a model has left behind, before the next one is loaded."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def finish_many(folder: Path, baseline: str | None = None, out: Path | None = None, *, as_json: bool = False) -> None:
    """Writes each model's report, then the joint one, which is printed too."""
    from kshot.eval.report.prompting.build import build
    from kshot.eval.report.publish import publish, write
    from kshot.harness.runs.read import read_run

    for member in read_members(folder):
        here = folder / member.folder
        if out is None and here != folder and (here / "journal.sqlite").is_file():
            run, journal = read_run(here)
            with journal:
                if run.records:
                    write(build(run, baseline=baseline), here)
    with ExitStack() as opened:
        publish(joint_report(folder, opened, baseline), out or folder, findings=1, as_json=as_json)


def joint_report(folder: Path, opened: ExitStack, baseline: str | None = None) -> Report:
    """The report of all models in a folder; its journals are `opened`. Raises UserError where none has any records."""
    from kshot.eval.report.prompting.by_model import build_by_model

    members = read_members(folder)
    failed = {member.model: member.failed for member in members if member.failed}
    subjects = read_subjects([folder / m.folder for m in members], opened, lenient=True)
    if not subjects:
        why = "; ".join(f"{model}: {said}" for model, said in failed.items())
        raise UserError(f"no model of {folder} has any records ({why or 'nothing was run'}).")
    return build_by_model(subjects, folder.name, baseline=baseline, failed=failed)


def read_subjects(folders: Sequence[Path], opened: ExitStack, *, lenient: bool = False) -> list[Subject]:
    """Runs as the joint report takes them; where `lenient`, without those that have no records."""
    from kshot.eval.report.prompting.subjects import Subject
    from kshot.harness.runs.read import read_run

    found = []
    for folder in folders:
        if lenient and not (folder / "journal.sqlite").is_file():
            continue
        run, journal = read_run(folder)
        opened.enter_context(journal)
        if run.records or not lenient:
            total = journal.noted("total") or ""
            place = f"{folder.parent.name}/{folder.name}" if is_many(folder.parent) else folder.name
            model = str(run.info.get("model", run.name))
            found.append(Subject(model, run, int(total) if total.isdecimal() else 0, place))
    return found


def compare_runs(
    given: Sequence[Path], baseline: str | None = None, out: Path | None = None, *, as_json: bool = False
) -> None:
    """Prints runs against each other on the samples that they share, and writes the report into `out`.

    Of two runs the second against the first, of more the report of several models. Raises UserError.
    """
    from rich.console import Console

    from kshot.eval.report import terminal
    from kshot.eval.report.prompting.by_model import build_by_model
    from kshot.eval.report.prompting.compare import compare
    from kshot.eval.report.publish import print_json, publish

    found = [folder.resolve() for each in given for folder in folders_of(each)]
    folders = found if len(found) == 2 else list(dict.fromkeys(found))  # a run may be held against itself
    if len(folders) < 2:
        raise UserError(f"{given[0]} is one run: give another to compare it with.")
    with ExitStack() as opened:
        subjects = read_subjects(folders, opened)
        if len(subjects) == 2:
            report = compare(subjects[0].run, subjects[1].run)
        else:
            report = build_by_model(
                subjects, " against ".join(dict.fromkeys(each.name for each in given)), baseline=baseline
            )
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            publish(report, out, findings=1, as_json=as_json)
        elif as_json:
            print_json(report)
        else:
            terminal.render(report, Console())


def refuse_failures(failed: dict[str, str], count: int) -> None:
    """Raises UserError where models failed, once everything else is done."""
    if failed:
        said = "; ".join(f"{model}: {why}" for model, why in failed.items())
        raise UserError(
            f"{len(failed)} of {count} models failed ({said}) What was answered is kept; the same command goes on with "
            "what is left."
        )
