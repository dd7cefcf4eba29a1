"""Searches as jobs of one run, so that they share batches; kept in RUN/search, resumed by asking the journal.

A search is a program and nothing but its answers decides what it asks next: given again, the same command goes through
what the journal has and asks the rest. What two searches ask alike is asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kshot.harness.damage import SEARCHES
from kshot.harness.journal import Journal
from kshot.harness.runner import Calls, Job, Progress, Reuse, run_jobs
from kshot.harness.runs.search.engines import TwoEngines
from kshot.harness.runs.search.meter import Meter, metered
from kshot.harness.runs.search.plan import Key, Searches
from kshot.program import rewrite
from kshot.prompts.search import Found
from kshot.prompts.search.trials import Trials
from kshot.prompts.templates import plain
from kshot.types import Engine, Program, Request

SETTING = "search"


@dataclass(frozen=True, slots=True)
class Searched:
    """A search that has come to its end."""

    key: Key
    found: Found
    meter: Meter


@dataclass(slots=True)
class HowFarSearches:
    """How far all of them are."""

    searches: int
    done: int = 0  # searches
    spent: int = 0  # scorings that have come back; of a search that has ended, its budget
    state: Progress | None = None


def settings_of(loaded: Searches, engine: Engine) -> dict[str, Any]:
    """What a resume must agree with; methods, seeds and tasks may come and go."""
    two = engine if isinstance(engine, TwoEngines) else None
    return {
        SETTING: loaded.plan.protocol(),
        "engine": engine.id,
        "chat": engine.chat,
        "proposer": two.proposes.id if two else None,
        "proposer_chat": two.proposes.chat if two else None,
    }


def run_searches(
    loaded: Searches,
    engine: Engine,
    folder: Path,
    *,
    progress: Callable[[HowFarSearches], None] | None = None,
    on_ask: Callable[[str], None] | None = None,
    reuse: Reuse | None = None,
) -> list[Searched]:
    """Runs or resumes all searches of a plan in RUN/search. Raises UserError and EngineError.

    `reuse` is looked in for answers that other runs have.
    """
    ended: dict[Key, Searched] = {}
    ledgers: dict[Key, Trials] = {}
    meters: dict[Key, Meter] = {}
    far = HowFarSearches(len(loaded.keys))

    def jobs() -> Iterator[Job[Found]]:
        for key in loaded.keys:
            yield Job(key, partial(begin, key))

    def begin(key: Key) -> Program[Found]:
        program, ledgers[key] = loaded.begun(key)
        meters[key] = Meter()
        language = loaded.subjects[key[0]].question.language
        return rewrite(metered(program, meters[key]), partial(in_turns, engine, language))

    def done(job: Job[Found], found: Found, calls: Calls) -> None:
        key: Any = job.key
        ended[key] = Searched(key, found, meters[key])
        del ledgers[key]
        far.done += 1

    def told(state: Progress) -> None:
        begun = (len(one.trials) for each in ledgers.values() for one in each.candidates)
        far.spent = far.done * loaded.plan.budget + sum(begun)
        far.state = state
        if progress:
            progress(far)

    id_of = engine.id_of if isinstance(engine, TwoEngines) else None
    with Journal.open(folder / SEARCHES, settings_of(loaded, engine)) as journal:
        run_jobs(engine, jobs(), journal, done=done, progress=told, on_ask=on_ask, reuse=reuse, id_of=id_of)
    return [ended[key] for key in loaded.keys]


def in_turns(engine: Engine, language: str, request: Request) -> Request:
    """A request as the engine that answers it takes it: turns as text for one without a chat template."""
    answers = engine.of(request) if isinstance(engine, TwoEngines) else engine
    return request if answers.chat else plain(request, language)
