"""Add and get by name. `few-shot:k=4,order=reversed` names an entry and its hyperparameters.

An entry is a function; its keyword-only parameters with defaults are the hyperparameters, so the
command line, the log and the search space all come from one signature. A specification nests by
parentheses: `self-consistency:base=few-shot(k=4,order=shuffled),n=10`. A value with any of `,()="` in it
stands in double quotes, written as JSON: `zero-shot-cot:lead="Step by step, then."`. `file.py:name` loads
a user's own.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import inspect
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from kshot.types import UserError

F = TypeVar("F", bound=Callable[..., Any])


def suggest(name: str, known: Iterable[str]) -> str:
    """The known names, nearest first, as the end of a sentence about an unknown one."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{hint}Known: {', '.join(names)}."


class Registry(Generic[F]):
    """Functions by name, each with its hyperparameters.

    >>> tasks = Registry("task")
    >>> @tasks.add("last-letters")
    ... def last_letters(*, words: int = 2): return words
    >>> tasks.get("last-letters:words=4")()
    4
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.entries: dict[str, F] = {}

    def add(self, name: str) -> Callable[[F], F]:
        """Decorator that registers a function under a name. Raises ValueError where the name is taken."""

        def register(function: F) -> F:
            if name in self.entries:
                raise ValueError(f"{self.kind} {name} is registered twice")
            hyperparameters(function)  # raises where the signature breaks the contract
            self.entries[name] = function
            return function

        return register

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.entries))

    def find(self, name: str) -> F:
        """The function of that name, or of `file.py:name`. Raises UserError, with the nearest names."""
        if ".py:" in name:
            function: F = load_from_file(name, self.kind)
            return function
        if name not in self.entries:
            raise UserError(f"unknown {self.kind} {name!r}: {suggest(name, self.entries)}")
        return self.entries[name]

    def parse(self, spec: str) -> tuple[str, F, dict[str, Any]]:
        """A specification as (name, function, all its hyperparameters). Raises UserError."""
        name, given = split_spec(spec)
        function = self.find(name)
        try:
            defaults = hyperparameters(function)
        except (TypeError, ValueError) as error:  # only a user's own file can hold such a thing: `add` refuses it
            raise UserError(f"{name} cannot be a {self.kind}: {error}; mend the file.") from error
        params = dict(defaults)
        for key, text in given.items():
            if key not in defaults:
                raise UserError(
                    f"{self.kind} {name!r} has no parameter {key!r}: "
                    + (suggest(key, defaults) if defaults else "it takes none.")
                )
            params[key] = convert(text, defaults[key], f"{self.kind} {name!r}, parameter {key!r}")
        return name, function, params

    def get(self, spec: str) -> Callable[..., Any]:
        """The function with the specification's hyperparameters bound."""
        _, function, params = self.parse(spec)
        return lambda *args, **overrides: function(*args, **{**params, **overrides})

    def canonical(self, spec: str) -> str:
        """The specification without what equals the defaults, keys in the signature's order."""
        name, function, params = self.parse(spec)
        defaults = hyperparameters(function)
        return write_spec(name, {k: v for k, v in params.items() if v != defaults[k]})


def hyperparameters(function: Callable[..., Any]) -> dict[str, Any]:
    """Keyword-only parameters and their defaults. Raises TypeError where one has no default or there is **kwargs."""
    found = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            raise TypeError(f"{function.__qualname__} takes **{parameter.name}; name its parameters")
        if parameter.kind is parameter.KEYWORD_ONLY:
            if parameter.default is parameter.empty:
                raise TypeError(f"{function.__qualname__}: parameter {parameter.name} needs a default")
            found[parameter.name] = parameter.default
    return found


HEAD = re.compile(r"(?:[^=]*?\.py:)?[^():=,]+")  # a name; a path may hold what a name may not
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def split_spec(spec: str) -> tuple[str, dict[str, str]]:
    """`name:a=1,b=x(c=2)` as ("name", {"a": "1", "b": "x(c=2)"}); `name(a=1)` reads the same."""
    spec = spec.strip()
    head = HEAD.match(spec)
    name = head.group(0) if head else ""
    rest = spec[len(name) :]
    if rest.startswith("(") and rest.endswith(")"):
        rest = rest[1:-1]
    elif rest.startswith(":"):
        rest = rest[1:]
    elif rest:
        raise UserError(f"cannot read {spec!r}: write it as name:key=value,key=value.")
    given: dict[str, str] = {}
    for part in split_outside_parentheses(rest):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key:
            raise UserError(f"cannot read {part!r} in {spec!r}: write it as name:key=value,key=value.")
        if key in given:
            raise UserError(f"{key!r} is given twice in {spec!r}: keep one.")
        given[key] = unquoted(value)
    return name.strip(), given


