"""What a strategy finds out about a task before its first question: asked once, and then in every `Question.prepared`.

A function may have an attribute `prepare`, called with its own hyperparameters: it gives a program of a question, whose
text is of no account, or None where there is nothing to find. The common hyperparameters bring template=best: the
template that does best on exemplars held out for it. It is the baseline that trained adapters and searched prompts have
to beat: the best that a person's wording does, where the person may look at labelled samples and not at the test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kshot.program import gather
from kshot.prompts.common import BEST, OWN, SEED, given_of, in_its_form, in_words
from kshot.prompts.exemplars import BY_ENTROPY
from kshot.prompts.held_out import Pool, divided
from kshot.prompts.instructions import instruction_of
from kshot.types import Prediction, Program, Question, Sample, UserError

Found = Mapping[str, Any]
Preparation = Callable[[Question], Program[Found]]


def preparation_of(function: Callable[..., Program[Prediction]], params: Mapping[str, Any]) -> Preparation | None:
    """The preparation of a strategy with these hyperparameters; None where it has nothing to find out."""
    given = given_of(function, params)
    own = {name: value for name, value in params.items() if name not in vars(function).get("common", {})}
    asks: Preparation | None = vars(function)["prepare"](**own) if "prepare" in vars(function) else None
    inner = ordered_first(own, asks)
    if given.get("template") != BEST:
        return None if inner is None else lambda question: inner(in_words(in_its_form(function, question), given))

    def prepare(question: Question) -> Program[Found]:
        if not question.templates:
            raise UserError("template=best needs a task with templates and this one has none; leave it out.")
        held, rest = divided(Pool(question.exemplars))
        whole = question.whole or question.exemplars  # in which picks are counted
        question = replace(question, exemplars=rest, whole=whole, shots=None)  # which may be among those held out
        kshots = [OWN] if given["format_seed"] == -1 else []  # kshot's own form has no format to vary
        names = [*kshots, *map(str, range(len(question.templates)))]
        tried = yield from gather(on(held, name, question) for name in names)
        best = max(range(len(names)), key=lambda at: tried[at][0])  # the first of equals
        points = {name: {"right": right, "n": len(held)} for name, (right, _) in zip(names, tried, strict=True)}
        return {BEST: names[best], "validation": points, **tried[best][1]}

    def on(held: tuple[Sample, ...], name: str, question: Question) -> Program[tuple[float, Found]]:
        """The points that a template makes on samples, and what the strategy had to find out for it."""
        found = (yield from inner(in_words(question, {**given, "template": name}))) if inner else {}
        asked = [
            replace(question, text=one.question, choices=one.choices, fields=one.fields, prepared=found) for one in held
        ]
        predictions = yield from gather(function(each, **{**params, "template": name}) for each in asked)
        score = question.score
        assert score is not None
        answers = [prediction.answer for prediction in predictions]
        return sum(score(answer, sample).value for answer, sample in zip(answers, held, strict=True)), found

    return prepare


def ordered_first(own: Mapping[str, Any], asks: Preparation | None) -> Preparation | None:
    """A preparation that begins with the order of the exemplars, where that is to be found; otherwise as it is."""
    order, k = own.get("order"), own.get("k", 0)
    if order not in BY_ENTROPY or k < 2 or not {"select", SEED} <= set(own):
        return asks

    def program(question: Question) -> Program[Found]:
        from kshot.prompts.orders import best_order

        instruction = instruction_of(question.instructions, own.get("wording", -1), own.get("text", ""))
        found = yield from best_order(
            question, order, k=k, select=own["select"], seed=own[SEED], instruction=instruction
        )
        more = (yield from asks(replace(question, prepared=found))) if asks else {}
        return {**found, **more}

    return program
