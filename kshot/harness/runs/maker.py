"""Which command made the run in a folder, told by the files that only it writes; none of them is read.

Runs of two commands in one folder would be one report of mixed attempts, so that each command asks here first, and
whoever reports asks what there is to report.
"""

from __future__ import annotations

from pathlib import Path

from kshot.types import UserError

MARKS = {
    "models.json": "bench", "study.json": "tune", "findings.json": "reproduce", "found.json": "search",
    "search/journal.sqlite": "search", "journal.sqlite": "bench",
}  # fmt: skip
"""Files by the command that writes them; the first that is there decides."""


def maker_of(folder: Path) -> str:
    """The command whose run a folder holds: bench, tune, reproduce or search; "" where it holds none."""
    return next((command for mark, command in MARKS.items() if (folder / mark).is_file()), "")


def refuse_others(folder: Path, command: str) -> None:
    """Raises UserError where a folder holds the run of another command than this."""
    other = maker_of(folder)
    if other not in ("", command):
        raise UserError(f"{folder} holds a run of `kshot {other}`: use another --run name.")
