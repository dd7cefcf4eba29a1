"""Add and get by name. `few-shot:k=4,order=reversed` names an entry and its hyperparameters.

An entry is a function; its keyword-only parameters with defaults are the hyperparameters, so the
command line, the log and the search space all come from one signature. `file.py:name` loads a user's own.
`kshot.spec` has the grammar.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from kshot.spec import convert, nested, opened, split_spec, write_spec
from kshot.types import UserError

F = TypeVar("F", bound=Callable[..., Any])
USER_MODULES = "kshot_user_"
"""What the modules of users' files are called by, before the file's own name."""


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

    def __init__(
        self,
        kind: str,
        takes: int = 0,
        adapt: Callable[[F], F] = lambda function: function,
        note: str = "",
        nests: str = "",
    ) -> None:
        self.kind = kind
        self.takes = takes  # arguments by place that a function is called with
        self.adapt = adapt  # what becomes of a function when it is named, a user's own among them
        self.note = note  # what `kshot list` says below them
        self.nests = nests  # the hyperparameter that is itself a specification of this kind; "": none is
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
        """The function of that name, or of `file.py:name`, as given. Raises UserError, with the nearest names."""
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
            function = self.adapt(function)
            defaults = hyperparameters(function)
            inspect.signature(function).bind(*[None] * self.takes)
        except (TypeError, ValueError) as error:  # only a user's own file can hold such a thing: `add` refuses it
            article = "an" if self.kind[0] in "aeiou" else "a"
            raise UserError(f"{name} cannot be {article} {self.kind}: {error}; mend the file.") from error
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
        """The specification without what equals the defaults, keys in the signature's order; one within it likewise."""
        name, function, params = self.parse(spec)
        defaults = hyperparameters(function)
        said = {key: value for key, value in params.items() if value != defaults[key]}
        return write_spec(name, {k: self.within(v) if k == self.nests else v for k, v in said.items()})

    def within(self, spec: str) -> str:
        """A specification as it stands inside another, canonical where its name is registered."""
        spec = opened(spec)
        return nested(self.canonical(spec)) if spec.partition(":")[0].strip() in self.entries else spec


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


def load_from_file(spec: str, kind: str) -> Any:
    """The object `name` of `file.py:name`. Raises UserError where the file or the name is missing or broken."""
    path_text, _, name = spec.rpartition(":")
    path = Path(path_text).expanduser()
    if not path.is_file():
        raise UserError(f"{kind} file {path} does not exist; give an existing file as file.py:name.")
    state = f"{path.resolve()} {path.stat().st_mtime_ns}"
    module_name = f"{USER_MODULES}{path.stem}_{hashlib.blake2b(state.encode(), digest_size=6).hexdigest()}"
    if module_name in sys.modules:  # run once: a second run would register its names a second time
        return attribute(sys.modules[module_name], path, name)
    module_spec = importlib.util.spec_from_file_location(module_name, path)
    assert module_spec and module_spec.loader
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[module_name] = module
    try:
        module_spec.loader.exec_module(module)
    except (UserError, KeyboardInterrupt):
        del sys.modules[module_name]
        raise
    except BaseException as error:  # the user's own code may raise anything, an exit too, and the sentence must name it
        del sys.modules[module_name]
        raise UserError(
            f"{path} could not be loaded: {type(error).__name__}: {words_of(error)}; mend the file."
        ) from error
    return attribute(module, path, name)


def words_of(error: BaseException) -> str:
    """What an error says; nothing where saying it fails too, as it may of a user's own kind."""
    try:
        return str(error)
    except Exception:
        return ""


def attribute(module: ModuleType, path: Path, name: str) -> Any:
    """The object of that name in a user's file. Raises UserError, with the nearest names."""
    if not hasattr(module, name):
        public = [key for key, value in vars(module).items() if not key.startswith("_") and callable(value)]
        raise UserError(f"{path} has no {name!r}: {suggest(name, public)}")
    return getattr(module, name)
