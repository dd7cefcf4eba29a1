"""What people wrote: the control that every search has to beat."""

from __future__ import annotations

from kshot.prompts.search.registry import search
from kshot.prompts.search.searchable import Found, Searchable
from kshot.prompts.search.trials import Trials
from kshot.types import Program


@search
def best_human(task: Searchable, trials: Trials, *, seed: int = 0) -> Program[Found]:
    """The best of the task's own wordings and templates on the validation samples; no source, a control.

    All are tried on all of them where the budget pays for that, by halving otherwise. Nothing is drawn: `seed` is of no
    account. It is the baseline of a person who may look at labelled samples, and so gains by selection as searches do.
    """
    numbers = [trials.add(spec, spec, "human", checked=False) for spec in task.humans]
    tried = [number for number in numbers if number is not None]
    if len(tried) * len(task.validation) <= trials.left:
        yield from trials.score(tried)
    else:
        yield from trials.halving(tried)
    return (yield from trials.concluded())
