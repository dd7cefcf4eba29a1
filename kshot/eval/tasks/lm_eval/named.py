"""Which specification names a task file: `FILE.yaml:filter=NAME`, `lm-eval:NAME`, `lm-eval:name=NAME,metrics=acc`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kshot.registry import suggest
from kshot.spec import convert, split_spec, write_spec
from kshot.types import UserError

FILE = re.compile(r"(?P<path>.+?\.ya?ml)(?P<given>:.*|\(.*\))?", re.I | re.S)
PACKAGE = re.compile(r"lm-eval:(?P<name>[\w.+/-]+)(?:,(?P<given>.*))?", re.S)
WITHIN = re.compile(r"[\w-]+\s*[:(]\s*\w+\s*=")  # another task with hyperparameters, such as qa:task=FILE.yaml
OPTIONS = ("filter", "metrics", "trust_code")


@dataclass(frozen=True)
class NamedTask:
    """What a specification says of a task file."""

    path: Path | None  # of a file of the user's; None: of the package
    key: str = ""  # its name in the package
    filter: str = ""  # which of its filters reads answers; "": the first
    metrics: tuple[str, ...] = ()  # which of its metrics are scored by; (): all
    trust_code: bool = False  # whether functions that it names may be run
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The canonical name."""
        own = {} if self.path else {"name": self.key}
        return write_spec(self.path.stem if self.path else "lm-eval", {**own, **dict(sorted(self.given.items()))})

    @property
    def shown(self) -> str:
        """As an error names it."""
        return str(self.path) if self.path else f"lm-eval:{self.key}"


def named_task(spec: str) -> NamedTask | None:
    """The task file that a specification names; None where it names none. Raises UserError for what it cannot say."""
    spec = spec.strip()
    if re.match(r"lm-eval\s*[:(]", spec):
        whole = PACKAGE.fullmatch(spec)
        bare = whole is not None and "=" not in whole["name"]
        given = split_spec(f"lm-eval:{whole['given'] or ''}" if whole and bare else spec)[1]
        name = whole["name"] if whole and bare else given.pop("name", "")
        if not name:
            raise UserError(f"{spec!r} names no task of lm-evaluation-harness; write lm-eval:NAME.")
        return with_options(None, name, given)
    file = FILE.fullmatch(spec)
    if file is None or (WITHIN.match(spec) and not Path(spec).expanduser().is_file()):
        return None
    if Path(spec).expanduser().is_file():
        return with_options(Path(spec).expanduser(), "", {})
    return with_options(Path(file["path"]).expanduser(), "", split_spec(f"file{file['given'] or ''}")[1])


def with_options(path: Path | None, name: str, given: dict[str, str]) -> NamedTask:
    """The named task with what is said of it."""
    for key in given:
        if key not in OPTIONS:
            what = path or f"lm-eval:{name}"
            raise UserError(f"the task file {what} has no parameter {key!r}: {suggest(key, OPTIONS)}")
    return NamedTask(
        path,
        name,
        given.get("filter", ""),
        tuple(re.findall(r"chrf\+\+|[^+]+", given.get("metrics", ""))),
        convert(given.get("trust_code", "false"), False, "trust_code"),
        given,
    )
