"""The journal: every request and generation, every sample and record of a run, in one SQLite file.

Crash-safe (write-ahead log; a killed process loses at most what the engine had not answered), one writer
at a time (a lock that the kernel frees when its process ends), readable while a run is in flight. A
request's key names everything that can change its answer, so a resume is a replay: what was answered is
looked up here. Concedes: `fcntl` locks, so Linux and macOS only for writing.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from kshot.harness import schema
from kshot.harness.rows import (
    CALLS,
    GENERATION,
    call_of,
    generation_of,
    marks,
    prompt_text,
    record_of_row,
    row_of_call,
    row_of_record,
    write,
)
from kshot.types import Generation, Record, Request, Sample, SamplingParams, UserError

LATER = ("chat",)  # settings that runs were once made without
COMMIT_EVERY = 0.5  # seconds; also after every batch of generations, before its programs go on


@lru_cache(maxsize=1024)
def params_key(params: SamplingParams) -> str:
    """What of the parameters can change an answer, as JSON: greedy decoding takes no notice of top_p."""
    named = asdict(params)
    if params.temperature == 0:
        del named["top_p"]
    return write(named)


def request_key(engine_id: str, request: Request) -> str:
    """Names everything that can change the answer, and nothing else.

    A greedy request's seed and a scored request's parameters change nothing and are left out, so that
    two strategies that ask the same pay once.
    """
    prompt, params = prompt_text(request.prompt)[0], request.params
    if request.continuation is not None:
        named = [engine_id, prompt, request.continuation]
    else:
        named = [engine_id, prompt, params_key(params), str(request.seed if params.temperature else None)]
    if request.logprobs:
        named.append("logprobs")
    return hashlib.blake2b(write(named).encode(), digest_size=16).hexdigest()


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns SQLite's errors that a user can mend into a sentence with the remedy."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "full" in text or "disk I/O" in text:
            raise UserError(
                f"{path} cannot be written ({text}): free some disk space, then give the same command again; "
                "what was answered is kept."
            ) from error
        if "malformed" in text or "not a database" in text:
            raise UserError(
                f"{path} is damaged ({text}): delete the run's folder, or restore it, and run again."
            ) from error
        if "readonly" in text or "unable to open" in text:
            raise UserError(f"{path} cannot be opened ({text}): check the folder's permissions.") from error
        raise


class Journal:
    """A run's journal. `Journal.open` for the one writer, `Journal.read` for any reader."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, lock: IO[str] | None) -> None:
        self.folder = folder
        self.path = folder / "journal.sqlite"
        self.connection = connection
        self.lock = lock
        self.committed = time.monotonic()

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any]) -> Journal:
        """Creates the run, or resumes it. Raises UserError where it is in use or was made with other settings."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = open(folder / "lock", "a+", encoding="utf-8")  # noqa: SIM115  held as long as the journal
        except OSError as error:
            raise UserError(
                f"the run folder {folder} cannot be written: {error.strerror}; choose another with --runs."
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            owner = lock.read().strip() or "another process"
            lock.close()
            raise UserError(
                f"the run folder {folder} is in use by {owner}: wait for it, or use another --run name."
            ) from None
        lock.seek(0)
        lock.truncate()
        lock.write(f"process {os.getpid()}")
        lock.flush()
        path = folder / "journal.sqlite"
        with ExitStack() as undo, explained(path):
            undo.callback(lock.close)
            connection = sqlite3.connect(path)
            undo.callback(connection.close)  # and with it all that was begun
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            schema.begin(connection, schema.format_of(path, connection))
            journal = cls(folder, connection, lock)
            journal.match(settings)
            connection.commit()
            undo.pop_all()
        return journal

    @classmethod
    def read(cls, folder: Path) -> Journal:
        """Opens a run for reading, also while it is being written. Raises UserError where there is none."""
        path = folder / "journal.sqlite"
        if not path.is_file():
            raise UserError(f"{folder} holds no run (no journal.sqlite): give the folder of a run, such as runs/demo.")
        with ExitStack() as undo, explained(path):
            connection = sqlite3.connect(path)
            undo.callback(connection.close)
            version = schema.format_of(path, connection)
            if not version:
                raise UserError(f"{folder} holds an empty run that has just begun; look again when it has answers.")
            if version < schema.FORMAT:
                schema.see_as_today(connection)
            connection.execute("PRAGMA query_only=ON")
            undo.pop_all()
        return cls(folder, connection, None)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Commits and lets go of the run."""
        try:
            if self.lock is not None:
                self.commit()
        finally:
            self.connection.close()
            if self.lock is not None:
                self.lock.close()

    # ------------------------------------------------------------ settings

    def match(self, settings: Mapping[str, Any]) -> None:
        """Stores the settings of a new run; compares them with those of an old one.

        One that an older kshot did not keep is added, so that from then on it must agree.
        """
        new = {key: write(value) for key, value in settings.items()}
        old = self.settings_text()
        added = {key: text for key, text in new.items() if not old or (key in LATER and key not in old)}
        old.update(added)
        changed = [
            f"{key}: {old.get(key, 'not set')} -> {new.get(key, 'not set')}"
            for key in sorted({*old, *new})
            if old.get(key) != new.get(key)
        ]
        if changed:
            raise UserError(
                f"the run in {self.folder} was made with other settings ({'; '.join(changed)}): "
                "use another --run name, or delete that folder."
            )
        self.connection.executemany("INSERT INTO meta VALUES (?, ?)", [(f"setting {k}", v) for k, v in added.items()])

    def settings_text(self) -> dict[str, str]:
        rows = self.connection.execute("SELECT name, value FROM meta WHERE name LIKE 'setting %'")
        return {name.removeprefix("setting "): value for name, value in rows}

    def settings(self) -> dict[str, Any]:
        """The settings that the run was made with."""
        return {key: json.loads(value) for key, value in self.settings_text().items()}

    # ------------------------------------------------------------ generations

    def get(self, key: str) -> Generation | None:
        """The generation of a request, or None where it has not been answered."""
        row = self.connection.execute(f"SELECT {GENERATION} FROM generations WHERE key = ?", (key,)).fetchone()
        return None if row is None else generation_of(row)

    def call(self, key: str) -> tuple[Request, Generation]:
        """A request and its generation. Raises KeyError where it is not in the journal."""
        row = self.connection.execute(f"{CALLS} WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return call_of(row[1:])

    def calls(self) -> Iterator[tuple[str, Request, Generation]]:
        """Every answered request with its key, in the order of keys."""
        for key, *row in self.connection.execute(f"{CALLS} ORDER BY key"):
            yield (key, *call_of(row))

    def put(self, key: str, request: Request, generation: Generation) -> None:
        """Stores an answered request."""
        row = (key, *row_of_call(request, generation))
        with explained(self.path):
            self.connection.execute("INSERT OR IGNORE INTO prompts VALUES (?, ?)", prompt_text(request.prompt))
            self.connection.execute(f"INSERT OR IGNORE INTO generations VALUES ({marks(row)})", row)

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
        row = self.connection.execute("SELECT value FROM meta WHERE name = ?", (f"note {name}",)).fetchone()
        return None if row is None else str(row[0])

    # ------------------------------------------------------------ samples and records

    def add_samples(self, task: str, samples: Iterable[Sample]) -> None:
        """Stores a task's samples. Raises UserError where those stored are others, or differ."""
        stored = dict(self.connection.execute("SELECT id, sample FROM samples WHERE task = ?", (task,)))
        given = {sample.id: write({**asdict(sample)}) for sample in samples}
        differing = next((name for name in {**given, **stored} if given.get(name) != stored.get(name)), None)
        if stored and differing is not None:
            new, kept = differing not in stored, differing in given
            raise UserError(
                f"the samples of {task} are not what the run in {self.folder} was made with (the data has changed: "
                f"{differing!r} {'is new' if new else 'differs' if kept else 'is gone'}): use another --run name."
            )
        if not stored:
            rows = [(task, name, place, text) for place, (name, text) in enumerate(given.items())]
            with explained(self.path):
                self.connection.executemany("INSERT INTO samples VALUES (?, ?, ?, ?)", rows)
        self.commit()

    def samples(self) -> dict[tuple[str, str], Sample]:
        """All samples by (task, id), in their tasks' order."""
        rows = self.connection.execute("SELECT task, id, sample FROM samples ORDER BY task, place")
        found = {}
        for task, sample_id, text in rows:
            value = json.loads(text)
            found[task, sample_id] = Sample(**{**value, "choices": tuple(value["choices"])})
        return found

    def add_record(self, record: Record) -> None:
        """Stores a record, in place of an earlier one of the same attempt."""
        row = row_of_record(record)
        with explained(self.path):
            self.connection.execute(f"INSERT OR REPLACE INTO records VALUES ({marks(row)})", row)

    def records(self) -> Iterator[Record]:
        """All records, by task, strategy, sample and repeat."""
        for row in self.connection.execute("SELECT * FROM records ORDER BY task, strategy, sample_id, repeat"):
            yield record_of_row(row)
