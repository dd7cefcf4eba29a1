"""Edits of what people wrote, one after another."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence

from kshot.prompts.exemplars import check_name
from kshot.prompts.search.beginning import check_counts, first_wording, is_filtered
from kshot.prompts.search.chunks import LEVELS, edited
from kshot.prompts.search.random import ATTEMPTS
from kshot.prompts.search.registry import search
from kshot.prompts.search.searchable import Found, Searchable, Trial
from kshot.prompts.search.trials import Trials
from kshot.types import Program, UserError


@search
def edits(
    task: Searchable,
    trials: Trials,
    *,
    candidates: int = 5,
    patience: int = 2,
    balance: float = 0.0,
    level: str = "word",
    label_words: str = "allowed",
    seed: int = 0,
) -> Program[Found]:
    """The first wording edited by words or phrases, as long as that helps: GrIPS (Prasad et al. 2022).

    arXiv 2203.07281. A step makes `candidates` edits of the best so far (a chunk is deleted, swapped with
    another, said twice, or one that was deleted is added again) and goes on with the best of them where it is better;
    after `patience` steps without that it ends, and what it did not spend is left. A step's candidates are tried on all
    validation samples, the same for all. `balance` times the entropy, in nats, of the labels that a candidate answers
    is added to its value where steps are chosen: the paper's code adds 10 times it to an accuracy in points (0.1 to a
    share) and the paper does not say so; here it is 0. Needs no model that can write. Concedes: no paraphrases; chunks
    are no constituents. Raises UserError for counts below 1, and a `balance` below 0.
    """
    check_counts(candidates=candidates, patience=patience)
    if balance < 0:
        raise UserError(f"balance is {balance}; it must not be below 0.")
    check_name("level", level, LEVELS)
    filtered = is_filtered(label_words)
    generator = random.Random(f"edits {seed}")

    def reward(number: int) -> float:
        return trials.mean(number) + (balance * spread(trials.candidates[number].trials) if balance else 0.0)

    start = first_wording(task, filtered=filtered)
    best = trials.add(task.worded(start), start, "human", checked=False)
    assert best is not None
    yield from trials.score([best])
    deleted: dict[int, tuple[str, ...]] = {best: ()}
    waited, notes = 0, list[str]()
    while waited < patience and trials.left >= len(task.validation):
        made: list[int] = []
        failed = 0
        while len(made) < min(candidates, trials.left // len(task.validation)) and failed < ATTEMPTS:
            step = edited(trials.candidates[best].text, level, deleted[best], generator)
            number = trials.add_edit(step.text, step.how, best, filtered=filtered)
            failed = failed + 1 if number is None else 0
            if number is not None:
                made.append(number)
                deleted[number] = step.deleted
        if not made:
            notes.append("it ended early: no edit of the best gave a text that was not tried.")
            break
        yield from trials.score(made)
        leading = max(made, key=reward)
        if reward(leading) > reward(best):
            best, waited = leading, 0
        else:
            waited += 1
    if waited >= patience:
        notes.append(f"it ended early: {patience} steps in a row have found nothing better.")
    return trials.found(notes, best=best)


def spread(trials: Sequence[Trial]) -> float:
    """The entropy, in nats, of the labels that are answered, the likeliest of each trial; 0 where none were scored."""
    answers = Counter(max(one.probabilities, key=one.probabilities.__getitem__) for one in trials if one.probabilities)
    total = sum(answers.values())
    return -sum(count / total * math.log(count / total) for count in answers.values())
