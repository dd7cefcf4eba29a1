"""Break a question down, then solve the parts in order."""

from __future__ import annotations

import re

from kshot.prompts.strategies.registry import ask, strategy
from kshot.prompts.templates import lettered
from kshot.types import Decomposition, Message, Prediction, Program, Question, UserError

STEP = re.compile(r"^\s*(?:\d{1,3}[.):]|[-*\u2022])\s*(\S[^\n]*)$", re.MULTILINE)


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
    """Decompose, then solve the subquestions in order, each seeing the earlier answers (Zhou et al. 2022, arXiv 2205.10625, section 2).

    The task's decompositions are the exemplars of both stages. A plan that cannot be read leaves the
    question itself as the only step. The prompt of each step begins with that of the step before.
    """
    if not question.decompositions:
        raise UserError("least-to-most needs decomposition exemplars and this task has none; use another strategy.")
    asked = lettered(question.text, question.choices)
    how = {"temperature": temperature, "top_p": top_p}
    plan = yield from ask(decomposition_prompt(question.decompositions, asked), **how, max_new_tokens=plan_tokens)
    steps = [step for step in parse_steps(plan.text)[:max_steps] if step != asked]
    turns = list(solution_prompt(question.decompositions))
    for number, step in enumerate([*steps, asked]):
        turns.append(Message("user", f"{asked}\n\n{step}" if number == 0 and step != asked else step))
        reply = yield from ask(tuple(turns), **how, max_new_tokens=max_new_tokens)
        turns.append(Message("assistant", reply.text.strip()))
    prediction = question.format.read(reply, question.choices)
    return Prediction(prediction.answer, prediction.status, {**prediction.detail, "steps": steps})


def decomposition_prompt(decompositions: tuple[Decomposition, ...], asked: str) -> tuple[Message, ...]:
    """The first stage: exemplars of a question taken apart, then the question."""
    turns: list[Message] = []
    for exemplar in decompositions:
        listed = "\n".join(f"{number}. {step}" for number, (step, _) in enumerate(exemplar.steps[:-1], 1))
        turns.append(Message("user", f"Break this down into simpler questions: {exemplar.question}"))
        turns.append(Message("assistant", listed or "1. " + exemplar.question))
    turns.append(Message("user", f"Break this down into simpler questions: {asked}"))
    return tuple(turns)


def solution_prompt(decompositions: tuple[Decomposition, ...]) -> tuple[Message, ...]:
    """The second stage's exemplars: each subquestion answered in turn."""
    turns: list[Message] = []
    for exemplar in decompositions:
        for number, (step, answer) in enumerate(exemplar.steps):
            first = number == 0 and step != exemplar.question
            turns.append(Message("user", f"{exemplar.question}\n\n{step}" if first else step))
            turns.append(Message("assistant", answer))
    return tuple(turns)


def parse_steps(text: str) -> list[str]:
    """The numbered or bulleted lines of a plan, without repetitions; only its first 4,000 characters are read."""
    steps: list[str] = []
    for found in STEP.finditer(text[:4000]):
        step = found[1].strip()[:500]
        if step not in steps:
            steps.append(step)
    return steps
