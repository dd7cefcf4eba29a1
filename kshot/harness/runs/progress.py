"""How far a command is: a bar on a terminal, and where there is none (a log, CI, a notebook) a plain line now and then.

Concedes: how long is left is told from the pace of the last minute.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import click

if TYPE_CHECKING:
    from rich.console import Console

EVERY = 10.0  # seconds from one plain line to the next
FIRST = 1.0  # to the first one, which shows that something comes
KEPT = 7  # lines that the pace is told from


class HowFar(Protocol):
    """What shows how far something is. Used with `with`."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def begin(self, what: str, total: int | None) -> None:
        """Something else begins, of so many steps."""

    def show(self, done: int, state: str = "") -> None:
        """So many steps are done, and what more is to be said."""


def shown_on(console: Console) -> HowFar:
    """A bar where the console is a terminal, else lines."""
    return ProgressBar(console) if console.is_terminal else ProgressLines()


class ProgressBar:
    """A line on a terminal that is written anew four times a second."""

    def __init__(self, console: Console) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self.bar = Progress(*columns, console=console, refresh_per_second=4)
        self.line = self.bar.add_task("loading", total=None, state="")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def begin(self, what: str, total: int | None) -> None:
        self.bar.reset(self.line, total=total, description=what, state="")

    def show(self, done: int, state: str = "") -> None:
        self.bar.update(self.line, completed=done, state=state)


class ProgressLines:
    """A line after a second, one every ten, and one at the end: what, how many of how many, the pace, the time left."""

    def __init__(self, say: Callable[[str], None] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.say = say or (lambda line: click.echo(line, err=True))
        self.clock = clock
        self.what, self.total, self.done, self.state = "", 0, 0, ""
        self.said = 0  # steps that the last line told of
        self.past: deque[tuple[float, int]] = deque([(clock(), 0)], maxlen=KEPT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.done > self.said:
            self.tell()

    def begin(self, what: str, total: int | None) -> None:
        if self.done > self.said:
            self.tell()
        self.what, self.total, self.done, self.said, self.state = what, total or 0, 0, 0, ""
        self.past.clear()
        self.past.append((self.clock(), 0))

    def show(self, done: int, state: str = "") -> None:
        self.done, self.state = done, state
        if self.clock() - self.past[-1][0] >= (EVERY if len(self.past) > 1 else min(FIRST, EVERY)):
            self.tell()

    def tell(self) -> None:
        """Says how far it is."""
        from kshot.eval.report.safe_text import clean

        now, (then, before) = self.clock(), self.past[0]
        pace = (self.done - before) / (now - then) if now > then else 0.0
        said = [f"{self.what}  {self.done:,}{f' of {self.total:,}' if self.total else ''}"]
        if pace:
            said.append(f"{pace:,.1f} a second" if pace >= 1 else f"{1 / pace:,.1f} seconds each")
            if self.total > self.done:
                said.append(f"{time_of((self.total - self.done) / pace)} left")
        self.say(clean("  ".join([", ".join(said), *([self.state] if self.state else [])])))
        self.past.append((now, self.done))
        self.said = self.done


def time_of(seconds: float) -> str:
    """A time as one reads it.

    >>> time_of(59.6), time_of(3661)
    ('1:00', '1:01:01')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
