"""The journal: every request and generation, every sample and record of a run, in one SQLite file.

Crash-safe (write-ahead log; a killed process loses at most what the engine had not answered), one writer
at a time (a lock that the kernel frees when its process ends), readable while a run is in flight. A
request's key names everything that can change its answer, so a resume is a replay: what was answered is
looked up here. What is damaged is named; a run that goes on makes it good.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, TypeVar

from kshot.harness import schema
from kshot.harness.damage import SEARCHES, UNREADABLE, explained, unended, unreadable
from kshot.harness.folder_lock import locked
from kshot.harness.keys import request_key as request_key  # whose home is here for whoever asks a journal
from kshot.harness.medium import connect_to_read
from kshot.harness.rows import (
    ASKED,
    CALLS,
    GENERATION,
    as_kept,
    askable,
    asked_of,
    call_of,
    generation_of,
    marks,
    prompt_text,
    readable,
    record_of_row,
    row_of_call,
    row_of_record,
    sample_of,
    sample_text,
    write,
)
from kshot.types import Generation, Record, Request, Sample, UserError

T = TypeVar("T")

LATER = ("chat",)  # settings that runs were once made without
COMMIT_EVERY = 0.5  # seconds; also after every batch of generations, before its programs go on


class Journal:
    """A run's journal. `Journal.open` for the one writer, `Journal.read` for any reader."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, *, writes: bool) -> None:
        self.folder = folder
        self.path = folder / "journal.sqlite"
        self.connection = connection
        self.writes = writes
        self.held = ExitStack()  # what closing lets go of
        self.lost_prompts: set[str] = set()  # hashes of prompts that a damaged journal has answers to and not the text
        self.committed = time.monotonic()

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any], grows: Sequence[str] = ()) -> Journal:
        """Creates the run, or resumes it. Raises UserError where it is in use or was made with other settings.

        Those that `grows` names are not compared: a resume leaves them as they were, and may `grow` them.
        """
        path = folder / "journal.sqlite"
        with ExitStack() as undo, explained(path):
            undo.callback(locked(folder, lambda: writer_of(folder)).release)
            connection = sqlite3.connect(path)
            undo.callback(connection.close)  # and with it all that was begun
            connection.execute("PRAGMA trusted_schema=OFF")  # a stranger's tables may bring triggers
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            schema.begin(connection, schema.format_of(path, connection))
            journal = cls(folder, connection, writes=True)
            journal.match(settings, grows)
            journal.lost_prompts = schema.drop_damaged_prompts(connection)
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('note writer', ?)", (str(os.getpid()),))
            connection.commit()
            journal.held = undo.pop_all()
        return journal

    @classmethod
    def read(cls, folder: Path) -> Journal:
        """Opens a run for reading, also while it is being written. Raises UserError where there is none."""
        path = folder / "journal.sqlite"
        try:
            if not path.is_file():
                if (folder / SEARCHES / path.name).is_file():
                    raise UserError(unended(folder))
                raise UserError(
                    f"{folder} holds no run (no journal.sqlite): give the folder of a run, such as runs/demo."
                )
            with ExitStack() as undo, explained(path):
                connection = connect_to_read(path, undo)
                connection.execute("PRAGMA trusted_schema=OFF")
                version = schema.format_of(path, connection)
                if not version:
                    raise UserError(f"{folder} holds an empty run that has just begun; look again when it has answers.")
                if version < schema.FORMAT:
                    schema.see_as_today(connection)
                connection.execute("PRAGMA query_only=ON")
                journal = cls(folder, connection, writes=False)
                journal.held = undo.pop_all()
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror or error}): check its permissions.") from error
        return journal

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Commits and lets go of the run."""
        try:
            if self.writes:
                self.commit()
        finally:
            self.held.close()

    # ------------------------------------------------------------ settings

    def match(self, settings: Mapping[str, Any], grows: Sequence[str] = ()) -> None:
        """Stores the settings of a new run; compares them with those of an old one, but for those that may grow.

        One that an older kshot did not keep is added, so that from then on it must agree.
        """
        new = {key: write(value) for key, value in settings.items()}
        old = self.settings_text()
        added = {key: text for key, text in new.items() if not old or (key in LATER and key not in old)}
        if not self.check(settings, grows):  # nothing was answered, so nothing is bound
            self.connection.execute("DELETE FROM meta")
            self.connection.execute("DELETE FROM samples")
            added = new
        self.put_settings(added)

    def check(self, settings: Mapping[str, Any], grows: Sequence[str] = ()) -> bool:
        """Whether a run's settings are these, but for those that `grows` names.

        Raises UserError where they are others and answers hang on them.
        """
        new = {key: write(value) for key, value in settings.items()}
        old = self.settings_text()
        old.update({key: text for key, text in new.items() if not old or (key in LATER and key not in old)})
        changed = {key for key in (*old, *new) if old.get(key) != new.get(key)}
        if changed and not self.answered():
            return False
        said = [f"{key}: {old.get(key, 'not set')} -> {new.get(key, 'not set')}" for key in sorted(changed - {*grows})]
        if said:
            raise UserError(
                f"the run in {self.folder} was made with other settings ({'; '.join(said)}): "
                "use another --run name, or delete that folder."
            )
        return True

    def put_settings(self, texts: Mapping[str, str]) -> None:
        """Stores settings, each as JSON."""
        rows = [(f"setting {key}", text) for key, text in texts.items()]
        self.connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)

    def grow(
        self,
        settings: Mapping[str, Any],
        samples: Mapping[str, Sequence[Sample]],
        new: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> None:
        """What a run is from now on, all of it or, after a crash too, nothing: these settings, and tasks' samples.

        `new` has the ids of samples, by task, that the run may not have. Raises UserError where others are new, or any
        differs from what answers were given to.
        """
        changed = {task: self.changed_samples(task, given, new.get(task, ())) for task, given in samples.items()}
        with explained(self.path):
            for task, rows in changed.items():
                if rows:
                    self.connection.execute("DELETE FROM samples WHERE task = ?", (task,))
                    self.connection.executemany("INSERT INTO samples VALUES (?, ?, ?, ?)", rows)
            self.put_settings({key: write(value) for key, value in settings.items()})
        self.commit()

    def answered(self) -> bool:
        """Whether the run has an answer, or a record."""
        with explained(self.path):
            query = "SELECT EXISTS (SELECT 1 FROM generations) OR EXISTS (SELECT 1 FROM records)"
            return bool(self.connection.execute(query).fetchone()[0])

    def has_messages(self) -> bool:
        """Whether any prompt was sent as messages; the others are texts."""
        with explained(self.path):
            return (
                self.connection.execute("SELECT 1 FROM prompts WHERE prompt LIKE '[%' LIMIT 1").fetchone() is not None
            )

    def settings_text(self) -> dict[str, str]:
        with explained(self.path):
            rows = self.connection.execute("SELECT name, value FROM meta WHERE name LIKE 'setting %'")
            return {str(name).removeprefix("setting "): value for name, value in rows}

    def settings(self) -> dict[str, Any]:
        """The settings that the run was made with. Raises UserError where they are damaged."""
        found = {}
        for key, value in self.settings_text().items():
            try:
                found[key] = json.loads(value)
            except UNREADABLE as error:
                raise unreadable(self.path, [f"the setting {key}"], error) from error
        return found

    # ------------------------------------------------------------ generations

    def get(self, key: str) -> Generation | None:
        """The generation of a request, or None where it has not been answered, or its row is damaged."""
        with explained(self.path):
            query = f"SELECT {GENERATION} FROM generations WHERE key = ?"
            row = self.connection.execute(query, (key,)).fetchone()
        with suppress(*UNREADABLE):  # it is asked again
            return None if row is None else generation_of(row)
        return None

    def replayed(self, key: str, request: Request) -> Generation | None:
        """`get` for a program that goes on. What a damaged journal has lost of its request is put back."""
        with explained(self.path):
            query = f"SELECT {ASKED}, {GENERATION} FROM generations WHERE key = ?"
            row = self.connection.execute(query, (key,)).fetchone()
        if row is None:
            return None
        asked = asked_of(request)
        said = row[: len(asked)]
        try:
            found = generation_of(row[len(asked) :])
        except UNREADABLE:  # it is asked again
            return None
        whole = said == asked or (said[0] == asked[0] and askable(said))
        if not whole or asked[0] in self.lost_prompts:
            with explained(self.path):
                change = f"UPDATE generations SET ({ASKED}) = ({marks(asked)}) WHERE key = ?"
                self.connection.execute(change, (*asked, key))
                self.connection.execute("INSERT OR REPLACE INTO prompts VALUES (?, ?)", prompt_text(request.prompt))
            self.lost_prompts.discard(asked[0])
        return found

    def call(self, key: str) -> tuple[Request, Generation]:
        """A request and its generation. Raises UserError where it is not in the journal, or damaged."""
        for _, request, generation in self.rows(f"{CALLS} WHERE key = ?", call_of_key, answer_named, (key,)):
            return request, generation
        raise unreadable(self.path, [f"the answer {key}"], "it is not there")

    def calls(self) -> Iterator[tuple[str, Request, Generation]]:
        """Every answered request with its key, in the order of keys. Raises UserError, last, for damaged ones."""
        yield from self.rows(f"{CALLS} ORDER BY key", call_of_key, answer_named)

    def rows(
        self, query: str, make: Callable[[Sequence[Any]], T], named: Callable[[Sequence[Any]], str], values: Any = ()
    ) -> Iterator[T]:
        """What a query's rows stand for; at its end UserError names those that cannot be read."""
        unread: list[str] = []
        why: BaseException | None = None
        with explained(self.path):
            for row in self.connection.execute(query, values):
                try:
                    made = make(row)
                except UNREADABLE as error:
                    unread.append(named(row))
                    why = why or error
                    continue
                yield made
        if unread:
            raise unreadable(self.path, unread, why) from why

    def put(self, key: str, request: Request, generation: Generation, run: str = "") -> None:
        """Stores an answered request; `run` says which other run the answer was taken from."""
        row = (key, *row_of_call(request, generation))
        with explained(self.path):
            self.connection.execute("INSERT OR IGNORE INTO prompts VALUES (?, ?)", prompt_text(request.prompt))
            columns = f"key, {ASKED}, {GENERATION}"  # by name: a journal may have got some of them later
            self.connection.execute(f"INSERT OR REPLACE INTO generations ({columns}) VALUES ({marks(row)})", row)
            if run:
                self.connection.execute("INSERT OR REPLACE INTO reused VALUES (?, ?)", (key, run))

    def reused(self) -> dict[str, int]:
        """How many answers were taken from which other run; {} where none was, or the journal is of before that."""
        known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'reused'"
        with explained(self.path):
            if self.connection.execute(known).fetchone() is None:
                return {}
            found = self.connection.execute("SELECT run, count(*) FROM reused GROUP BY run ORDER BY run")
            return {str(run): int(count) for run, count in found}

    def count(self) -> int:
        """How many answers there are."""
        with explained(self.path):
            return int(self.connection.execute("SELECT count(*) FROM generations").fetchone()[0])

    def commit(self) -> None:
        """Makes all that was stored so far survive a crash."""
        with explained(self.path):
            self.connection.commit()
        self.committed = time.monotonic()

    def commit_sometimes(self) -> None:
        """Commits if the last time was a while ago."""
        if time.monotonic() - self.committed > COMMIT_EVERY:
            self.commit()

    def note(self, name: str, value: str) -> None:
        """Keeps a fact about the run that is no setting, such as how many attempts it is to make."""
        with explained(self.path):
            self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"note {name}", value))
        self.commit()

    def noted(self, name: str) -> str | None:
        """What was noted, or None."""
        with explained(self.path):
            row = self.connection.execute("SELECT value FROM meta WHERE name = ?", (f"note {name}",)).fetchone()
        return None if row is None else str(row[0])

    # ------------------------------------------------------------ samples and records

    def add_samples(self, task: str, samples: Sequence[Sample]) -> None:
        """Stores a task's samples. Raises UserError where those that answers were given to are others, or differ."""
        self.grow({}, {task: samples})

    def changed_samples(
        self, task: str, samples: Sequence[Sample], new: Collection[str]
    ) -> list[tuple[str, str, int, str]]:
        """A task's samples as rows where they are not what is stored; [] where they are. Raises as `grow` does."""
        with explained(self.path):
            stored = dict(self.connection.execute("SELECT id, sample FROM samples WHERE task = ?", (task,)))
            attempted = self.connection.execute("SELECT DISTINCT sample_id FROM records WHERE task = ?", (task,))
            lost = {name for (name,) in attempted if name not in stored}
        lost |= {name for name, text in stored.items() if not readable(text)}
        given = {sample.id: as_kept(sample, stored.get(sample.id)) for sample in samples}
        bare = {sample.id: sample_text(replace(sample, fields=())) for sample in samples}  # as earlier runs kept it
        changed = [name for name in {**given, **stored} if stored.get(name) not in (given.get(name), bare.get(name))]
        allowed = {*lost, *(name for name in new if name not in stored)} & given.keys()
        differing = next((name for name in changed if name not in allowed), None)
        if stored and differing is not None and self.answered():
            said, kept = differing not in stored, differing in given
            raise UserError(
                f"the samples of {task} are not what the run in {self.folder} was made with (the data has changed: "
                f"{differing!r} {'is new' if said else 'differs' if kept else 'is gone'}): use another --run name."
            )
        return [(task, name, place, text) for place, (name, text) in enumerate(given.items())] if changed else []

    def samples(self) -> dict[tuple[str, str], Sample]:
        """All samples by (task, id), in their tasks' order. Raises UserError for damaged ones."""
        query = "SELECT task, id, sample FROM samples ORDER BY task, place"
        return dict(self.rows(query, sample_of, lambda row: f"the sample {row[1]} of {row[0]}"))

    def add_record(self, record: Record) -> None:
        """Stores a record, in place of an earlier one of the same attempt."""
        row = row_of_record(record)
        with explained(self.path):
            self.connection.execute(f"INSERT OR REPLACE INTO records VALUES ({marks(row)})", row)

    def attempts(self) -> set[tuple[str, str, str, int]]:
        """The task, strategy, sample and repeat of every record, also of damaged ones."""
        with explained(self.path):
            return set(self.connection.execute("SELECT task, strategy, sample_id, repeat FROM records"))

    def records(self) -> Iterator[Record]:
        """All records, by task, strategy, sample and repeat. Raises UserError, last, for damaged ones."""
        query = "SELECT * FROM records ORDER BY task, strategy, sample_id, repeat"
        yield from self.rows(query, record_of_row, record_named)


def writer_of(folder: Path) -> str:
    """Who writes a run, for the sentence that it is in use."""
    with suppress(UserError), Journal.read(folder) as journal:
        return f"process {journal.noted('writer')}"
    return "another process"


def call_of_key(row: Sequence[Any]) -> tuple[str, Request, Generation]:
    """A row of CALLS with its key."""
    return (row[0], *call_of(row[1:]))


def answer_named(row: Sequence[Any]) -> str:
    """A row of CALLS for an error."""
    return f"the answer {row[0]}"


def record_named(row: Sequence[Any]) -> str:
    """A row of records for an error."""
    return f"the record of {', '.join(map(str, row[:4]))}"
