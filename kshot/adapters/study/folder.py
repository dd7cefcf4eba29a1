"""A study's folder: the names in it, and what is read and written under them.

`study.json` has the settings, `prompting/` the run of the strategies to compare with, `rates.json` what a search of
learning rates has found and `search/` its scratch. Every training has a folder of its own: the adapter's files,
`training.json`, `cell.json` (which training it is), `run/` (its evaluation), and at last `done`.

Each is whole or not there. One that is damaged all the same is named, and made again by `kshot tune`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from kshot.adapters.folder import is_whole
from kshot.adapters.methods.by_name import spelled
from kshot.adapters.study.plan import ASKED, CHANGING_NOTHING, Study, Training
from kshot.adapters.training.checkpoints import FOLDER as CHECKPOINTS
from kshot.adapters.training.checkpoints import WHOLE
from kshot.adapters.training.recipe import RESULT, Trained
from kshot.eval.report.safe_text import clean
from kshot.eval.tasks import get_task
from kshot.harness.journal import Journal
from kshot.harness.models.cache import say
from kshot.types import UserError
from kshot.whole_file import DamagedFile, read_object, write_whole

SETTINGS, PROMPTING, RATES, SEARCH = "study.json", "prompting", "rates.json", "search"
TRAINING, RUN, DONE = "cell.json", "run", "done"
KINDS = {"label": str, "method": str, "samples": int, "seed": int, "trained_on": int, "trainable": int, "total": int}
"""What a training's folder says of it."""


def as_begun(study: Study, folder: Path) -> Study:
    """The study in the forms that it was begun in, those of its tasks today where it has not begun."""
    before = told(folder / SETTINGS, "it is written anew from this command")
    if before is not None and (has_trained(folder) or has_asked(folder)):
        forms = before.get("forms", {})
        return replace(study, forms=forms if isinstance(forms, dict) else {})
    tasks = [get_task(spec) for spec in (*study.tasks, *study.mixture)]
    return replace(study, forms={task.name: task.form for task in tasks if task.form})


def check_settings(study: Study, folder: Path, dtype: str, sources: Mapping[str, str]) -> None:
    """Writes the study's settings, or holds them against those that are there. Raises UserError where they differ.

    A setting binds once something has come of it: a command that ended in a mistake can be given again, corrected.
    `sources` are the hashes of the files of the user's own that are trained with.
    """
    own = {"sources": dict(sources)} if sources else {}
    path, said = folder / SETTINGS, json.loads(json.dumps({**study.settings(), "dtype": dtype, **own}))
    before = told(path, "it is written anew from this command")
    if before is None:
        write_whole(path, json.dumps(said, indent=2))
        return
    if isinstance(before.get("recipe"), dict):
        before["recipe"] = {key: value for key, value in before["recipe"].items() if key not in CHANGING_NOTHING}
    for name, value in {"dtype": dtype, **own}.items():  # earlier studies did not keep them
        before.setdefault(name, value)
    differing = [key for key in said if before.get(key) != said[key]]
    binding = differing if has_trained(folder) else [key for key in differing if key in ASKED and has_asked(folder)]
    if binding:
        was, now = difference(before.get(binding[0]), said[binding[0]])
        raise UserError(
            f"the study in {folder} was begun with {binding[0]} = {was} and now it is {now}: give the same "
            "again to go on, or another --run."
        )
    if differing:
        write_whole(path, json.dumps(said, indent=2))


def difference(before: Any, now: Any) -> tuple[Any, Any]:
    """Two values; of two objects, only what differs in them."""
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return before, now
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    return {key: before.get(key) for key in keys}, {key: now.get(key) for key in keys}


def has_asked(folder: Path) -> bool:
    """Whether a strategy to compare with has an answer."""
    try:
        with Journal.read(folder / PROMPTING) as journal:
            return journal.answered()
    except UserError:  # nothing is there, or nothing that can be read
        return False


def has_trained(folder: Path) -> bool:
    """Whether a training has come to its end or to a checkpoint, or a rate has been found."""
    made = (f"*/{TRAINING}", f"*/{RESULT}", f"*/{CHECKPOINTS}/*/{WHOLE}", RATES)
    return any(next(folder.glob(pattern), None) for pattern in made)


def read_settings(folder: Path) -> dict[str, Any]:
    """A study's settings. Raises UserError where the folder holds none."""
    if not (folder / SETTINGS).is_file():
        raise UserError(f"{folder} holds no study ({SETTINGS}); give a folder that `kshot tune` has written.")
    return read_object(folder / SETTINGS, "give the same kshot tune command again, which writes it anew")


def told(path: Path, consequence: str) -> dict[str, Any] | None:
    """A file's JSON object; None where it is not there, or is damaged, which is said with what becomes of it."""
    try:
        return read_object(path, consequence) if path.is_file() else None
    except DamagedFile as error:
        say(clean(f"kshot: {error}"))
        return None


def place_of(training: Training, folder: Path) -> Path:
    """A training's own folder: the one of its name, or one that says it is this training's."""
    named = folder / training.folder
    if named.is_dir():
        return named
    return next((place for place, said in trainings_in(folder) if training_of(said) == training), named)


def trainings_in(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folders of all trainings that have come to an end, with what each says of its own."""
    for path in sorted(folder.glob(f"*/{TRAINING}")):
        said = read_training(path.parent)
        if said is not None:
            yield path.parent, said


def read_training(place: Path) -> dict[str, Any] | None:
    """Which training a folder is of, and how much it trained; None where that is not there or damaged."""
    try:
        found = read_object(place / TRAINING, "")
    except (OSError, DamagedFile):
        return None
    if {name: type(found.get(name)) for name in KINDS} != KINDS:
        return None
    return {**{name: found[name] for name in KINDS}, "method": spelled(found["method"])}


def say_damage(folder: Path) -> None:
    """Names the files of trainings that cannot be read, so that a report lacks nothing without a word."""
    for path in sorted([*folder.glob(f"*/{TRAINING}"), *folder.glob(f"*/{RESULT}")]):
        if (read_training if path.name == TRAINING else Trained.read)(path.parent) is None:
            say(clean(f"kshot: {path} is damaged: {path.parent.name} is left out until `kshot tune` has mended it."))


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
    write_whole(place / TRAINING, json.dumps(said))


def is_done(place: Path) -> bool:
    """Whether a training is trained and evaluated, and all that says so can be read."""
    whole = read_training(place) is not None and Trained.read(place) is not None and is_whole(place)
    return (place / DONE).is_file() and whole


def mark_done(place: Path) -> None:
    """Says that a training is trained and evaluated."""
    (place / DONE).write_text("", encoding="utf-8")


def read_rates(folder: Path) -> dict[str, dict[str, float]]:
    """What a search has found: method -> learning rate -> validation loss."""
    path = folder / RATES
    known = told(path, "the rates are searched again") or {}
    return {spelled(method): losses for method, losses in known.items() if are_losses(losses)}


def are_losses(value: object) -> bool:
    """Whether it is a loss for every learning rate."""
    if not isinstance(value, dict) or not value:
        return False
    with suppress(ValueError):
        return all(float(rate) > 0 and isinstance(loss, int | float) for rate, loss in value.items())
    return False


def write_rates(folder: Path, known: Mapping[str, Mapping[str, float]]) -> None:
    """Keeps what a search has found."""
    write_whole(folder / RATES, json.dumps(known, indent=1))
