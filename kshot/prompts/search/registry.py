"""The registry of searches: programs that find prompts, batched, journaled and resumed like a strategy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kshot.prompts.search.searchable import Found
from kshot.registry import Registry
from kshot.types import Program

Search = Callable[..., Program[Found]]
S = TypeVar("S", bound=Search)
NOTE = """values
      label_words: allowed, or filtered: no prompt that names a label is tried (as AutoPrompt has it)
      level: word or phrase (what stands between commas and stops)"""
SEARCHES: Registry[Search] = Registry("search", takes=2, note=NOTE)


def search(function: S) -> S:
    """Decorator: registers a search under its function's name, underscores as dashes.

    The function takes a Searchable and a Trials (the ledger of what it may spend), and keyword-only hyperparameters
    with defaults, `seed` among them, and is a program that gives a Found.
    """
    SEARCHES.add(function.__name__.replace("_", "-"))(function)
    return function
