"""What is wrong with a journal, in a sentence: a full disk, a folder that cannot be opened, searches that have not
ended, damage, rows that are none.

Damage never stays hidden: a row that cannot be read is named, and left out of nothing in silence.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kshot.types import UserError

UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError, UserError)
"""What making a value from a damaged row may raise; UserError where the noun itself refuses."""

SEARCHES = "search"
"""The folder in a run with the journal of what its searches for prompts asked."""

NO_MEDIUM = ("readonly", "unable to open")
"""How SQLite says that it cannot write beside a journal, or reach it."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into a sentence with the remedy."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError):  # ours
        raise
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # of a damaged schema SQLite's own words are no text
        raise UserError(sentence(path, str(error))) from error


def sentence(path: Path, text: str) -> str:
    """An error of SQLite's as what it means for a run, and what to do."""
    if "full" in text or "disk I/O" in text:
        return (
            f"{path} cannot be written ({text}): free some disk space, then give the same command again; "
            "what was answered is kept."
        )
    if any(said in text for said in NO_MEDIUM):
        return f"{path} cannot be opened ({text}): check the folder's permissions."
    if "locked" in text or "busy" in text:
        return f"{path} is held by another program ({text}): close it, then give the same command again."
    return f"{path} is damaged ({text}): delete the run's folder, or restore it, and run again."


def unreadable(path: Path, names: Iterable[str], why: object) -> UserError:
    """The error that names rows which cannot be read."""
    first, *more = names
    others = f" and {len(more)} more" if more else ""
    return UserError(
        f"{path} is damaged: {first}{others} cannot be read ({why}): give the command that made the run again, which "
        "makes good what it can, or restore the folder."
    )


def unended(folder: Path) -> str:
    """What is said of a folder whose searches for prompts have only begun."""
    return (
        f"the searches in {folder} have not ended, and nothing is tested yet: give the same kshot search command "
        "again, which goes on."
    )
