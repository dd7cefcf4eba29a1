"""A task as a search sees it: samples with their targets, how a candidate is written, what one is worth.

Meets: nothing that is reachable from it leads to a test sample: the task within it cannot load any. Concedes: a public
set's train split may hold what its test split asks; who reads the test afterwards counts that (`bench.shared`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from kshot.harness.runs.pools import pool_hash
from kshot.harness.runs.search.split import TRAIN, VALIDATION, SplitPool, parts_of
from kshot.harness.runs.search.trying import ACCURACY, LIKELIHOOD, tried
from kshot.program import Done, advance
from kshot.prompts.common import OWN
from kshot.prompts.search import Searchable
from kshot.prompts.strategies import get_strategy
from kshot.spec import write_spec
from kshot.types import Sample, Source, Split, Task, UserError

CHOICE, SHOTS, SAID, BARE = "choice-logprob", "few-shot", "instruction", "zero-shot"


def searchable(
    task: Task, source: Source, *, objective: str = "", train: int = TRAIN, validation: int = VALIDATION
) -> Searchable:
    """What a search may see of a task; `objective` "" is likelihood where labels or choices are scored, else accuracy.

    Raises UserError where the task has too few train samples, or is scored by what no search can use.
    """
    parts = parts_of(task, source, train=train, validation=validation)
    blind = replace(task, load=no_more, undivided=None)
    labelled = scores_labels(task, parts)
    objective = objective or (LIKELIHOOD if labelled else ACCURACY)
    humans = askable(blind, parts, human_specs(task, labelled))
    if not humans:
        raise UserError(f"the task {task.name} has no wording or template that can be asked, to begin a search from.")
    question = replace(task.question(parts.validation[0], parts.train), text="", choices=(), fields=(), shots=None)
    return Searchable(
        task=task.name,
        question=replace(question, continuation="", score=None),
        train=parts.train,
        validation=parts.validation,
        objective=objective,
        worded=partial(worded, labelled),
        showing=partial(showing, labelled, parts.places),
        humans=humans,
        score=partial(tried, blind, parts.pool, objective),
        drawn_from=pool_hash(parts.pool),
    )


def no_more(split: Split, source: Source) -> list[Sample]:
    """The loader of a task that a search has: it gives nothing. Raises UserError."""
    raise UserError("a search has its samples and is given no others.")


def scores_labels(task: Task, parts: SplitPool) -> bool:
    """Whether answers are scored rather than written."""
    return bool(task.labels) or all(sample.choices for sample in parts.validation)


def worded(labelled: bool, text: str) -> str:
    """The specification that says an instruction; of none, one that says none."""
    if not text.strip():
        return CHOICE if labelled else BARE
    return get_strategy(write_spec(CHOICE if labelled else SAID, {"text": text})).name


def showing(labelled: bool, places: Sequence[int], chosen: Sequence[int], text: str = "") -> str:
    """The specification that shows these train samples in this order, after an instruction where there is one."""
    if not chosen:
        return worded(labelled, text)
    params: dict[str, object] = {"picks": "+".join(str(places[one]) for one in chosen)}
    if text.strip():
        params["text"] = text
    return get_strategy(write_spec(CHOICE if labelled else SHOTS, params)).name


def human_specs(task: Task, labelled: bool) -> Iterator[str]:
    """What people wrote: the task's wordings, and none of them, each in its templates and in turns."""
    default = task.form if labelled or task.in_writing else ""
    templates = ["", *(str(at) for at in range(len(task.templates)) if str(at) != default), *([OWN] if default else [])]
    for wording in (*range(len(task.instructions)), -1):
        for template in templates:
            params: dict[str, object] = {}
            if wording >= 0:
                params["wording"] = wording
            if template:
                params["template"] = template
            name = CHOICE if labelled else SAID if wording >= 0 else BARE
            yield get_strategy(write_spec(name, params)).name


def askable(task: Task, parts: SplitPool, specs: Iterator[str]) -> tuple[str, ...]:
    """Those that can be asked, none twice: of some task a template has no place for labels."""
    sample = parts.validation[0]
    return tuple(spec for spec in dict.fromkeys(specs) if begins(spec, task, parts, sample))


def begins(spec: str, task: Task, parts: SplitPool, sample: Sample) -> bool:
    """Whether a specification asks something of a sample."""
    try:
        program = get_strategy(spec)(task.question(sample, parts.pool))
        step = advance(program)
        program.close()
    except UserError:
        return False
    return not isinstance(step, Done)
