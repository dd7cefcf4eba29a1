"""The judgings of a run's folder, RUN/judge/NAME: each a journal of its own, which no command takes for a run's.

Meets: a verdict on an answer that has since been read otherwise is told from one that still holds. Concedes: a judging
that is damaged is named in the report and keeps nobody from reading the run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from kshot.eval.report.prompting.judgings import Attempt, Judging, Verdict
from kshot.harness.damage import UNREADABLE
from kshot.harness.journal import Journal
from kshot.harness.judging.items import Key, key_of, seen_of
from kshot.harness.judging.judge import PAIR, SCALE
from kshot.types import Record, UserError

FOLDER = "judge"
MODEL, RUBRIC, LABELS, TOTAL = "model", "rubric", "labels", "total"  # notes in its journal
SETTING = "judge"
SEARCHED = "search"  # the setting that only a search's journal has


def folders_of(run: Path) -> list[Path]:
    """The folders of a run's judgings, by name."""
    return sorted(path.parent for path in (run / FOLDER).glob("*/journal.sqlite"))


def judgings_stamp(run: Path) -> tuple[int, ...]:
    """What changes when a judging of the run has been written to its end."""
    files = [(folder / "journal.sqlite").stat() for folder in folders_of(run)]
    return tuple(number for file in files for number in (file.st_mtime_ns, file.st_size))


def is_judging(folder: Path) -> bool:
    """Whether a folder lies where a run's judgings do, or a run's searches for prompts."""
    place = folder.resolve().parent
    searches = folder.resolve().name == SEARCHED and not (folder / "run.json").is_file()
    return searches or (place.name == FOLDER and (place.parent / "journal.sqlite").is_file())


def refuse_judging(settings: Mapping[str, Any], folder: Path) -> None:
    """Raises UserError where a journal's settings are a judging's, or a search's: these hold no run's scores."""
    refuse_searched(settings, folder)
    if SETTING in settings:
        raise UserError(
            f"{folder} holds a judge's verdicts on a run, which are no run of their own: give the run's folder, whose "
            "report has them; `kshot show` shows them one by one."
        )


def refuse_searched(settings: Mapping[str, Any], folder: Path) -> None:
    """Raises UserError where a journal's settings are those of searches for prompts, which have no records."""
    if SEARCHED in settings:
        raise UserError(
            f"{folder} holds what searches for prompts asked on their way, which is no run of its own: give the folder "
            "around it, whose report has what they found."
        )


def judgings_of(run: Path, records: Sequence[Record]) -> list[Judging]:
    """Every judge's verdicts on a run's records."""
    found = []
    for folder in folders_of(run):
        try:
            with Journal.read(folder) as journal:
                if journal.answered():  # else it has just begun
                    found.append(read_judging(journal, records))
        except (*UNREADABLE, OSError) as error:
            found.append(Judging(folder.name, "", "", "", "", "", "", "", "", "", False, trouble=str(error)))
    return found


def read_judging(journal: Journal, records: Sequence[Record]) -> Judging:
    """One judge's verdicts. Raises UserError and kin for a damaged journal, ValueError for verdicts on no scale."""
    settings = journal.settings()
    pair = None if settings["pair"] is None else (str(settings["pair"][0]), str(settings["pair"][1]))
    judging = Judging(
        name=str(settings["judge"]),
        metric=f"judge:{settings['judge']}",
        engine=str(settings["engine"]),
        model=journal.noted(MODEL) or "",
        rubric=str(settings["rubric"]),
        sha256=str(settings["rubric_sha256"]),
        text=journal.noted(RUBRIC) or "",
        scale=str(settings["scale"]),
        by=str(settings["by"]),
        of=str(settings["of"]),
        reference=bool(settings["reference"]),
        pair=pair,
        total=int(journal.noted(TOTAL) or 0),
        labels=labels_of(journal, str(settings["scale"])),
    )
    if judging.scale not in SCALE or (judging.scale == PAIR) != (pair is not None):
        raise ValueError(f"its scale is {judging.scale!r:.40}")
    return replace(judging, verdicts=list(verdicts_of(journal, judging, records)))


def verdicts_of(journal: Journal, judging: Judging, records: Sequence[Record]) -> Iterator[Verdict]:
    """A journal's verdicts, in its order."""
    by_key = {key_of(record): record for record in records}
    values = SCALE[judging.scale].values
    for record in journal.records():
        strategies = judging.pair or (record.strategy,)
        attempts: list[Key] = [(record.task, name, record.sample_id, record.repeat) for name in strategies]
        now = [seen_of(by_key[key], judging.of) if key in by_key else None for key in attempts]
        detail, said = record.prediction.detail, record.prediction.answer
        places = tuple(detail.get("places", ()))
        if not (said is None or said in values) or not set(places) <= {"first", "second", None}:
            raise ValueError(f"a verdict is {said!r:.40} {places!r:.40}")
        yield Verdict(
            attempts[0],
            said,
            record.score.value if said is None else values[said],
            record.prediction.rule,
            places,
            record.prediction.probabilities,
            now == list(detail.get("judged", ())),
        )


def labels_of(journal: Journal, scale: str) -> dict[Attempt, str]:
    """The labels that were kept, on the scale; {} where none were, or they are damaged."""
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        said = json.loads(journal.noted(LABELS) or "[]")
        found = {(str(task), str(strategy), str(sample), int(at)): word for task, strategy, sample, at, word in said}
        return {attempt: word for attempt, word in found.items() if word in SCALE[scale].values}
    return {}
