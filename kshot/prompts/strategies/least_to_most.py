"""Break a question down, then solve the parts in order."""

from __future__ import annotations

import re
from dataclasses import replace

from kshot.prompts.exemplars import plain_words
from kshot.prompts.phrases import phrases
from kshot.prompts.strategies.registry import ask, strategy
from kshot.prompts.templates import lettered
from kshot.types import Decomposition, Generation, Message, Prediction, Program, Question, UserError

NUMBERED = r"\d{1,3}[.):\u3001\uff0e\uff09\uff1a]|\uff08\d{1,3}\uff09|[\u2460-\u2473]|[一二三四五六七八九十]{1,3}\u3001"
STEP = re.compile(rf"^[ \t]*(?:{NUMBERED}|[-*\u2022])[ \t]*(\S[^\n]*)$", re.MULTILINE)
PLAN_LIMIT, STEP_LIMIT = 4_000, 500  # characters read of a plan, and kept of a step


@strategy
def least_to_most(
    question: Question,
    *,
    max_steps: int = 8,
    temperature: float = 0.0,
    top_p: float = 1.0,
    plan_tokens: int = 128,
    max_new_tokens: int = 128,
) -> Program[Prediction]:
    """Decompose, then solve the subquestions in order, each seeing the earlier answers (Zhou et al. 2022).

    arXiv 2205.10625, section 2. The task's decompositions are the exemplars of both stages. At most
    `max_steps` subquestions are asked before the question itself, and a plan that cannot be read leaves
    the question alone; `detail` has the steps. The prompt of each step begins with that of the step before.
    Raises UserError for a task without decompositions.
    """
    if max_steps < 1:
        raise UserError(f"max_steps is {max_steps}; least-to-most needs at least 1.")
    if max_new_tokens < 1:  # told before the first plan is asked for
        raise UserError(f"max_new_tokens is {max_new_tokens}; it must be at least 1.")
    if not question.decompositions:
        raise UserError("least-to-most needs decomposition exemplars and this task has none; use another strategy.")
    if question.template is not None:
        raise UserError("least-to-most has a form of its own, of two stages, and takes no template; leave it out.")
    asked = lettered(question.text, question.choices, question.language)
    plan = yield from ask(
        decomposition_prompt(question.decompositions, asked, phrases(question.language).break_down),
        temperature=temperature,
        top_p=top_p,
        max_new_tokens=plan_tokens,
    )
    whole = {plain_words(asked), plain_words(question.text)}
    steps = [step for step in parse_steps(plan) if plain_words(step) not in whole][:max_steps]
    turns = solution_prompt(question.decompositions)
    for text in as_asked(asked, steps):
        turns = (*turns, Message("user", text))
        reply = yield from ask(turns, temperature=temperature, top_p=top_p, max_new_tokens=max_new_tokens)
        turns = (*turns, Message("assistant", reply.text.strip()))
    prediction = question.format.read(reply, question.choices)
    return replace(prediction, detail={**prediction.detail, "steps": steps})


def decomposition_prompt(decompositions: tuple[Decomposition, ...], asked: str, wish: str) -> tuple[Message, ...]:
    """The first stage: exemplars of a question taken apart, then the question.

    A plan lists what comes before the question itself, or, where nothing does, the question.
    """
    turns: list[Message] = []
    for exemplar in decompositions:
        before = [step for step, _ in exemplar.steps[:-1]] or [exemplar.question]
        turns.append(Message("user", wish + exemplar.question))
        turns.append(Message("assistant", "\n".join(f"{number}. {step}" for number, step in enumerate(before, 1))))
    return (*turns, Message("user", wish + asked))


def solution_prompt(decompositions: tuple[Decomposition, ...]) -> tuple[Message, ...]:
    """The second stage's exemplars: each subquestion answered in turn."""
    turns: list[Message] = []
    for exemplar in decompositions:
        texts = as_asked(exemplar.question, [step for step, _ in exemplar.steps[:-1]])
        for text, (_, answer) in zip(texts, exemplar.steps, strict=True):
            turns += [Message("user", text), Message("assistant", answer)]
    return tuple(turns)


def as_asked(question: str, steps: list[str]) -> list[str]:
    """The turns of the second stage: the question tells its story before the first step, and comes last by itself."""
    if not steps:
        return [question]
    return [f"{question}\n\n{steps[0]}", *steps[1:], question]


def parse_steps(plan: Generation) -> list[str]:
    """The numbered or bulleted lines of a plan, without repetitions; of a plan cut off, not its last line."""
    text = plan.text[:PLAN_LIMIT]
    if plan.finish_reason == "length":
        text = text[: text.rfind("\n") + 1]
    steps: dict[str, str] = {}
    for found in STEP.finditer(text):
        step = found[1].strip()[:STEP_LIMIT]
        steps.setdefault(plain_words(step), step)
    return list(steps.values())
