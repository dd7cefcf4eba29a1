"""People's labels of a run's attempts: a CSV file with a row an attempt, its columns as `kshot export` names them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from kshot.eval.tasks.source.files.delimited import read_delimited
from kshot.harness.judging.items import Key
from kshot.harness.judging.judge import YES_OR_NO
from kshot.types import UserError

NEEDED = ("task", "strategy", "sample_id", "label")
ALIKE = {
    **dict.fromkeys(("yes", "y", "true", "1", "1.0", "right", "correct", "good"), "yes"),
    **dict.fromkeys(("no", "n", "false", "0", "0.0", "wrong", "incorrect", "bad"), "no"),
}
"""How people write yes and no."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What people said of attempts."""

    by_key: Mapping[Key, str]
    sha256: str  # of the file


def read_labels(path: Path, known: Collection[Key], names: Mapping[str, str], scale: str) -> Labels:
    """The labels of a file. `known` are the run's attempts, `names` its strategies' short names by their whole ones.

    Raises UserError, with the line, for a column that is missing, an attempt that the run has not, one that is labelled
    twice, and a label that is none of the scale.
    """
    table = read_delimited(path)
    lacking = [name for name in NEEDED if name not in table.columns]
    if lacking:
        raise UserError(
            f"{path} has no column {lacking[0]}: give it task, strategy, sample_id and label, and repeat where a "
            "sample was asked more than once, as `kshot export` names them."
        )
    whole = {**{short: name for name, short in names.items()}, **{name: name for name in names}}
    ids = {sample for _, _, sample, _ in known}
    found: dict[Key, str] = {}
    for at, row in enumerate(table.rows):
        if row["label"] is None:  # not labelled yet
            continue
        where = table.place(at)
        repeat = str(row.get("repeat") or "0")
        if not repeat.isdecimal():
            raise UserError(f"{where}: the repeat {repeat!r} is no number; give 0 for the first attempt.")
        sample = plain(str(row["sample_id"] or ""), ids)
        strategy = str(row["strategy"] or "")
        key = (str(row["task"] or ""), whole.get(strategy, strategy), sample, int(repeat))
        if key not in known:
            raise UserError(f"{where}: the run has no attempt {', '.join(map(str, key))}; name one as `kshot export`.")
        if key in found:
            raise UserError(f"{where}: the attempt {', '.join(map(str, key))} is labelled twice; keep one label.")
        found[key] = label_of(str(row["label"]), scale, where)
    if not found:
        raise UserError(f"{path} has no label; fill its column label.")
    return Labels(found, hashlib.sha256(path.read_bytes()).hexdigest())


def plain(cell: str, known: Collection[str]) -> str:
    """A cell as it was before `kshot export` kept a spreadsheet from running it."""
    return cell[1:] if cell not in known and cell.startswith("'") else cell


def label_of(said: str, scale: str, where: str) -> str:
    """A label as a verdict of the scale. Raises UserError where it is none."""
    word = said.strip().lower()
    if scale == YES_OR_NO and word in ALIKE:
        return ALIKE[word]
    if scale != YES_OR_NO and word.removesuffix(".0") in ("1", "2", "3", "4", "5"):
        return word.removesuffix(".0")
    wanted = "yes or no (or right or wrong, 1 or 0)" if scale == YES_OR_NO else "a whole number from 1 to 5"
    raise UserError(f"{where}: the label {said!r:.40} is not on the scale; write {wanted}.")
