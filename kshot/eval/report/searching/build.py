"""The report of a search for prompts: what was found, whether it is better than what people write, at what cost.

Meets: a pure function of what the searches came to and of the test's records. The validation score, on which a search
chose, is shown beside what corrects it and never alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from kshot.eval.report.model import CARE, Block, Report, Section, Transcripts
from kshot.eval.report.numbers import as_relation, percent, points
from kshot.eval.report.prompting.results import plain
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.tables import settings_table
from kshot.eval.report.prompting.transcripts import transcripts_of
from kshot.eval.report.searching import figures, tables
from kshot.eval.report.searching.outcomes import BEST_HUMAN, SearchOutcome
from kshot.eval.report.searching.tested import Tested, gathered, mean_of
from kshot.eval.report.searching.verdicts import BASELINES, SearchVerdict, verdicts_of
from kshot.types import UserError

PROTOCOL = (
    "A task's train split is divided by a seeded hash of its samples: some to learn from, some to choose on, the same "
    "for all methods and seeds. All methods have the same number of scorings and of proposals.",
    "The test split was read once, after all searches had ended; nothing was chosen on it.",
    "What the out-of-bag estimate does not correct: a method that looks at validation scores and goes on from the best "
    "(edits, opro, reinforce) has fitted these samples along the way, and bagging its candidates does not undo that.",
)


def build(
    run: RunData,
    outcomes: Sequence[SearchOutcome],
    few_shot: Mapping[str, str],
    calibrated: Mapping[str, str],
    *,
    notes: Sequence[str] = (),
    transfer: RunData | None = None,
) -> Report:
    """Everything that a search shows. Raises UserError where the test has no records of what was found."""
    tested = gathered(run, outcomes, few_shot, calibrated)
    if not tested.methods:
        raise UserError(f"the run {run.name} has no test records of what was found: give the same command again.")
    notes = [*notes, *partly(tested, outcomes)]
    verdicts = verdicts_of(tested)
    sections = [
        Section("Chosen, corrected, tested", [tables.scores_table(tested), figures.validation_and_test(tested)]),
        Section("Is it better", list(verdict_blocks(verdicts))),
        Section("On the way", [figures.best_so_far(tested)]),
        Section("Every prompt found", [tables.prompts_table(tested)]),
    ]
    after = tables.calibration_table(tested)
    if after:
        sections.append(Section("After calibration", [after]))
    there = gathered(transfer, outcomes, few_shot, calibrated) if transfer else None
    if transfer and there and there.methods:
        model = str(transfer.info.get("model", "the other model"))
        sections.append(Section("On another model", [tables.transfer_table(tested, there, model)]))
    sections.append(Section("Cost", [tables.cost_table(tested)]))
    own = {spec for one in outcomes for spec in one.tested} | {spec for spec, _ in tested.baselines.values()}
    shown = [each for each in transcripts_of(run) if each.strategy in own]
    sections.append(Section("Transcripts", [Transcripts(shown)]))
    said = [*PROTOCOL, *protocol_of(outcomes, few_shot), *notes, *notes_of(outcomes)]
    sections.append(Section("How it was run", [*said, settings_table([run])], background=True))
    summary = summary_of(tested, verdicts, notes)
    results = results_of(run, tested, verdicts, summary)
    return Report(f"kshot search: {run.name}", summary, sections, results)


def partly(tested: Tested, outcomes: Sequence[SearchOutcome]) -> list[str]:
    """What to say where a test was stopped, or asked with another limit for methods that came later."""
    said = []
    remedy = "give the same command again, with one --limit for all methods."
    for task in tested.tasks:
        counts = [len(scores) for method in tested.methods if method.task == task for scores in method.tests]
        counts += [len(scores) for name, (_, scores) in tested.baselines.items() if name == task]
        if min(counts) < max(counts):
            said.append(
                f"{CARE}what was found on {task} has {min(counts)} to {max(counts)} test samples, so that test scores "
                f"are of different ones: {remedy}"
            )
    there = {id(one) for method in tested.methods for one in method.outcomes}
    lacking = [one for one in outcomes if id(one) not in there]
    if lacking:
        named = ", ".join(dict.fromkeys(f"{one.method} on {one.task}" for one in lacking))
        said.append(f"{CARE}of {named} {len(lacking)} searches have no test, and are not in this report: {remedy}")
    return said


def verdict_blocks(verdicts: Sequence[SearchVerdict]) -> list[Block]:
    """The tables of verdicts, a baseline each, the figure of the first."""
    blocks: list[Block] = []
    for against in BASELINES:
        family = [one for one in verdicts if one.against == against]
        if family:
            blocks += [figures.forest(family)] if against == BEST_HUMAN else []
            blocks += [f"Against {against}:", tables.verdict_table(family, against)]
    return blocks


def protocol_of(outcomes: Sequence[SearchOutcome], few_shot: Mapping[str, str]) -> list[str]:
    """What each search could spend and see, a sentence a task."""
    found = {}
    for one in outcomes:
        found[one.task] = (
            f"{one.task}: {one.budget:,} scorings a search, {one.train} samples to learn from and {one.validation} to "
            f"choose on, by {one.objective}; few-shot is {few_shot.get(one.task, 'not tested')}."
        )
    return list(found.values())


def notes_of(outcomes: Sequence[SearchOutcome]) -> list[str]:
    """What searches had to say."""
    return list(
        dict.fromkeys(f"{one.task}, {one.method}, seed {one.seed}: {note}" for one in outcomes for note in one.notes)
    )


def summary_of(tested: Tested, verdicts: Sequence[SearchVerdict], notes: Sequence[str]) -> list[str]:
    """What came of it, in sentences."""
    said = []
    for against in BASELINES:
        family = [one for one in verdicts if one.against == against]
        if family:
            counts = {word: [one for one in family if one.word.startswith(word)] for word in WORDS}
            listed = ", ".join(f"{len(some)} {word}{named(some, word)}" for word, some in counts.items() if some)
            said.append(f"On the test against {against}: {listed} (of {len(family)}, Holm over all).")
    for task in tested.tasks:
        said.append(task_sentence(tested, verdicts, task))
    found = [method for method in tested.methods if method.name != BEST_HUMAN]
    if found:
        worst = max(found, key=lambda one: one.validation - one.test)
        more, tested_as = points(worst.validation - worst.test), percent(worst.test)
        said.append(
            f"What was chosen on validation promised up to {more} points more than it held ({worst.name} on "
            f"{worst.task}: {percent(worst.validation)} there, {tested_as} on the test)."
        )
    return [*said, *(note for note in notes if note.startswith(CARE))]


WORDS = ("better", "worse", "as good", "not decided")


def named(verdicts: Sequence[SearchVerdict], word: str) -> str:
    """Which they are, of those that are decided."""
    if word not in ("better", "worse") or len(verdicts) > 3:
        return ""
    return f" ({', '.join(f'{one.method} on {one.task}' for one in verdicts)})"


def task_sentence(tested: Tested, verdicts: Sequence[SearchVerdict], task: str) -> str:
    """The best method of a task beside what people wrote."""
    best = max((method for method in tested.methods if method.task == task), key=lambda one: one.test)
    against = next(
        (one for one in verdicts if (one.task, one.method, one.against) == (task, best.name, BEST_HUMAN)), None
    )
    said = f"{task}: highest on the test is {best.name} with {percent(best.test)}"
    if against is None:
        return f"{said}."
    p = as_relation(against.adjusted)
    return f"{said}, {points(against.difference)} points from best-human (p {p}: {against.word})."


def results_of(
    run: RunData, tested: Tested, verdicts: Sequence[SearchVerdict], summary: Sequence[str]
) -> dict[str, Any]:
    """The same as values that JSON has."""
    searches = [
        {
            "task": method.task, "method": method.name, "seed": one.seed, "strategy": one.spec, "text": one.winner.text,
            "candidates": len(one.tried), "unusable": one.unusable, "scorings": one.scorings, "budget": one.budget,
            "proposals": one.proposals, "validation": one.winner.score, "out_of_bag": one.out_of_bag,
            "test": mean_of(scores), "samples": len(scores),
            "calibrated": tested.after_calibration(method.task, [one.spec]),
            "cost": {"proposing": asdict(one.proposing), "scoring": asdict(one.scoring)},
        }
        for method in tested.methods
        for one, scores in zip(method.outcomes, method.tests, strict=True)
    ]  # fmt: skip
    compared = [
        {
            "task": one.task, "method": one.method, "against": one.against, "samples": one.n,
            "difference": one.difference, "low": one.interval.low, "high": one.interval.high,
            "by_seed": list(one.per_seed), "p": one.p, "p_holm": one.adjusted, "test": one.test, "verdict": one.word,
            "needed": one.needed,
        }
        for one in verdicts
    ]  # fmt: skip
    baselines = [
        {"task": task, "strategy": spec, "test": mean_of(scores)} for task, (spec, scores) in tested.baselines.items()
    ]
    found: dict[str, Any] = plain({
        "schema": "kshot-search", "version": 1, "run": run.name, "model": run.info.get("model"),
        "summary": list(summary), "searches": searches, "verdicts": compared, "few_shot": baselines,
    })  # fmt: skip
    return found
