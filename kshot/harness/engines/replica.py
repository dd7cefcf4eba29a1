"""What runs on a replica, and what it tells: an engine made from its specification, and answers a step at a time.

No exception leaves it: what went wrong is told as a value, so that the sentence of a user's mistake arrives as it was
said. Knows nothing of Ray, nor of other replicas.
"""

from __future__ import annotations

import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TypeVar

from kshot import __version__
from kshot.harness.engines.registry import find_engine
from kshot.registry import USER_MODULES, words_of
from kshot.types import Engine, EngineError, Generation, Request, UserError

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Hello:
    """Where a replica is, and what it runs on."""

    host: str
    pid: int
    versions: str  # of Python and of kshot: what is sent between them must mean the same to both


@dataclass(frozen=True, slots=True)
class Made:
    """Its engine is there."""

    id: str
    chat: bool
    capacity: int
    warned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """What a step came to."""

    answers: tuple[tuple[int, Generation], ...]
    refused: tuple[tuple[int, str], ...]  # tickets that can never be answered, each with the sentence that says why
    capacity: int
    warned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """Its engine could not be made, or failed."""

    sentence: str
    mistake: bool  # the user's, as a UserError tells it
    warned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lost:
    """It is no more: killed, out of memory, its machine gone."""

    reason: str


Event = Made | Answered | Failed | Lost


def own_versions() -> str:
    """The versions that replicas and what sends to them have to have in common."""
    return f"kshot {__version__} on Python {'.'.join(platform.python_version_tuple()[:2])}"


class Replica:
    """An engine behind values: `hello`, then `make`, then `work` as often as there is something to do."""

    engine: Engine

    def hello(self, folder: str, threads: int) -> Hello:
        """Goes to the folder that paths begin in, where it is there, and takes its share of the cores."""
        with suppress(OSError):  # not on this machine: paths in full still do
            os.chdir(folder)
        os.environ["OMP_NUM_THREADS"] = str(threads)  # read when torch is imported, which only its engine does
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(threads)
        return Hello(platform.node(), os.getpid(), own_versions())

    def make(self, spec: str, modules: Sequence[str]) -> Made | Failed:
        """Makes the engine of a specification, whose registration those modules hold."""

        def made() -> Made:
            for module in modules:
                import_module(module)
            self.engine = find_engine(spec)()
            return Made(self.engine.id, self.engine.chat, self.engine.capacity)

        return told(made)

    def work(self, requests: Sequence[tuple[int, Request]]) -> Answered | Failed:
        """Takes requests, and works until at least one of all that it has is answered, or refused."""

        def worked() -> Answered:
            refused: list[tuple[int, str]] = []
            for ticket, request in requests:
                try:
                    self.engine.submit(ticket, request)
                except UserError as error:
                    refused.append((ticket, str(error)))
            answers: list[tuple[int, Generation]] = []
            try:
                answers = self.engine.collect()
            except UserError as error:
                if error.ticket is None:
                    raise
                refused.append((error.ticket, str(error)))
            return Answered(tuple(answers), tuple(refused), self.engine.capacity)

        return told(worked)


@contextmanager
def noted() -> Iterator[list[str]]:
    """What is warned of meanwhile, each once."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default", UserWarning)
        yield said
    said += dict.fromkeys(str(one.message) for one in caught if one.category is UserWarning)


def told(function: Callable[[], V]) -> V | Failed:
    """What a function gives, with its warnings; or how it failed, as a value."""
    failed: Failed | None = None
    with noted() as said:
        try:
            value = function()
        except UserError as error:
            failed = Failed(str(error), mistake=True)
        except EngineError as error:
            failed = Failed(str(error), mistake=False)
        except (Exception, SystemExit) as error:  # of whatever engine: it must arrive as a sentence
            failed = Failed(unforeseen(error), mistake=False)
    return with_warnings(failed if failed is not None else value, tuple(said))


def with_warnings(value: V, said: tuple[str, ...]) -> V:
    """The same with what was warned of."""
    return replace(value, warned=said) if said else value  # type: ignore[type-var]


def unforeseen(error: BaseException) -> str:
    """An error that no engine should raise, in words; with the line of a user's own file that it came through."""
    line, trace = "", error.__traceback__
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__", "")).startswith(USER_MODULES):
            line = f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}: "
        trace = trace.tb_next
    return f"{line}{type(error).__name__}: {words_of(error)}".rstrip(": ") + "."
