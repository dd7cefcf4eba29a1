"""A study's folder: the names in it, and what is read and written under them.

`study.json` has the settings, `prompting/` the run of the strategies to compare with, `rates.json` what a search of
learning rates has found and `search/` its scratch. Every training has a folder of its own: the adapter's files,
`training.json`, `cell.json` (which training it is), `run/` (its evaluation), and at last `done`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kshot.adapters.methods.by_name import spelled
from kshot.adapters.study.plan import Study, Training
from kshot.types import UserError

SETTINGS, PROMPTING, RATES, SEARCH = "study.json", "prompting", "rates.json", "search"
TRAINING, RUN, DONE = "cell.json", "run", "done"


def check_settings(study: Study, folder: Path) -> None:
    """Writes the study's settings, or holds them against those that are there. Raises UserError where they differ."""
    path, said = folder / SETTINGS, json.loads(json.dumps(study.settings()))
    if not path.is_file():
        path.write_text(json.dumps(said, indent=2), encoding="utf-8")
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    differing = [key for key in said if before.get(key) != said[key]]
    if differing:
        key = differing[0]
        raise UserError(
            f"the study in {folder} was begun with {key} = {before.get(key)} and now it is {said[key]}: give the same "
            "again to go on, or another --run."
        )


def read_settings(folder: Path) -> dict[str, Any]:
    """A study's settings. Raises UserError where the folder holds none."""
    if not (folder / SETTINGS).is_file():
        raise UserError(f"{folder} holds no study ({SETTINGS}); give a folder that `kshot tune` has written.")
    said: dict[str, Any] = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    return said


def place_of(training: Training, folder: Path) -> Path:
    """A training's own folder: the one of its name, or one that says it is this training's."""
    named = folder / training.folder
    if named.is_dir():
        return named
    return next((place for place, said in trainings_in(folder) if training_of(said) == training), named)


def trainings_in(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folders of all trainings that have come to an end, with what each says of its own."""
    for path in sorted(folder.glob(f"*/{TRAINING}")):
        said = json.loads(path.read_text(encoding="utf-8"))
        said["method"] = spelled(said["method"])
        yield path.parent, said


def training_of(said: Mapping[str, Any]) -> Training:
    """Which training it is, out of what its folder says."""
    return Training(said["method"], said["samples"], said["seed"])


def write_training(place: Path, training: Training, *, trained_on: int, trainable: int, total: int) -> None:
    """Says in a training's folder which one it is, and how much it trained."""
    said = {
        "label": training.label,
        "method": training.method,
        "samples": training.samples,
        "seed": training.seed,
        "trained_on": trained_on,
        "trainable": trainable,
        "total": total,
    }
    (place / TRAINING).write_text(json.dumps(said), encoding="utf-8")


def is_done(place: Path) -> bool:
    """Whether a training is trained and evaluated."""
    return (place / DONE).is_file()


def mark_done(place: Path) -> None:
    """Says that a training is trained and evaluated."""
    (place / DONE).write_text("", encoding="utf-8")


def read_rates(folder: Path) -> dict[str, dict[str, float]]:
    """What a search has found: method -> learning rate -> validation loss."""
    path = folder / RATES
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {spelled(method): losses for method, losses in known.items()}


def write_rates(folder: Path, known: Mapping[str, Mapping[str, float]]) -> None:
    """Keeps what a search has found."""
    (folder / RATES).write_text(json.dumps(known, indent=1), encoding="utf-8")
