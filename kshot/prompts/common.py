"""What can be said of every strategy: in which template, with which words, system message, stops and sampling.

Of what shows exemplars it can be said as well what becomes of them: all such strategies take it from here.

They are hyperparameters like a strategy's own, behind them in its name. A strategy's function knows none of them: its
question is changed before it begins, and its requests on their way out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache, wraps
from typing import Any

from kshot.program import rewrite
from kshot.prompts.ablations import GOLD, RENAMED, SHOWN, check_showing, words_for
from kshot.prompts.formats import formatted
from kshot.prompts.held_out import without_validation
from kshot.prompts.wording import answer_for, reworded, stops_of, template_of
from kshot.registry import hyperparameters
from kshot.spec import split_spec, values_in
from kshot.types import Message, Prediction, Program, Question, Request, Sample, SamplingParams, Strategy, UserError

OWN = "own"  # no template: turns of a conversation, or Q: and A:
WITHOUT_EXEMPLARS = ("zero-shot", "zero-shot-cot", "instruction", "plan-and-solve")
BEST = "best"  # the template that does best on exemplars held out for it
WORDS: dict[str, Any] = {"template": "", "label_words": (), "format_seed": -1, "system": ""}
WRITES: dict[str, Any] = {"stop": ()}  # of what generates
SAMPLES: dict[str, Any] = {"top_k": 0, "min_p": 0.0}  # of what can be sampled
SEED = "exemplar_seed"

COMMON = """each takes as well  (template=, label_words=(), format_seed=-1, system=)
      template: own (turns, or Q: and A:), 0, 1 ... of the task's, best (of these, on held-out exemplars), FILE.jinja
      label_words: what is written for each label, bad+good; format_seed: 0, 1 ... its other separators and case
      system: a message; what writes: stop=(); what is drawn: top_k=0, min_p=0.0
      what shows exemplars: ablate=gold, share=1.0, permutation=0, foreign=word-problems, picks=()
  values
      select: first, random, balanced, labelled(places=0011) (which label where), bm25 (nearest by words), knn (by
        vectors), mmr (and unlike one another), votek (standing for many), spread (far apart), file.py:name; of vectors:
        knn(embed=minilm), tfidf, self (the model's own), a folder or a hub id; knn(among=votek,size=18), mmr(lam=0.5),
        votek(neighbours=150), spread(farthest=yes)
      picks (in place of k, select and order): places in the task's pool, 0 the first, as they are to stand: 3+17+40
      order: drawn, reversed, shuffled, perm (with permutation=0 ... k!-1), globale or locale (of the highest entropy)
      ablate (what is done to exemplars, a share of them): gold, wrong, random, flipped, symbols, words, no-labels,
        labels-only, foreign (with foreign=TASK, whose inputs they get); noise=X is ablate=wrong,share=X
      wording: 0, 1 ... of the task's instructions, -1 none; max_new_tokens=-1: as many as the task's replies take
      normalise: none, length (tokens), characters or bytes; score (of choices): letter, text or rest
      calibrate (takes off the labels' prior): none, contextual, domain, batch or pmi (what premise= says is likely)
      steps (of a chain): lines or sentences; generate (thoughts): sample or propose; evaluate: vote or value"""

Function = Callable[..., Program[Prediction]]


def common_of(own: Mapping[str, Any]) -> dict[str, Any]:
    """The common hyperparameters of a function with such ones of its own, which come first where both have a name."""
    named = {**WORDS, **(WRITES if {"max_new_tokens", "temperature"} & set(own) else {})}
    named |= SAMPLES if "temperature" in own else {}
    named |= SHOWN if {"k", "select", "order", SEED} <= set(own) else {}
    return {name: default for name, default in named.items() if name not in own}


@lru_cache(maxsize=256)  # a strategy is the same function each time it is named
def with_common(function: Function) -> Function:
    """The function with the common hyperparameters added. Raises TypeError for a signature that no strategy has."""
    added = common_of(hyperparameters(function))
    signature = inspect.signature(function)
    more = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=given) for name, given in added.items()]

    @wraps(function)
    def strategy(question: Question, **params: Any) -> Program[Prediction]:
        question = in_its_form(function, question)
        given = {name: params.pop(name, default) for name, default in added.items()}
        if given == added and not question.form:
            return function(question, **params)
        return said(function, question, params, {**given, SEED: params.get(SEED, 0)})

    vars(strategy)["common"] = added
    vars(strategy)["__signature__"] = signature.replace(parameters=[*signature.parameters.values(), *more])
    return strategy


def said(
    function: Function, question: Question, params: Mapping[str, Any], given: Mapping[str, Any]
) -> Program[Prediction]:
    """The function's program on the question in other words."""
    if given.get("system") and not given["system"].strip():
        raise UserError(
            f"system is {given['system']!r}, which says nothing; give the message's words, or leave it out."
        )
    drawn = {name: given[name] for name in SAMPLES if given.get(name)}
    SamplingParams(**drawn)  # told before anything is asked
    if drawn and not params.get("temperature"):
        name = next(iter(drawn))
        raise UserError(f"{name} is {drawn[name]} and nothing is drawn at temperature 0; give a temperature above 0.")
    question = in_words(question, given)
    own = own_stops(function, question, params)
    return (yield from rewrite(function(question, **params), changer(given, own)))


def in_its_form(function: Callable[..., object], question: Question) -> Question:
    """The question with its task's form for what scores labels, and without for what writes, unless the task has it so.

    A template of published work names no labels, so that a model that has to write one does not know which there are:
    docs/templates.md has what this was decided on.
    """
    kept = not question.form or question.in_writing or vars(function).get("scores")
    return question if kept else replace(question, form="")


def in_words(question: Question, given: Mapping[str, Any]) -> Question:
    """The question with the template, format and label words that are given. Raises UserError."""
    name, words, seed = given.get("template", ""), given.get("label_words", ()), given.get("format_seed", -1)
    name = name or question.form
    if name == BEST:
        if BEST not in question.prepared:
            raise UserError("template=best is chosen before a run's first question; run it with kshot bench.")
        name = question.prepared[BEST]
        question = without_validation(question)
    if name == OWN:
        question = replace(question, template=None, form="")
    elif name:
        question = replace(question, template=template_of(question, name), form="")
    if seed != -1:
        if question.template is None:
            raise UserError(f"format_seed is {seed} and there is no template to format; add template=0, say.")
        question = replace(question, template=formatted(question.template, seed))
    if given.get("ablate", GOLD) in RENAMED:
        if words:
            raise UserError(
                f"ablate={given['ablate']} and label_words both put words for the labels; give one of them."
            )
        words = words_for(given["ablate"], question.labels, given.get(SEED, 0))
        question = reworded(question, words, f"the words of ablate={given['ablate']}")
    elif words:
        question = reworded(question, words, "label_words")
    elif name and question.template and question.template.words:
        question = reworded(question, question.template.words, "the template's words")
    return in_its_showing(question, given)


def in_its_showing(question: Question, given: Mapping[str, Any]) -> Question:
    """The question with what is to become of exemplars, where anything is. Raises UserError for what cannot be."""
    showing = {name: given[name] for name in SHOWN if name in given}
    if not showing or showing == SHOWN:
        return question
    check_showing(showing)
    return replace(question, showing=showing)


def given_of(function: Callable[..., object], params: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a strategy in common, and the seed by which its exemplars are drawn."""
    common = vars(function).get("common", {})
    return {**{name: value for name, value in params.items() if name in common}, SEED: params.get(SEED, 0)}


def template_files(specs: Iterable[str]) -> list[str]:
    """The templates that strategies' specifications name and that are no task's own: a user's files, once each."""
    named = (name for spec in specs for name in values_in(spec, "template"))
    return list(
        dict.fromkeys(name for name in named if name and name not in (OWN, BEST) and not name.strip().isdecimal())
    )


def answer_behind(strategy: Strategy, question: Question, sample: Sample) -> str:
    """A sample's answer as it stands behind the strategy's prompt: what a model is to write, were it right."""
    question = in_its_form(strategy.function, question)
    return answer_for(in_words(question, given_of(strategy.function, strategy.params)), sample)


def own_stops(function: Function, question: Question, params: Mapping[str, Any]) -> tuple[str, ...]:
    """Where a reply in the question's template ends.

    A template without a name at its beginning ends at what stands between samples, and only where exemplars show that:
    a model that has seen none begins its reply with an empty line as it likes.
    """
    if question.template is None:
        return ()
    stops = stops_of(question.template)
    if question.template.stop is not None:
        return stops
    name = split_spec(params["base"])[0] if "base" in params else function.__name__.replace("_", "-")
    return () if stops == (question.template.between,) and name in WITHOUT_EXEMPLARS else stops


def changer(given: Mapping[str, Any], own: tuple[str, ...]) -> Callable[[Request], Request]:
    """What becomes of a request on its way out; `own` are the template's stops."""
    system, stop = given.get("system", ""), tuple(given.get("stop", ()))
    top_k, min_p = given.get("top_k", 0), given.get("min_p", 0.0)

    def change(request: Request) -> Request:
        prompt, params = request.prompt, request.params
        if system and isinstance(prompt, str):
            prompt = f"{system}\n\n{prompt}"
        elif system:
            prompt = (Message("system", system), *prompt)
        if request.continuation is None:
            ends = own if isinstance(prompt, str) else ()
            params = replace(params, stop=tuple(dict.fromkeys((*params.stop, *ends, *stop))))
            if params.temperature:
                params = replace(params, top_k=top_k or params.top_k, min_p=min_p or params.min_p)
        return replace(request, prompt=prompt, params=params)

    return change