def split_outside_parentheses(text: str, separator: str = ",") -> list[str]:
    """Parts between separators that stand outside parentheses and quotes; empty parts are left out."""
    parts, depth, current, at = [], 0, "", 0
    while at < len(text):
        character = text[at]
        quoted = QUOTED.match(text, at) if character == '"' and current.rstrip().endswith("=") else None
        if quoted:
            current += quoted.group(0)
            at = quoted.end()
            continue
        depth += (character == "(") - (character == ")")
        if depth < 0:
            break
        if character == separator and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
        at += 1
    if depth != 0:
        raise UserError(f"the parentheses in {text!r} do not match.")
    return [part.strip() for part in [*parts, current] if part.strip()]


def unquoted(value: str) -> str:
    """A value without its double quotes. Raises UserError where what they hold is no JSON string."""
    if not QUOTED.fullmatch(value):
        return value
    try:
        text: str = json.loads(value)
    except json.JSONDecodeError as error:
        raise UserError(f"cannot read the quoted value {value}: {error.msg}; write it as a JSON string.") from None
    return text


def convert(text: str, default: Any, where: str) -> Any:
    """A value of the default's type from text; a tuple of strings is written a+b. Raises UserError."""
    try:
        if isinstance(default, bool):
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
        if isinstance(default, int):
            return int(text)
        if isinstance(default, float):
            number = float(text)
            if not math.isfinite(number):
                raise ValueError
            return number
    except (ValueError, KeyError):
        kind = {bool: "true or false", int: "a whole number", float: "a number"}[type(default)]
        raise UserError(f"{where}: {text!r} is not {kind}.") from None
    if isinstance(default, tuple):
        return tuple(part for part in text.split("+") if part)
    return text


def write_spec(name: str, params: dict[str, Any]) -> str:
    """The inverse of reading: `name:a=1,b=x(c=2)`."""
    listed = ",".join(f"{key}={write_value(item)}" for key, item in params.items())
    return f"{name}:{listed}" if listed else name


def write_value(item: Any) -> str:
    """A hyperparameter's value as text; in quotes where it would not be read back as it is."""
    text = "+".join(map(str, item)) if isinstance(item, tuple) else str(item)
    try:
        safe = split_spec(f"name:key={text}")[1] == {"key": text}
    except UserError:
        safe = False
    return text if safe else json.dumps(text, ensure_ascii=False)


def nested(spec: str) -> str:
    """A specification as it stands inside another: `few-shot:k=4,order=reversed` is `few-shot(k=4,order=reversed)`."""
    name, given = split_spec(spec)
    return f"{name}({','.join(f'{key}={write_value(value)}' for key, value in given.items())})" if given else name


def load_from_file(spec: str, kind: str) -> Any:
    """The object `name` of `file.py:name`. Raises UserError where the file or the name is missing or broken."""
    path_text, _, name = spec.rpartition(":")
    path = Path(path_text).expanduser()
    if not path.is_file():
        raise UserError(f"{kind} file {path} does not exist; give an existing file as file.py:name.")
    state = f"{path.resolve()} {path.stat().st_mtime_ns}"
    module_name = f"kshot_user_{path.stem}_{hashlib.blake2b(state.encode(), digest_size=6).hexdigest()}"
    if module_name in sys.modules:  # run once: a second run would register its names a second time
        return attribute(sys.modules[module_name], path, name)
    module_spec = importlib.util.spec_from_file_location(module_name, path)
    assert module_spec and module_spec.loader
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[module_name] = module
    try:
        module_spec.loader.exec_module(module)
    except UserError:
        del sys.modules[module_name]
        raise
    except Exception as error:  # the user's own code may raise anything, and the sentence must name it
        del sys.modules[module_name]
        raise UserError(f"{path} could not be loaded: {type(error).__name__}: {error}; mend the file.") from error
    return attribute(module, path, name)


def attribute(module: ModuleType, path: Path, name: str) -> Any:
    """The object of that name in a user's file. Raises UserError, with the nearest names."""
    if not hasattr(module, name):
        public = [key for key, value in vars(module).items() if not key.startswith("_") and callable(value)]
        raise UserError(f"{path} has no {name!r}: {suggest(name, public)}")
    return getattr(module, name)
