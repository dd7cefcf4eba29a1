"""The planted tasks by name, and searches to try the machinery with."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from kshot.eval.tasks import TASKS
from kshot.prompts.search import SEARCHES, Found, Searchable
from kshot.prompts.search.trials import Trials
from kshot.types import Program
from tests.harness.runs.search import planted


def asks(task: Searchable, trials: Trials, *, n: int = 8, rounds: int = 2, seed: int = 0) -> Program[Found]:
    """A model is asked for texts, and again once they have been tried."""
    for at in range(rounds):
        texts = yield from trials.write([f"Say it ({at})."] * n, seed=seed)
        numbers = [trials.add_text(text, "asked") for text in texts]
        yield from trials.halving([number for number in numbers if number is not None])
    return (yield from trials.concluded())


def shows(task: Searchable, trials: Trials, *, k: int = 2, n: int = 4, seed: int = 0) -> Program[Found]:
    """Exemplars drawn at random."""
    draw = random.Random(seed)
    chosen = [draw.sample(range(len(task.train)), k) for _ in range(n)]
    numbers = [trials.add(task.showing(some, ""), "+".join(map(str, some)), "drawn", checked=False) for some in chosen]
    yield from trials.halving([number for number in numbers if number is not None])
    return (yield from trials.concluded())


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(TASKS.entries, "planted", planted.planted)
    monkeypatch.setitem(TASKS.entries, "written", planted.written)
    monkeypatch.setitem(SEARCHES.entries, "asks", asks)
    monkeypatch.setitem(SEARCHES.entries, "shows", shows)
    planted.READ.clear()
    yield


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn is another test's matter, and takes longest."""
    monkeypatch.setattr("kshot.eval.report.style.png", lambda figure: b"")
    monkeypatch.setattr("kshot.eval.report.style.pdf", lambda figure: b"")
    monkeypatch.setattr("kshot.eval.report.style.svg", lambda figure: "<svg/>")
