"""Questions to a journal that SQLite answers: which records fit a filter, a page at a time, and how far a run is.

Meets: a run of any size is never read whole for a page of transcripts. Concedes: text is searched as it is stored,
so only ASCII letters are found in either case.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kshot.eval.report.prompting.scale import ACCURACY, SEVERAL, Scale, said
from kshot.harness.damage import explained
from kshot.harness.journal import Journal, record_named
from kshot.harness.rows import record_of_row, write
from kshot.types import RIGHT, Record, UserError

IS_RIGHT = f"({{0}}.status = 'ok' AND {{0}}.value >= {RIGHT!r})"
OUTCOME = (
    f"CASE WHEN r.status <> 'ok' THEN r.status WHEN {IS_RIGHT.format('r')} THEN 'right' "
    "WHEN r.value > 0 THEN 'partial' ELSE 'wrong' END"
)
"""What kshot.eval.report.prompting.measures.outcome_of says, in SQL."""

THIS, OTHER = IS_RIGHT.format("r"), IS_RIGHT.format("o")
VERSUS = {
    "won": f"{THIS} AND NOT {OTHER}",
    "lost": f"{OTHER} AND NOT {THIS}",
    "both": f"{THIS} AND {OTHER}",
    "neither": f"NOT {THIS} AND NOT {OTHER}",
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
    metric: str = ACCURACY  # what the attempts are scored by; of several metrics: score
    binary: bool = True  # whether every score is 0 or 1
    mean: float = 0.0  # score of an attempt

    @property
    def score(self) -> str:
        """The mean score under its metric's name."""
        return said(Scale(self.metric, self.binary), self.mean) if self.done else ""


@contextmanager
def opened(folder: Path) -> Iterator[Journal]:
    """The run's journal for one request, in the thread that asks. Raises UserError."""
    with Journal.read(folder) as journal:
        yield journal


def state_of(journal: Journal) -> State:
    """How many attempts are done, of how many, and whether somebody is at it."""
    query = (
        f"SELECT count(*), coalesce(sum({IS_RIGHT.format('r')}), 0), coalesce(avg(value), 0), "
        "coalesce(sum(value NOT IN (0, 1)), 0) FROM records r"
    )
    named = "SELECT DISTINCT CASE WHEN json_valid(scores) THEN json_extract(scores, '$[0][0]') END FROM records"
    with explained(journal.path):
        done, right, mean, fractions = journal.connection.execute(query).fetchone()
        metrics = {str(name or ACCURACY) for (name,) in journal.connection.execute(named)}
    total = number_of(journal.noted("total"))
    metric = metrics.pop() if len(metrics) == 1 else SEVERAL if metrics else ACCURACY
    running = (total is None or done < total) and writer_lives(journal)
    return State(done, total, right, running, metric, not fractions, mean)


def number_of(noted: str | None) -> int | None:
    """A number that was noted; None where it was not, or is damaged."""
    return int(noted) if noted is not None and noted.isdecimal() and len(noted) < 19 else None


def writer_lives(journal: Journal) -> bool:
    """Whether the process that last wrote the run is still there. Concedes: on Windows nobody is told to be."""
    owner = number_of(journal.noted("writer"))
    if owner is None or os.name == "nt":  # there, asking a process would end it
        return False
    try:
        os.kill(owner, 0)
    except PermissionError:  # another user's
        return True
    except (OSError, OverflowError):
        return False
    return True


def find(journal: Journal, wanted: Wanted, *, limit: int, offset: int) -> tuple[int, list[Record]]:
    """How many records fit, and those from offset on, in the run's order. Raises UserError for an unknown `versus`."""
    source, values = selection(wanted)
    with explained(journal.path):
        (count,) = journal.connection.execute(f"{source[0]} SELECT count(*) {source[1]}", values).fetchone()
    query = f"{source[0]} SELECT r.* {source[1]} ORDER BY r.task, r.strategy, r.sample_id, r.repeat LIMIT ? OFFSET ?"
    return count, list(journal.rows(query, record_of_row, record_named, [*values, limit, offset]))


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
    with explained(journal.path):
        query = "SELECT task, strategy, sample_id, repeat FROM records ORDER BY 1, 2, 3, 4"
        yield from journal.connection.execute(query)


def get(journal: Journal, key: tuple[str, str, str, int]) -> Record | None:
    """One record."""
    query = "SELECT * FROM records WHERE task = ? AND strategy = ? AND sample_id = ? AND repeat = ?"
    return next(iter(list(journal.rows(query, record_of_row, record_named, key))), None)
