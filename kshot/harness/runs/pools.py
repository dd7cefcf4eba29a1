"""The exemplars that a run shows: a hash of each task's is kept, so that others cannot take their place unnoticed."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress

from kshot.harness.journal import Journal
from kshot.harness.rows import sample_text
from kshot.harness.runs.plan import Loaded, shows_exemplars
from kshot.types import Sample, UserError

NOTE = "pools"


def check_pools(journal: Journal, loaded: Loaded) -> None:
    """Keeps what each task's exemplars are, where a strategy shows any; of a journal that is read, only compares.

    Raises UserError where a run's were others.
    """
    shown = {
        task.name
        for task, strategy in loaded.pairs()
        if shows_exemplars(strategy, loaded.question(task, strategy, loaded.samples[task.name][0]))
    }
    now = {task: pool_hash(loaded.pools[task]) for task in sorted(shown)}
    before = kept_pools(journal) if journal.answered() else {}
    for task, found in now.items():
        if before.get(task, found) != found:
            raise UserError(
                f"the exemplars of {task} are not what the run in {journal.folder} was made with (the train data has "
                "changed): use another --run name, or put back what they were."
            )
    if now and journal.writes:
        journal.note(NOTE, json.dumps({**before, **now}))


def kept_pools(journal: Journal) -> dict[str, str]:
    """The hash of each task's exemplars, as kept; nothing of an earlier run, or where it is damaged."""
    with suppress(ValueError, RecursionError, AttributeError):
        return {str(task): str(found) for task, found in json.loads(journal.noted(NOTE) or "{}").items()}
    return {}


def pool_hash(pool: tuple[Sample, ...]) -> str:
    """A hash of exemplars in their order."""
    digest = hashlib.blake2b(digest_size=16)
    for sample in pool:
        digest.update(sample_text(sample).encode())
    return digest.hexdigest()
