"""The registry of selections, and what holds of all: k samples of the pool, none twice."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from kshot.registry import Registry
from kshot.spec import files_in, opened
from kshot.types import Question, Sample, UserError

Selection = Callable[..., list[Sample]]
S = TypeVar("S", bound=Selection)
SELECTIONS: Registry[Selection] = Registry("select", takes=4)
BY_QUESTION = "by_question"


def selection(*, by_question: bool) -> Callable[[S], S]:
    """Decorator: registers a way to select under its function's name.

    The function takes (question, pool, k, generator) and keyword-only hyperparameters with defaults, and gives k
    samples of the pool, which has as many at least, in the order in which they are shown. `by_question`: whether they
    hang on the question's text; if not, all questions of a task are given the same, and what stands in front of them is
    shared.
    """

    def register(function: S) -> S:
        vars(function)[BY_QUESTION] = by_question
        SELECTIONS.add(function.__name__)(function)
        return function

    return register


@lru_cache(maxsize=64)
def parsed(spec: str) -> tuple[str, Selection, tuple[tuple[str, Any], ...]]:
    """A registered selection and its hyperparameters."""
    name, function, params = SELECTIONS.parse(spec)
    return name, function, tuple(params.items())


def found(spec: str) -> tuple[str, Selection, tuple[tuple[str, Any], ...]]:
    """A selection by its specification, `knn` or `knn(embed=tfidf)` or a user's `file.py:name`. Raises UserError."""
    spec = opened(spec)
    if not files_in(spec):
        return parsed(spec)
    name, function, params = SELECTIONS.parse(spec)  # the file may be another by now
    return name, function, tuple(params.items())


def looks_at_the_question(spec: str) -> bool:
    """Whether a selection gives each question its own exemplars; of a user's own that does not say, it is assumed."""
    _, function, params = found(spec)
    among = dict(params).get("among")
    return bool(vars(function).get(BY_QUESTION, True)) or bool(among and looks_at_the_question(among))


def selected(spec: str, question: Question, pool: Sequence[Sample], k: int, generator: random.Random) -> list[Sample]:
    """k samples of the pool by a selection. Raises UserError, where a user's own gives anything else too."""
    name, function, params = found(spec)
    chosen = function(question, pool, k, generator, **dict(params))
    if files_in(name):
        check_selected(name, chosen, pool, k)
    return chosen


def check_selected(name: str, chosen: object, pool: Sequence[Sample], k: int) -> None:
    """Raises UserError where what a user's own selection gave is not k samples of the pool, each once."""
    given = list(chosen) if isinstance(chosen, list | tuple) else None
    own = {id(sample) for sample in pool}
    if given is None or not all(isinstance(one, Sample) and id(one) in own for one in given):
        raise UserError(f"{name} gave {chosen!r:.80} in place of a list of samples of its pool; mend the file.")
    if len(given) != k or len({id(one) for one in given}) != k:
        raise UserError(f"{name} gave {len(given)} samples, {k} different ones were asked for; mend the file.")
