"""What a study has brought so far: the records of all its runs as one, and its trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kshot.adapters.study.folder import (
    DONE,
    PROMPTING,
    RUN,
    read_settings,
    say_damage,
    training_of,
    trainings_in,
)
from kshot.adapters.training.recipe import Trained
from kshot.eval.report.prompting.run_data import RunData
from kshot.harness.journal import Journal
from kshot.harness.runs.read import read_run
from kshot.spec import split_spec, write_spec
from kshot.types import Generation, Record, Request, Sample, UserError


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """One training with its evaluation."""

    label: str
    method: str
    samples: int
    seed: int
    trained_on: int
    trainable: int
    total: int
    trained: Trained
    accuracy: float  # on the test samples


@dataclass(frozen=True)
class Results:
    """All that a study has so far."""

    name: str
    info: Mapping[str, Any]
    run: RunData
    outcomes: tuple[TrainingOutcome, ...]
    journals: tuple[Journal, ...]

    def close(self) -> None:
        """Closes the journals, which transcripts are read from."""
        for journal in self.journals:
            journal.close()


def read_study(folder: Path) -> Results:
    """A study's records and trainings. Raises UserError where the folder holds none."""
    info = read_settings(folder)
    say_damage(folder)
    records: list[Record] = []
    samples: dict[tuple[str, str], Sample] = {}
    journals: list[Journal] = []
    home: dict[str, Journal] = {}
    order: list[str] = []
    outcomes: list[TrainingOutcome] = []
    params: dict[str, Mapping[str, object]] = {}

    def add(run: RunData, journal: Journal, label: str | None, seed: int) -> list[Record]:
        found = [replace(r, strategy=label or r.strategy, repeat=seed if label else r.repeat) for r in run.records]
        records.extend(found)
        samples.update(run.samples)
        journals.append(journal)
        home.update({key: journal for record in found for key in record.calls})
        return found

    if (folder / PROMPTING / "journal.sqlite").is_file():
        run, journal = read_run(folder / PROMPTING)
        add(run, journal, None, 0)
        order.extend(run.strategies)
        params.update(run.params)
        info["packages"] = run.info.get("packages", {})
    for here, said in trainings_in(folder):
        trained = Trained.read(here)
        if trained is None or not (here / DONE).is_file():
            continue
        said["label"] = training_of(said).label
        run, journal = read_run(here / RUN)
        info.setdefault("packages", run.info.get("packages", {}))
        found = add(run, journal, said["label"], said["seed"])
        if not found:
            raise UserError(f"{here / RUN} has no records: give the same kshot tune command again to go on.")
        mean = sum(r.score.value for r in found) / len(found)
        outcomes.append(TrainingOutcome(trained=trained, accuracy=mean, **said))
    if not records:
        raise UserError(f"the study in {folder} has no results yet; give the same kshot tune command again to go on.")
    outcomes.sort(key=lambda one: (one.trainable, one.samples, one.seed))
    labels = list(dict.fromkeys(one.label for one in outcomes))

    def call(key: str) -> tuple[Request, Generation]:
        return home[key].call(key)

    run = RunData(folder.name, info, records, samples, call, [*order, *labels], params)
    return Results(folder.name, info, run, tuple(outcomes), tuple(journals))


def groups_of(outcomes: Sequence[TrainingOutcome]) -> dict[str, list[TrainingOutcome]]:
    """Trainings that differ in the seed alone, by label."""
    groups: dict[str, list[TrainingOutcome]] = {}
    for one in outcomes:
        groups.setdefault(one.label, []).append(one)
    return groups


def method_of(label: str) -> str:
    """A label without its training size."""
    name, given = split_spec(label)
    rest = {key: value for key, value in given.items() if key != "samples"}
    return write_spec(name, dict(rest))
