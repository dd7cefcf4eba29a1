"""Questions to a journal that SQLite answers: which records fit a filter, a page at a time, and how far a run is.

Meets: a run of any size is never read whole for a page of transcripts. Concedes: text is searched as it is stored,
so only ASCII letters are found in either case.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kshot.eval.metrics.kinds import PLAIN, Kind
from kshot.eval.metrics.registry import kind_of
from kshot.eval.report.prompting.scale import ACCURACY, Scale, common, said, scale_at
from kshot.eval.report.prompting.scale import PLAIN as SCALE
from kshot.harness.damage import explained
from kshot.harness.journal import Journal, record_named
from kshot.harness.rows import record_of_row, write
from kshot.harness.runs.kinds import kinds_of
from kshot.types import RIGHT, Record, UserError

METRIC = "CASE WHEN json_valid({0}.scores) THEN json_extract({0}.scores, '$[0][0]') END"
PARTIAL = "CASE WHEN r.value > 0 THEN 'partial' ELSE 'wrong' END"


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
    scale: Scale = SCALE  # of the attempts' scores
    mean: float = 0.0  # score of an attempt; no number where tasks' metrics have nothing in common

    @property
    def score(self) -> str:
        """The mean score under its metric's name."""
        return said(self.scale, self.mean) if self.done else ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What kshot.eval.report.prompting.measures.outcome_of says, in SQL, for the metrics of a run."""

    kinds: Mapping[str, Kind]  # by the metric of a task's own score, of those that are no shares

    def right(self, table: str) -> str:
        """Whether a row of that name is right."""
        others = " ".join(f"WHEN {literal(name)} THEN {right_by(kind, table)}" for name, kind in self.kinds.items())
        plain = f"{table}.value >= {RIGHT!r}"
        return f"({table}.status = 'ok' AND {chosen(table, others, plain)})"

    @property
    def outcome(self) -> str:
        """What the row r came to."""
        others = " ".join(f"WHEN {literal(name)} THEN {outcome_by(kind)}" for name, kind in self.kinds.items())
        plain = f"CASE WHEN r.value >= {RIGHT!r} THEN 'right' ELSE {PARTIAL} END"
        return f"CASE WHEN r.status <> 'ok' THEN r.status ELSE {chosen('r', others, plain)} END"

    @property
    def versus(self) -> dict[str, str]:
        """How the row r stands against the row o."""
        this, other = self.right("r"), self.right("o")
        return {
            "won": f"{this} AND NOT {other}",
            "lost": f"{other} AND NOT {this}",
            "both": f"{this} AND {other}",
            "neither": f"NOT {this} AND NOT {other}",
        }


VERSUS = ("won", "lost", "both", "neither")


def chosen(table: str, others: str, plain: str) -> str:
    """SQL for a row by its metric."""
    return f"(CASE {METRIC.format(table)} {others} ELSE {plain} END)" if others else plain


def right_by(kind: Kind, table: str) -> str:
    """SQL for whether a value is right."""
    if kind.right is None:
        return "0"
    return f"{table}.value {'>=' if kind.better == 'higher' else '<='} {number(kind.right)}"


def outcome_by(kind: Kind) -> str:
    """SQL for what the row r came to, by its metric."""
    if kind.right is None:
        return "'scored'"
    nothing = f"r.value {'<=' if kind.sign > 0 else '>='} {number(kind.nothing)}"
    return f"CASE WHEN {right_by(kind, 'r')} THEN 'right' WHEN {nothing} THEN 'wrong' ELSE 'partial' END"


def number(value: float) -> str:
    """A number in SQL, which knows no word for one without bound."""
    return f"{'-' if value < 0 else ''}9e999" if math.isinf(value) else repr(float(value))


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def rules_of(kinds: Mapping[str, Kind]) -> Rules:
    """The rules for the metrics that a run's tasks are scored by."""
    return Rules({name: kind for name, kind in kinds.items() if kind != PLAIN})


def kinds_in(journal: Journal) -> dict[str, Kind]:
    """The metrics of tasks' own scores, for which all of the run's records are looked at, and what they are."""
    noted = kinds_of(journal)
    return {name: kind_of(name, noted) for name in metrics_in(journal)}


def metrics_in(journal: Journal) -> set[str]:
    """The metrics of tasks' own scores."""
    with explained(journal.path):
        found = journal.connection.execute(f"SELECT DISTINCT {METRIC.format('records')} FROM records")
        return {str(name or ACCURACY) for (name,) in found}


@contextmanager
def opened(folder: Path) -> Iterator[Journal]:
    """The run's journal for one request, in the thread that asks. Raises UserError."""
    with Journal.read(folder) as journal:
        yield journal


def state_of(journal: Journal) -> State:
    """How many attempts are done, of how many, and whether somebody is at it."""
    kinds = kinds_in(journal)
    query = (
        f"SELECT count(*), coalesce(sum({rules_of(kinds).right('r')}), 0), coalesce(avg(value), 0), "
        "coalesce(sum(value NOT IN (0, 1)), 0) FROM records r"
    )
    with explained(journal.path):
        done, right, mean, fractions = journal.connection.execute(query).fetchone()
    scale = common(scale_at(name, not fractions, kinds) for name in kinds)
    mixed = len(set(kinds.values())) > 1
    total = number_of(journal.noted("total"))
    running = (total is None or done < total) and writer_lives(journal)
    return State(done, total, right, running, scale, math.nan if mixed else mean)


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
    told_apart = wanted.outcome or wanted.versus  # without, no record need be looked at for its metric
    source, values = selection(wanted, rules_of(kinds_in(journal) if told_apart else {}))
    with explained(journal.path):
        (count,) = journal.connection.execute(f"{source[0]} SELECT count(*) {source[1]}", values).fetchone()
    query = f"{source[0]} SELECT r.* {source[1]} ORDER BY r.task, r.strategy, r.sample_id, r.repeat LIMIT ? OFFSET ?"
    return count, list(journal.rows(query, record_of_row, record_named, [*values, limit, offset]))


def selection(wanted: Wanted, rules: Rules) -> tuple[tuple[str, str], list[str]]:
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
            conditions.append(rules.versus[wanted.versus])
    for column, value in (("r.task", wanted.task), ("r.strategy", wanted.strategy), (rules.outcome, wanted.outcome)):
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
