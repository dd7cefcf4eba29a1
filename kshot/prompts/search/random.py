"""Edits without feedback: what trying many prompts gains by itself."""

from __future__ import annotations

import random as generators

from kshot.prompts.exemplars import check_name
from kshot.prompts.search.beginning import first_wording, is_filtered
from kshot.prompts.search.chunks import LEVELS, edited
from kshot.prompts.search.registry import search
from kshot.prompts.search.searchable import Found, Searchable
from kshot.prompts.search.trials import Trials
from kshot.types import Program, UserError

ATTEMPTS = 20  # draws in a row that give nothing new before the edits are taken to be exhausted


@search
def random(
    task: Searchable,
    trials: Trials,
    *,
    depth: int = 4,
    level: str = "word",
    label_words: str = "allowed",
    seed: int = 0,
) -> Program[Found]:
    """Random edits of the task's first wording, the best on the validation samples; no source, a control.

    As many candidates as the budget pays for on all validation samples, the wording among them, each after 1 to `depth`
    of the edits of `edits`, all drawn before anything is scored. What `edits` finds beyond it, its feedback has found.
    Raises UserError for a depth below 1.
    """
    if depth < 1:
        raise UserError(f"depth is {depth}; it must be 1 edit or more.")
    check_name("level", level, LEVELS)
    filtered = is_filtered(label_words)
    generator = generators.Random(f"random {seed}")
    start = first_wording(task, filtered=filtered)
    first = trials.add(task.worded(start), start, "human", checked=False)
    numbers = [] if first is None else [first]
    failed = 0
    while len(numbers) < trials.left // len(task.validation) and failed < ATTEMPTS:
        text, deleted = start, tuple[str, ...]()
        for _ in range(generator.randint(1, depth)):
            step = edited(text, level, deleted, generator)
            text, deleted = step.text, step.deleted
        number = trials.add_edit(text, "random", first, filtered=filtered)
        failed = failed + 1 if number is None else 0
        if number is not None:
            numbers.append(number)
    yield from trials.score(numbers)
    return (yield from trials.concluded())
