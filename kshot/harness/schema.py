"""The journal's tables, and what becomes of those that an earlier kshot has written.

An earlier journal that is opened to go on with gets today's columns; one that is only read stays as it is, and is
seen through views that have them. So whoever asks a journal knows one form of it, today's.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from kshot.types import UserError

TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS prompts (hash TEXT PRIMARY KEY, prompt TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS generations (
    key TEXT PRIMARY KEY, prompt TEXT NOT NULL, params TEXT NOT NULL, seed INTEGER NOT NULL, continuation TEXT,
    text TEXT NOT NULL, finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER, cached_tokens INTEGER, completion_tokens INTEGER, logprob REAL, seconds REAL,
    logprobs INTEGER, tokens TEXT, token_logprobs TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS samples (
    task TEXT, id TEXT, place INTEGER, sample TEXT NOT NULL, PRIMARY KEY (task, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    task TEXT, strategy TEXT, sample_id TEXT, repeat INTEGER, answer TEXT, status TEXT NOT NULL, value REAL NOT NULL,
    answered INTEGER NOT NULL, detail TEXT NOT NULL, calls TEXT NOT NULL, prompt_tokens INTEGER,
    cached_tokens INTEGER, completion_tokens INTEGER, seconds REAL, scores TEXT,
    PRIMARY KEY (task, strategy, sample_id, repeat)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reused (key TEXT PRIMARY KEY, run TEXT NOT NULL) WITHOUT ROWID;
"""
FORMAT = 3  # raise it with every change of the tables or of what a key is made from; `reused` may lack
EARLIEST = 2  # that can still be read
ADDED = {  # since format 2, each at the end of its table: what is not known of an earlier row is NULL
    "generations": ("logprobs INTEGER", "tokens TEXT", "token_logprobs TEXT"),
    "records": ("scores TEXT",),
}


def format_of(path: Path, connection: sqlite3.Connection) -> int:
    """The format of a journal's tables; 0 where there are none. Raises UserError for one that cannot be read."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:
        return 0
    if not EARLIEST <= version <= FORMAT:
        raise UserError(
            f"{path} was written by another version of kshot (format {version}, and this one reads {EARLIEST} to "
            f"{FORMAT}): read it with that version, or run again under another --run name."
        )
    return int(version)


def begin(connection: sqlite3.Connection, version: int) -> None:
    """Makes the tables, or adds what a format has not, in a transaction that the caller ends."""
    changes = [f"ALTER TABLE {table} ADD COLUMN {column}" for table, columns in ADDED.items() for column in columns]
    added = "; ".join(changes) if 0 < version < FORMAT else ""
    connection.executescript(f"BEGIN IMMEDIATE; {added}; {TABLES}; PRAGMA user_version={FORMAT}")


def see_as_today(connection: sqlite3.Connection) -> None:
    """Lays views with today's columns over an earlier journal's tables, for this connection alone."""
    connection.execute("PRAGMA temp_store=MEMORY")
    for table, columns in ADDED.items():
        there = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        nothing = [f"NULL AS {column.split()[0]}" for column in columns]
        connection.execute(f"CREATE TEMP VIEW {table} AS SELECT {', '.join([*there, *nothing])} FROM main.{table}")


def drop_damaged_prompts(connection: sqlite3.Connection) -> set[str]:
    """Takes out prompts that are no JSON. Gives the hashes of all that answers refer to and are not there."""
    connection.execute("DELETE FROM prompts WHERE typeof(prompt) <> 'text' OR NOT json_valid(prompt)")
    lost = "SELECT DISTINCT prompt FROM generations WHERE prompt NOT IN (SELECT hash FROM prompts)"
    return {str(row[0]) for row in connection.execute(lost)}
