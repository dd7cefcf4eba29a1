"""Which specification names a user's data: `FILE.csv:answer=text,question=COLUMN`, a folder, or `hub:OWNER/NAME`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kshot.registry import suggest
from kshot.spec import split_spec, write_spec
from kshot.types import UserError

READ = (
    "FILE.csv, FILE.tsv, FILE.json, FILE.jsonl and FILE.parquet, a folder that save_to_disk wrote, hub:OWNER/NAME of a data "
    "set"
)
FILE = re.compile(r"(?P<path>.+?\.(?:csv|tsv|jsonl?|ndjson|parquet)(?:\.gz)?)(?P<given>:.*|\(.*\))?", re.I | re.S)
HUB = re.compile(r"hub:(?P<path>[\w.-]+/[\w.-]+|[\w.-]+)(?P<given>:.*|\(.*\))?", re.S)
ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")  # of a set of the hub
FIELDS = ("question", "answer", "label", "choices", "context", "rationale", "id", "cluster")
COLUMN = "{}_column"  # `answer=` says how answers are read, so that their column has a name of its own
OPTIONS = (
    "answer",
    "language",
    "exemplars",
    "split",
    "train",
    *(name for name in FIELDS if name != "answer"),
    "answer_column",
)
OF_THE_HUB = ("config", "revision")


@dataclass(frozen=True)
class NamedData:
    """What a specification says of a user's data."""

    path: str  # a file, a folder, or the id of a set of the hub
    hub: bool = False
    answer: str = ""  # how answers are read, "" where it is to be told
    exemplars: int | None = None  # rows set aside as exemplars; None: as many as strategies take
    split: str = ""  # which is asked
    train: str = ""  # and which has the exemplars
    config: str = ""  # of a set of the hub, and its revision
    revision: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)  # of FIELDS, each with its column
    language: str = ""  # "" where it is to be told
    given: Mapping[str, str] = field(default_factory=dict)  # all of these as they were said

    @property
    def place(self) -> Path:
        return Path(self.path) if self.hub else Path(self.path).expanduser()

    @property
    def name(self) -> str:
        """The task's canonical name: the file's own, or the set's id, with all that was said."""
        path = Path(self.path)
        stem = path.with_suffix("") if path.suffix.lower() == ".gz" else path
        own = self.path if self.hub else self.place.resolve().name if self.place.is_dir() else stem.stem
        return write_spec(own, dict(sorted(self.given.items())))


def parts_of(spec: str) -> tuple[str, str, bool] | None:
    """What a specification names, what it says of it, and whether that is of the hub; None where it is no data."""
    spec = spec.strip()
    if re.match(r"[^=]*?\.py:", spec):
        return None
    hub = HUB.fullmatch(spec)
    if hub is not None:
        return hub["path"], hub["given"] or "", True
    if Path(spec).expanduser().is_dir():
        return spec, "", False
    for at in (found.start() for found in re.finditer(r"[:(]", spec)):
        if Path(spec[:at]).expanduser().is_dir():
            return spec[:at], spec[at:], False
    whole = None if Path(spec).expanduser().is_file() and FILE.fullmatch(spec) is None else FILE.fullmatch(spec)
    if whole is None:
        return None
    plain = (
        re.search(r"\.(?:csv|tsv|jsonl?|ndjson|parquet)(?:\.gz)?$", spec, re.I) and Path(spec).expanduser().is_file()
    )
    return (spec, "", False) if plain else (whole["path"], whole["given"] or "", False)


def named_data(spec: str) -> NamedData | None:
    """The data that a specification names; None where it names none. Raises UserError for what it cannot say."""
    parts = parts_of(spec)
    if parts is None:
        return None
    path, said, hub = parts
    given = split_spec(f"data{said}")[1]
    known = (*OPTIONS, *(OF_THE_HUB if hub else ()))
    for key in given:
        if key not in known:
            raise UserError(f"data of your own, such as {path}, has no parameter {key!r}: {suggest(key, known)}")
    fields = {name: given[key] for name in FIELDS if (key := key_of(name)) in given}
    return NamedData(
        path,
        hub,
        given.get("answer", ""),
        count_of(given.get("exemplars")),
        given.get("split", ""),
        given.get("train", ""),
        given.get("config", ""),
        given.get("revision", ""),
        fields,
        given.get("language", ""),
        given,
    )


def key_of(name: str) -> str:
    """The key under which a field's column stands in a specification."""
    return COLUMN.format(name) if name == "answer" else name


def count_of(text: str | None) -> int | None:
    """A number of exemplars. Raises UserError for what is none."""
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise UserError(f"exemplars is {text!r}: give a whole number of rows, 0 for none.")
    return int(text)


def with_options(
    spec: str, answer: str | None, fields: tuple[str, ...], exemplars: int | None, language: str | None = None
) -> str:
    """A specification of a user's data with what the command line says of it: --answer, --field, --exemplars, --language.

    Raises UserError for a task that is no such data, for a field that is none, and for what is said already.
    """
    options = "--answer" if answer is not None else "--field" if fields else "--exemplars"
    options = "--language" if language is not None else options
    named = named_data(spec)
    if named is None:
        raise UserError(
            f"{options} says how a file of data is read, and {spec!r} has a format of its own; leave it out."
        )
    said = {} if answer is None else {"answer": answer}
    for one in fields:
        name, equals, column = (part.strip() for part in one.partition("="))
        if not equals or not column:
            raise UserError(f"--field {one!r} is not FIELD=COLUMN, such as question=text; write it so.")
        if name not in FIELDS:
            raise UserError(f"--field {one!r} names no field: {suggest(name, FIELDS)}")
        if key_of(name) in said:
            raise UserError(f"--field {name} is given twice: give it once.")
        said[key_of(name)] = column
    if language is not None:
        said["language"] = language
    if exemplars is not None:
        said["exemplars"] = str(exemplars)
    twice = next((key for key in said if key in named.given), None)
    if twice is not None:
        what = f"its kind of answers already; leave {options}" if twice == "answer" else f"{twice} already; leave it"
        raise UserError(f"{spec!r} says {what} out.")
    written = write_spec("data", said).removeprefix("data:")
    spec = spec.strip()
    if spec.endswith(")") and named.given:
        return f"{spec[:-1]},{written})"
    return f"{spec}{',' if named.given else ':'}{written}"
