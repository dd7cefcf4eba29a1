"""Questions to a journal that SQLite answers: which records fit a filter, a page at a time, and how far a run is.

Meets: a run of any size is never read whole for a page of transcripts. Concedes: text is searched as it is stored,
so only ASCII letters are found in either case.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kshot.harness.journal import Journal
from kshot.harness.rows import record_of_row, write
from kshot.types import Record, UserError

OUTCOME = "CASE WHEN r.status <> 'ok' THEN r.status WHEN r.value >= 0.5 THEN 'right' ELSE 'wrong' END"
"""What kshot.eval.report.prompting.measures.outcome_of says, in SQL."""

VERSUS = {
    "won": "r.value >= 0.5 AND r.status = 'ok' AND NOT (o.value >= 0.5 AND o.status = 'ok')",
    "lost": "o.value >= 0.5 AND o.status = 'ok' AND NOT (r.value >= 0.5 AND r.status = 'ok')",
    "both": "r.value >= 0.5 AND r.status = 'ok' AND o.value >= 0.5 AND o.status = 'ok'",
    "neither": "NOT (r.value >= 0.5 AND r.status = 'ok') AND NOT (o.value >= 0.5 AND o.status = 'ok')",
}
COLUMNS = ("task", "strategy", "sample_id", "repeat")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter over records; an empty string asks for nothing. Strategies by their whole specification."""

    task: str = ""
    strategy: str = ""
    outcome: str = ""
    text: str = ""
    other: str = ""  # a strategy to set beside
    versus: str = ""  # a key of VERSUS: how the record stands against the other's


@dataclass(frozen=True, slots=True)
class State:
    """How far a run is."""

    done: int
    total: int | None  # None for a run of an older version
    right: int
    running: bool


@contextmanager
def opened(folder: Path) -> Iterator[Journal]:
    """The run's journal for one request, in the thread that asks. Raises UserError."""
    with Journal.read(folder) as journal:
        yield journal


def state_of(journal: Journal) -> State:
    """How many attempts are done, of how many, and whether somebody is at it."""
    done, right = journal.connection.execute(
        "SELECT count(*), coalesce(sum(status = 'ok' AND value >= 0.5), 0) FROM records"
    ).fetchone()
    noted = journal.noted("total")
    total = int(noted) if noted is not None else None
    return State(done, total, right, (total is None or done < total) and writer_lives(journal.folder))


def writer_lives(folder: Path) -> bool:
    """Whether the process that last wrote the run is still there."""
    try:
        owner = int((folder / "lock").read_text(encoding="utf-8").split()[-1])
        os.kill(owner, 0)
    except (OSError, ValueError, IndexError):
        return False
    return True


def find(journal: Journal, wanted: Wanted, *, limit: int, offset: int) -> tuple[int, list[Record]]:
    """How many records fit, and those from offset on, in the run's order. Raises UserError for an unknown `versus`."""
    source, values = selection(wanted)
    with asked(journal):
        (count,) = journal.connection.execute(f"{source[0]} SELECT count(*) {source[1]}", values).fetchone()
        rows = journal.connection.execute(
            f"{source[0]} SELECT r.* {source[1]} ORDER BY r.task, r.strategy, r.sample_id, r.repeat LIMIT ? OFFSET ?",
            [*values, limit, offset],
        )
        return count, [record_of_row(row) for row in rows]


def selection(wanted: Wanted) -> tuple[tuple[str, str], list[str]]:
    """The query's WITH and FROM parts and their values."""
    before, values = "", []
    if wanted.text:
        needle = write(wanted.text)[1:-1].replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        values = [f"%{needle}%"]
        before = (
            "WITH needle(text) AS (SELECT ?), "
            "prompt_hits AS MATERIALIZED (SELECT hash FROM prompts, needle WHERE prompt LIKE text ESCAPE '\\'), "
            "hits AS MATERIALIZED (SELECT key FROM generations, needle WHERE generations.text LIKE needle.text "
            "ESCAPE '\\' OR prompt IN prompt_hits)"
        )
    source, conditions = "FROM records r", []
    if wanted.other:
        source += (
            " JOIN records o ON o.task = r.task AND o.sample_id = r.sample_id AND o.repeat = r.repeat "
            "AND o.strategy = ?"
        )
        values.append(wanted.other)
        conditions.append("r.strategy <> o.strategy")
        if wanted.versus:
            if wanted.versus not in VERSUS:
                raise UserError(f"unknown relation {wanted.versus!r}; use one of {', '.join(VERSUS)}.")
            conditions.append(VERSUS[wanted.versus])
    for column, value in (("r.task", wanted.task), ("r.strategy", wanted.strategy), (OUTCOME, wanted.outcome)):
        if value:
            conditions.append(f"({column}) = ?")
            values.append(value)
    if wanted.text:
        conditions.append(
            "(EXISTS (SELECT 1 FROM json_each(r.calls) c WHERE c.value IN hits) "
            "OR r.answer LIKE (SELECT text FROM needle) ESCAPE '\\' "
            "OR EXISTS (SELECT 1 FROM samples s, needle WHERE s.task = r.task AND s.id = r.sample_id "
            "AND (s.sample LIKE needle.text ESCAPE '\\' OR s.id LIKE needle.text ESCAPE '\\')))"
        )
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return (before, source + where), values


def keys(journal: Journal) -> Iterator[tuple[str, str, str, int]]:
    """Every record's (task, strategy, sample id, repeat), in the run's order."""
    yield from journal.connection.execute("SELECT task, strategy, sample_id, repeat FROM records ORDER BY 1, 2, 3, 4")


def get(journal: Journal, key: tuple[str, str, str, int]) -> Record | None:
    """One record."""
    row = journal.connection.execute(
        "SELECT * FROM records WHERE task = ? AND strategy = ? AND sample_id = ? AND repeat = ?", key
    ).fetchone()
    return None if row is None else record_of_row(row)


@contextmanager
def asked(journal: Journal) -> Iterator[None]:
    """Turns an error of SQLite's into a sentence."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise UserError(f"{journal.path} cannot be read: {error}.") from error
