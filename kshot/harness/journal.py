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
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from kshot.types import Generation, Message, Prediction, Record, Request, Sample, SamplingParams, Score, UserError

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS generations (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, text TEXT NOT NULL, finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER, cached_tokens INTEGER, completion_tokens INTEGER, logprob REAL, seconds REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS samples (
    task TEXT, id TEXT, place INTEGER, sample TEXT NOT NULL, PRIMARY KEY (task, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    task TEXT, strategy TEXT, sample_id TEXT, repeat INTEGER, answer TEXT, status TEXT NOT NULL, value REAL NOT NULL,
    answered INTEGER NOT NULL, detail TEXT NOT NULL, calls TEXT NOT NULL, prompt_tokens INTEGER,
    cached_tokens INTEGER, completion_tokens INTEGER, seconds REAL, PRIMARY KEY (task, strategy, sample_id, repeat)
) WITHOUT ROWID;
"""
COMMIT_EVERY = 0.5  # seconds; also after every batch of generations, before its programs go on


def write(value: Any) -> str:
    """Canonical JSON: ASCII only, so that lone surrogates and null bytes survive SQLite."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def dump_request(request: Request) -> dict[str, Any]:
    """A request as JSON-able values."""
    prompt = request.prompt if isinstance(request.prompt, str) else [[m.role, m.content] for m in request.prompt]
    return {
        "prompt": prompt,
        "params": asdict(request.params),
        "seed": request.seed,
        "continuation": request.continuation,
    }


def load_request(value: Mapping[str, Any]) -> Request:
    """The inverse of `dump_request`."""
    prompt = value["prompt"]
    params = {**value["params"], "stop": tuple(value["params"]["stop"])}
    return Request(
        prompt if isinstance(prompt, str) else tuple(Message(role, content) for role, content in prompt),
        SamplingParams(**params),
        value["seed"],
        value["continuation"],
    )


def request_key(engine_id: str, request: Request) -> str:
    """Names everything that can change the answer, and nothing else.

    A greedy request's seed and a scored request's parameters change nothing and are left out, so that
    two strategies that ask the same pay once.
    """
    named: dict[str, Any] = dump_request(request)
    if request.continuation is not None:
        del named["params"], named["seed"]
    elif request.params.temperature == 0:
        del named["seed"], named["params"]["top_p"]
    return hashlib.blake2b(write([engine_id, named]).encode(), digest_size=16).hexdigest()


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
        try:
            with explained(path):
                connection = sqlite3.connect(path)
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.executescript(SCHEMA)
                journal = cls(folder, connection, lock)
                journal.match(settings)
        except BaseException:
            lock.close()
            raise
        return journal

    @classmethod
    def read(cls, folder: Path) -> Journal:
        """Opens a run for reading, also while it is being written. Raises UserError where there is none."""
        path = folder / "journal.sqlite"
        if not path.is_file():
            raise UserError(f"{folder} holds no run (no journal.sqlite): give the folder of a run, such as runs/demo.")
        with explained(path):
            connection = sqlite3.connect(path)
            connection.execute("PRAGMA query_only=ON")
            connection.execute("SELECT count(*) FROM meta").fetchone()
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
        """Stores the settings of a new run; compares them with those of an old one."""
        new = {key: write(value) for key, value in settings.items()}
        old = self.settings_text()
        if not old:
            self.connection.executemany("INSERT INTO meta VALUES (?, ?)", [(f"setting {k}", v) for k, v in new.items()])
            self.connection.commit()
            return
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

    def settings_text(self) -> dict[str, str]:
        rows = self.connection.execute("SELECT name, value FROM meta WHERE name LIKE 'setting %'")
        return {name.removeprefix("setting "): value for name, value in rows}

    def settings(self) -> dict[str, Any]:
        """The settings that the run was made with."""
        return {key: json.loads(value) for key, value in self.settings_text().items()}

    # ------------------------------------------------------------ generations

    def get(self, key: str) -> Generation | None:
        """The generation of a request, or None where it has not been answered."""
        row = self.connection.execute(
            "SELECT text, finish_reason, prompt_tokens, cached_tokens, completion_tokens, logprob, seconds "
            "FROM generations WHERE key = ?",
            (key,),
        ).fetchone()
        return None if row is None else Generation(json.loads(row[0]), *row[1:])

    def call(self, key: str) -> tuple[Request, Generation]:
        """A request and its generation. Raises KeyError where it is not in the journal."""
        row = self.connection.execute("SELECT request FROM generations WHERE key = ?", (key,)).fetchone()
        generation = self.get(key)
        if row is None or generation is None:
            raise KeyError(key)
        return load_request(json.loads(row[0])), generation

    def put(self, key: str, request: Request, generation: Generation) -> None:
        """Stores an answered request."""
        with explained(self.path):
            self.connection.execute(
                "INSERT OR IGNORE INTO generations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key,
                    write(dump_request(request)),
                    write(generation.text),
                    generation.finish_reason,
                    generation.prompt_tokens,
                    generation.cached_tokens,
                    generation.completion_tokens,
                    generation.logprob,
                    generation.seconds,
                ),
            )

    def commit(self) -> None:
        """Makes all that was stored so far survive a crash."""
        with explained(self.path):
            self.connection.commit()
        self.committed = time.monotonic()

    def commit_sometimes(self) -> None:
        """Commits if the last time was a while ago."""
        if time.monotonic() - self.committed > COMMIT_EVERY:
            self.commit()

    # ------------------------------------------------------------ samples and records

    def add_samples(self, task: str, samples: Iterable[Sample]) -> None:
        """Stores a task's samples. Raises UserError where a stored sample of the same id differs."""
        for place, sample in enumerate(samples):
            text = write({**asdict(sample)})
            row = self.connection.execute(
                "SELECT sample FROM samples WHERE task = ? AND id = ?", (task, sample.id)
            ).fetchone()
            if row is None:
                with explained(self.path):
                    self.connection.execute("INSERT INTO samples VALUES (?, ?, ?, ?)", (task, sample.id, place, text))
            elif row[0] != text:
                raise UserError(
                    f"sample {sample.id} of {task} is not what the run in {self.folder} was made with (the data has "
                    "changed): use another --run name."
                )
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
        prediction, score = record.prediction, record.score
        with explained(self.path):
            self.connection.execute(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    record.task,
                    record.strategy,
                    record.sample_id,
                    record.repeat,
                    None if prediction.answer is None else write(prediction.answer),
                    prediction.status,
                    score.value,
                    score.answered,
                    write(dict(prediction.detail)),
                    write(record.calls),
                    record.prompt_tokens,
                    record.cached_tokens,
                    record.completion_tokens,
                    record.seconds,
                ),
            )

    def records(self) -> Iterator[Record]:
        """All records, by task, strategy, sample and repeat."""
        for row in self.connection.execute("SELECT * FROM records ORDER BY task, strategy, sample_id, repeat"):
            task, strategy, sample_id, repeat, answer, status, value, answered, detail, calls, *costs = row
            prediction = Prediction(None if answer is None else json.loads(answer), status, json.loads(detail))
            yield Record(
                task,
                strategy,
                sample_id,
                repeat,
                prediction,
                Score(value, bool(answered)),
                tuple(json.loads(calls)),
                *costs,
            )
