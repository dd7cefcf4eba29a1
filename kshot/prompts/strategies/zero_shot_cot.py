"""Let's think step by step."""

from __future__ import annotations

from dataclasses import replace

from kshot.prompts.strategies.registry import ask, strategy
from kshot.prompts.templates import conversation
from kshot.types import Prediction, Program, Question

LEAD = "Let's think step by step."


@strategy
def zero_shot_cot(
    question: Question,
    *,
    lead: str = LEAD,
    temperature: float = 0.0,
    top_p: float = 1.0,
    max_new_tokens: int = 256,
    answer_tokens: int = 32,
) -> Program[Prediction]:
    """Two stages: a chain that begins "Let's think step by step.", then the answer it leads to (Kojima et al. 2022, arXiv 2205.11916, section 3).

    The second prompt is the first, its chain and the task's answer trigger, word for word, so that what
    was encoded for the first stage serves the second. A chain cut off at its length still gets its trigger,
    as in the paper.
    """
    chain = yield from ask(
        conversation(question, lead=lead), temperature=temperature, top_p=top_p, max_new_tokens=max_new_tokens
    )
    trigger = question.format.trigger
    second = conversation(question, lead=f"{lead}{chain.text}\n{trigger}")
    final = yield from ask(second, temperature=temperature, top_p=top_p, max_new_tokens=answer_tokens)
    # read as the sentence that it completes: "Therefore, the answer (arabic numerals) is 8."
    prediction = question.format.read(replace(final, text=trigger + final.text), question.choices)
    span = prediction.detail.get("span")
    if span:  # of the completion alone, which is what the journal holds
        shift = len(trigger)
        span = [span[0] - shift, span[1] - shift] if span[0] >= shift else None
    return Prediction(prediction.answer, prediction.status, {**prediction.detail, "span": span})
