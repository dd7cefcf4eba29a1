"""Joins tasks, strategies and an engine: every (task, strategy, sample, repeat) is a program, run at once.

The run's folder holds the journal, run.json and what is derived from them. The same call on the same
folder resumes it; `rescore` reads the stored generations again with today's extraction, asking no model.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kshot.eval.metrics.registry import Scorer, kind_of, known_metric, scored, with_metrics
from kshot.harness import provenance
from kshot.harness.damage import UNREADABLE
from kshot.harness.journal import Journal
from kshot.harness.judging.read import refuse_judging
from kshot.harness.rows import check_prediction
from kshot.harness.runner import Calls, Job, Progress, Reuse, replay, run_jobs
from kshot.harness.runs.brought import check_brought, described
from kshot.harness.runs.growth import GROWS, grown, joined, kept_samples, new_samples, whole
from kshot.harness.runs.kinds import note_kinds
from kshot.harness.runs.names import note_names
from kshot.harness.runs.plan import Loaded, Plan, load_plan
from kshot.harness.runs.pools import check_pools
from kshot.harness.runs.prepare import prepare, prepared_of
from kshot.harness.runs.scored import note_scored
from kshot.harness.runs.sizes import note_size
from kshot.harness.runs.sources import check_sources, fingerprints, keep_sources, kept_templates, refuse_code
from kshot.harness.runs.wordings import note_templates
from kshot.spec import files_in
from kshot.types import Engine, Prediction, Record, Sample, Score, UserError
from kshot.whole_file import DamagedFile, read_object, write_whole

DESCRIPTION = "run.json"
SLACK = 1e-9  # of sums of fractions


def run_benchmark(
    loaded: Loaded,
    engine: Engine,
    folder: Path,
    *,
    info: Mapping[str, Any] | None = None,
    on_record: Callable[[Record], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
    on_ask: Callable[[str], None] | None = None,
    reuse: Reuse | None = None,
) -> Progress:
    """Runs or resumes a plan in a folder, or adds it to what the folder's run has; records are in its journal.

    `reuse` is looked in for answers that other runs have. Raises UserError and EngineError.
    """
    loaded = joined(loaded, folder)
    by_id = {(task, sample.id): sample for task, samples in loaded.samples.items() for sample in samples}
    loaded = loaded.of_model((info or {}).get("model"))
    settings = loaded.settings(engine.id, engine.chat)
    asked_for = loaded.check()  # before anything is kept
    with Journal.open(folder, settings, GROWS) as journal:
        check_brought(journal, asked_for)
        more = grown(journal, loaded, settings) if journal.answered() and journal.settings_text() else {}
        begin(journal, loaded, settings, {**(info or {}), **described(asked_for)}, more)

        def done(job: Job[Prediction], prediction: Prediction, calls: Calls) -> None:
            record = record_of(loaded, by_id, job, prediction, calls)
            journal.add_record(record)
            if on_record:
                on_record(record)

        loaded = prepare(loaded, engine, journal, on_ask=on_ask, progress=progress, reuse=reuse)
        jobs = loaded.jobs(chat=engine.chat)
        return run_jobs(engine, jobs, journal, done=done, progress=progress, on_ask=on_ask, reuse=reuse)


def rescore(folder: Path, metrics: Sequence[str] = (), *, trust_code: bool = False) -> tuple[int, int]:
    """Reads a run's generations again with today's extraction and scores, by further `metrics` too.

    Returns (records, how many changed). A folder may come from a stranger: files of code that its journal names are run
    only with `trust_code`. Raises UserError.
    """
    with Journal.read(folder) as old:
        settings, chat = old.settings(), chat_of(old)
        refuse_judging(settings, folder)
        plan = whole(Plan.of(settings), old)
        files = kept_templates(old, plan)
        before = {
            (r.task, r.strategy, r.sample_id, r.repeat): (r.prediction.answer, r.score.value) for r in old.records()
        }
    if not trust_code:
        refuse_code(plan, folder)
    loaded = of_cells(load_plan(plan, metrics, files, trust_code=trust_code), before)
    by_id = {(task, sample.id): sample for task, samples in loaded.samples.items() for sample in samples}
    count = changed = 0
    with Journal.open(folder, settings) as journal:
        for task, samples in loaded.samples.items():
            journal.add_samples(task, samples)

        def done(job: Job[Prediction], prediction: Prediction, calls: Calls) -> None:
            nonlocal count, changed
            record = record_of(loaded, by_id, job, prediction, calls)
            assert isinstance(job.key, tuple)
            count += 1
            changed += before.get(job.key) != (prediction.answer, record.score.value)
            journal.add_record(record)

        note_kinds(journal, loaded.metrics)
        note_scored(journal, loaded.metrics)
        model = (description_of(folder) or {}).get("model")
        loaded = replace(loaded.of_model(model), prepared=prepared_of(journal))
        finished = [job for job in loaded.jobs(chat=chat) if job.key in before]
        replay(settings["engine"], finished, journal, done=done)
        keep_sources(journal, loaded)
    return count, changed


def of_cells(loaded: Loaded, attempts: Collection[tuple[str, str, str, int]]) -> Loaded:
    """A run's plan with all of its samples, and each strategy that has records on the tasks that it has them of."""
    on: dict[str, list[str]] = {}
    for task, strategy in dict.fromkeys((task, strategy) for task, strategy, _, _ in attempts):
        on.setdefault(strategy, []).append(task)
    only = {**loaded.plan.only, **{strategy: tuple(tasks) for strategy, tasks in on.items()}}
    return replace(loaded, plan=replace(loaded.plan, only=only), samples=kept_samples(loaded))


