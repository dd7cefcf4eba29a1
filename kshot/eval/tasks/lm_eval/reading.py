"""A task file as data: YAML with includes, in which `!function` is a name and nothing is run.

As lm_eval/tasks/_yaml_loader.py has it: the keys of what is included stand behind the file's own.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from kshot.types import UserError

Keys = dict[str, Any]
MOST = 1_000_000  # values of a task file, what its aliases stand for among them
EXTRA = "pip install 'kshot[lm-eval]'"


@dataclass(frozen=True)
class Code:
    """A function that a task file names, `!function utils.process_docs`; not loaded."""

    name: str
    folder: Path  # of the file that names it

    @property
    def path(self) -> Path:
        """The file of code that it stands in, where that lies beside the task file."""
        return self.folder / f"{self.name.rpartition('.')[0].replace('.', '/')}.py"


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # as lm-eval's
    """YAML's plain values, and `!function` as a name."""

    folder = Path()


def code(loader: Any, node: Any) -> Code:
    """What `!function` stands for."""
    return Code(str(loader.construct_scalar(node)), loader.folder)


Loader.add_constructor("!function", code)


def read_keys(path: Path) -> Keys:
    """The keys of a task file, those of its includes behind its own.

    Raises UserError, with file and line, for what is no YAML, holds no keys, or includes what is not there.
    """
    return with_includes(path, ())


def with_includes(path: Path, seen: tuple[Path, ...]) -> Keys:
    """The keys of a file; `seen` are the files that include it."""
    if path.resolve() in seen:
        raise UserError(f"{path}: `include` comes back to a file that includes it; take one of the two out.")
    keys = own_keys(path)
    included = keys.pop("include", None)
    if included is None:
        return keys
    merged: Keys = {}
    for name in included if isinstance(included, list) else [included]:
        if not isinstance(name, str):
            raise UserError(f"{path}: `include` is {name!r:.60}; give the name of a file, or a list of names.")
        other = path.parent / name
        if not other.is_file():
            raise UserError(f"{path}: `include` names {name}, and {other} does not exist; mend the name.")
        merged |= {key: value for key, value in with_includes(other, (*seen, path.resolve())).items()}
    return {**merged, **keys}


def own_keys(path: Path) -> Keys:
    """The keys of one file alone."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UserError(f"the task file {path} cannot be read ({error.strerror}); give an existing file.") from error
    loader = type("FileLoader", (Loader,), {"folder": path.parent})
    try:
        keys = yaml.load(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{path}{line}: it is no YAML that is read as data ({error.problem}); mend it.") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        said = " ".join(str(error).split())[:120]
        raise UserError(f"{path}: it is no YAML that is read as data ({said}); mend it.") from None
    if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys):
        raise UserError(f"{path}: a task file holds keys, such as `task: NAME`; mend it.")
    check_size(keys, path)
    return keys


def check_size(keys: Keys, path: Path) -> None:
    """Raises UserError for aliases that hold themselves, or make a file of a few lines one without end."""
    left, waiting = MOST, list[Any]([keys])
    while waiting:
        one = waiting.pop()
        inside = [*one, *one.values()] if isinstance(one, dict) else one if isinstance(one, list) else ()
        left -= len(inside)
        if left < 0:
            raise UserError(f"{path}: its aliases (&name, *name) make more than {MOST:,} values of it; write them out.")
        waiting.extend(each for each in inside if isinstance(each, dict | list))


def codes_in(value: Any) -> Iterator[Code]:
    """Every function that a value names, however deep."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Code):
            yield one
        elif isinstance(one, dict | list):
            waiting.extend(reversed([*one.values()] if isinstance(one, dict) else one))


# ---------------------------------------------------------------- the package's own files


def installed() -> Path | None:
    """The folder of the package's task files, where it is there."""
    found = find_spec("lm_eval")
    places = [Path(place) / "tasks" for place in found.submodule_search_locations or ()] if found else []
    return next((place for place in places if place.is_dir()), None)


def package() -> Path:
    """The folder of the package's task files. Raises UserError where the package is missing; it is not imported."""
    found = installed()
    if found is not None:
        return found
    raise UserError(f"lm-eval: names a task of lm-evaluation-harness, which is not installed: {EXTRA}.")


TASK_OR_GROUP = re.compile(rb"""^["']?(?:task|group)["']?[ \t]*:[ \t]*["']?([^\s"'#\[{][^\n"'#]*)""", re.MULTILINE)
INCLUDE = re.compile(rb"""^["']?include["']?[ \t]*:[ \t]*["']?([^\s"'#]+)""", re.MULTILINE)


@lru_cache(maxsize=2)
def texts_of(folder: Path) -> dict[Path, bytes]:
    """Every task file of a folder and what lies in it, as it stands."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*.yaml"), key=lambda path: path.as_posix())}


@lru_cache(maxsize=2)
def names_of(folder: Path) -> dict[str, Path]:
    """The tasks and groups that a folder's files define; of several of one name the first, as lm-eval has it."""
    found: dict[str, Path] = {}
    for path, text in texts_of(folder).items():
        for name in TASK_OR_GROUP.findall(text):
            found.setdefault(name.decode(errors="replace").strip(), path)
    return found


def names_beside(folder: Path) -> dict[str, Path]:
    """The tasks and groups of the files that lie in a folder, and not in folders in it."""
    found: dict[str, Path] = {}
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        for name in TASK_OR_GROUP.findall(path.read_bytes()):
            found.setdefault(name.decode(errors="replace").strip(), path)
    return found


def find_named(name: str, folder: Path) -> Path | None:
    """The file that defines a task or group of that name; None for none."""
    return names_of(folder).get(name)


def tagged(name: str, folder: Path) -> list[str]:
    """The tasks that have a tag, in alphabetical order, as lm-eval lists them."""
    spoken = name.encode()
    found = set()
    for path, text in texts_of(folder).items():
        beside = [path.parent / one.decode(errors="replace") for one in INCLUDE.findall(text)]
        if spoken in text or any(spoken in other.read_bytes() for other in beside if other.is_file()):
            keys = read_keys(path)
            tags = keys.get("tag") or []
            if name in ([tags] if isinstance(tags, str) else tags) and isinstance(keys.get("task"), str):
                found.add(keys["task"])
    return sorted(found)


def unknown(name: str, folder: Path) -> UserError:
    """What to say of a name that the package does not have, with the nearest of those that it has."""
    near = difflib.get_close_matches(name, names_of(folder), n=5, cutoff=0.5)
    meant = f"did you mean {' or '.join(near)}" if near else "`lm-eval ls tasks` lists what it has"
    return UserError(f"lm-evaluation-harness has no task, group or tag {name!r}: {meant}.")
