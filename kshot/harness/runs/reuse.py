"""Answers of other runs: what the identical engine was asked there in the identical words is not asked again.

Meets: other journals are only read; an answer is taken where the request that stands beside it has the very key, and is
held to what an engine's answer is held to; which run it is from is kept. What is damaged is named, and asked. Concedes:
whoever can write another run's journal decides what is taken from it: name runs that you trust.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from kshot.harness.damage import SEARCHES, UNREADABLE
from kshot.harness.journal import Journal, request_key
from kshot.harness.judging.read import SETTING
from kshot.harness.rows import check_generation
from kshot.types import Generation, Request, UserError

NAME = "journal.sqlite"
DEPTHS = ("*", "*/*")  # below the folder of runs: a run, and a run of one of several models


def runs_named(given: Sequence[str], runs: Path) -> list[Path]:
    """The folders of runs as they are given, "" for all in that of runs. Raises UserError for none."""
    found: list[Path] = []
    for name in given:
        folder = Path(name).expanduser()
        if name and not any(within([folder], place) for place in (".", SEARCHES)):
            raise UserError(f"--reuse {name} holds no run (no {NAME}): give the folder of a run, such as runs/demo.")
        found += [folder] if name else runs_in(runs)
    return list(dict.fromkeys(found))


def runs_in(folder: Path) -> list[Path]:
    """The runs of a folder of runs, in order of their names."""
    return sorted({path.parent for depth in DEPTHS for path in folder.glob(f"{depth}/{NAME}")})


def within(folders: Sequence[Path], place: str) -> list[Path]:
    """The journals in a place of these runs' folders, of those that have one there; "." is the folder itself."""
    return [folder / place for folder in folders if (folder / place / NAME).is_file()]


class OtherRuns:
    """Journals that answers may be taken from. Used with `with`; called with a key and its request.

    `beside` is the id of a second engine, which answers some of the requests.
    """

    def __init__(
        self, folders: Sequence[Path], own: Path, engine: str, say: Callable[[str], None], beside: str = ""
    ) -> None:
        self.engine, self.say = engine, say
        self.engines = tuple(filter(None, (engine, beside)))
        self.journals: dict[str, Journal] = {}
        self.taken: dict[str, int] = {}  # answers by run
        self.unfit: dict[Path, object] = {}  # runs of other engines, with these
        for folder in dict.fromkeys(folders):
            if folder.resolve() != own.resolve():
                self.add(folder)
        if self.unfit:
            (folder, other), count = next(iter(self.unfit.items())), len(self.unfit) - 1
            more = f" nor from {count} more runs of other engines" if count else ""
            say(f"nothing is taken from {folder}{more}: another engine has answered it ({other}).")

    def add(self, folder: Path) -> None:
        """Opens a run that the same engine has answered; of any other, nothing could be taken."""
        try:
            journal = Journal.read(folder)
        except UserError as error:
            self.say(f"nothing is taken from {folder}: {error}")
            return
        try:
            settings = journal.settings()
            fits = settings.get("engine") == self.engine and SETTING not in settings
            if not fits:
                self.unfit[folder] = settings.get("engine")
        except UserError as error:
            self.say(f"nothing is taken from {folder}: {error}")
            fits = False
        if fits:
            self.journals[str(folder)] = journal
        else:
            journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for journal in self.journals.values():
            journal.close()

    def __call__(self, key: str, request: Request) -> tuple[Generation, str] | None:
        """An answer and the run that has it; None where none has. A journal that is damaged is left, and named."""
        for name, journal in list(self.journals.items()):
            try:
                if journal.get(key) is None:
                    continue
                asked, found = journal.call(key)
                check_generation(found)
            except UserError as error:
                self.say(f"no more is taken from {name}: {error}")
                self.journals.pop(name).close()
                continue
            except UNREADABLE:
                continue
            if key in [request_key(engine, asked) for engine in self.engines]:
                self.taken[name] = self.taken.get(name, 0) + 1
                return found, name
        return None