def chat_of(journal: Journal) -> bool:
    """Whether a run's messages went through a chat template; of a run before that was kept, whether it sent any.

    Without a template every message is made text before it is sent, so that a journal of texts alone had none.
    """
    settings = journal.settings()
    return bool(settings["chat"]) if "chat" in settings else journal.has_messages()


def record_of(
    loaded: Loaded, by_id: Mapping[tuple[str, str], Sample], job: Job[Prediction], prediction: Prediction, calls: Calls
) -> Record:
    """A finished program as a record."""
    assert isinstance(job.key, tuple)
    task_name, strategy, sample_id, repeat = job.key
    task = next(task for task in loaded.tasks if task.name == task_name)
    if files_in(strategy):
        try:
            check_prediction(prediction)
        except UNREADABLE as error:
            raise UserError(f"{strategy}, {sample_id}: the prediction cannot be kept ({error}); mend it.") from error
    generations, sample = [generation for _, generation in calls], by_id[task_name, sample_id]
    own = scored(task.score, prediction, sample)
    if ".py:" in task_name and not isinstance(task.score, Scorer):
        check_names(own, task_name)
    score = with_metrics(own, [one for one in loaded.metrics if one.name not in own.values], prediction, sample)
    check_score(score, loaded, f"{task_name}, {sample_id}")
    return Record(
        task=task_name,
        strategy=strategy,
        sample_id=sample_id,
        repeat=repeat,
        prediction=prediction,
        score=score,
        calls=tuple(key for key, _ in calls),
        prompt_tokens=sum(generation.prompt_tokens for generation in generations),
        cached_tokens=sum(generation.cached_tokens for generation in generations),
        completion_tokens=sum(generation.completion_tokens for generation in generations),
        seconds=sum(generation.seconds for generation in generations),
    )


def check_names(score: Score, task: str) -> None:
    """Raises UserError where a user's own values go by the name of a metric that a report would count again."""
    for name in score.values:
        known = known_metric(name)
        if known is not None and known.kind.over != "attempt":
            raise UserError(
                f"{task}: the score has a value named {name}, which is kshot's own metric over a {known.kind.over}: "
                f"give it another name, or score=scored_by({name!r}) to the task."
            )


def check_score(score: Score, loaded: Loaded, of: str) -> None:
    """Raises UserError for a value that its metric cannot have."""
    own = {one.name: one.kind for one in loaded.metrics}
    for name, value in score.values.items():
        kind = kind_of(name, own)
        if not (math.isfinite(value) and kind.low - SLACK <= value <= kind.high + SLACK):
            raise UserError(f"{of}: {name} is {value}; mend it, it lies between {kind.low:g} and {kind.high:g}.")


def begin(
    journal: Journal,
    loaded: Loaded,
    settings: Mapping[str, Any],
    info: Mapping[str, Any],
    more: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Keeps what a run is, before anything is asked: samples, names, sources, versions; `more` has settings that grew.

    Raises UserError for a file, data or exemplars that have changed.
    """
    check_sources(journal, loaded)
    check_pools(journal, loaded)
    grew = any(journal.settings().get(key) != value for key, value in more.items())
    journal.grow(more, kept_samples(loaded), new_samples(loaded))
    hashes = fingerprints(loaded)
    describe(journal, {**settings, **more}, {**info, **({"sources": hashes} if hashes else {})}, grew=grew)
    keep_sources(journal, loaded)
    note_templates(journal, loaded)
    note_kinds(journal, loaded.metrics)
    note_scored(journal, loaded.metrics)
    note_size(journal, info)
    note_names(journal, loaded)
    journal.note("total", str(loaded.total + others(journal, loaded)))


def others(journal: Journal, loaded: Loaded) -> int:
    """The records that a run has beside what a plan asks."""
    own = {(task.name, strategy.name) for task, strategy in loaded.pairs()}
    asked = {(task, sample.id) for task, samples in loaded.samples.items() for sample in samples}
    return sum(
        (task, strategy) not in own or (task, sample) not in asked or repeat >= loaded.plan.repeats
        for task, strategy, sample, repeat in journal.attempts()
    )


def describe(journal: Journal, settings: Mapping[str, Any], info: Mapping[str, Any], *, grew: bool = False) -> None:
    """Writes what is needed to repeat a run, run.json: where it does not stand yet, is damaged, or nothing was done.

    Of a run that grew it has the settings as they are now, and under `grown` by which commands.
    """
    path, before = journal.folder / DESCRIPTION, description_of(journal.folder)
    if before is None or not journal.answered():
        write_whole(path, json.dumps({**info, "settings": settings, **provenance.collect()}, indent=2))
    elif grew:
        now = provenance.collect()
        by = {key: now[key] for key in ("kshot", "commit", "command", "started")}
        past = before.get("grown")
        files = {**(found if isinstance(found := before.get("sources"), dict) else {}), **info.get("sources", {})}
        said = {**before, **({"sources": files} if files else {}), "settings": settings}
        said |= {"study": info["study"]} if "study" in info else {}
        said["grown"] = [*(past if isinstance(past, list) else []), by]
        write_whole(path, json.dumps(said, indent=2))


def description_of(folder: Path) -> dict[str, Any] | None:
    """What run.json says; None where it is not there or damaged."""
    with suppress(OSError, DamagedFile):
        return read_object(folder / DESCRIPTION, "")
    return None
