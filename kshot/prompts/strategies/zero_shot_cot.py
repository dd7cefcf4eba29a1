"""Let's think step by step."""

from __future__ import annotations

from dataclasses import replace

from kshot.prompts.phrases import phrases
from kshot.prompts.strategies.registry import ask, strategy
from kshot.prompts.wording import prompt_for
from kshot.types import Generation, Prediction, Program, Question, UserError

LEAD = "auto"  # the words that open a chain in the question's language


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
    """A chain that begins "Let's think step by step.", then the answer it leads to (Kojima et al. 2022).

    arXiv 2205.11916, section 3. The second prompt is the first, its chain and the task's answer trigger, word
    for word, so that what was encoded for the first stage serves the second. `lead` auto is that sentence in the
    question's language. A chain cut off at its length
    still gets its trigger, as in the paper; `detail` says so (`chain_cut`). The chain is sampled as asked;
    the answer is always read off greedily.
    """
    if not lead.strip():
        raise UserError("lead is empty; give the words that open the chain, or use zero-shot.")
    if answer_tokens < 1:  # told before the first chain is asked for
        raise UserError(f"answer_tokens is {answer_tokens}; it must be at least 1.")
    lead = phrases(question.language).lead if lead == LEAD else lead
    chain = yield from ask(
        prompt_for(question, lead=lead), temperature=temperature, top_p=top_p, max_new_tokens=max_new_tokens
    )
    trigger = question.format.trigger
    final = yield from ask(prompt_for(question, lead=f"{lead}{chain.text}\n{trigger}"), max_new_tokens=answer_tokens)
    prediction = read_after(trigger, final, question)
    return replace(prediction, detail={**prediction.detail, "chain_cut": chain.finish_reason == "length"})


def read_after(trigger: str, final: Generation, question: Question) -> Prediction:
    """Reads a completion as the end of the sentence "Therefore, the answer (Yes or No) is"; spans are the completion's.

    Where that finds only the trigger's own words, as in "(Yes or No)", the completion is read by itself.
    """
    trigger += " " if final.text[:1].strip() else ""  # "is" and "yes" are two words
    prediction = question.format.read(replace(final, text=trigger + final.text), question.choices)
    if prediction.span is None:
        return prediction
    begin, end = (at - len(trigger) for at in prediction.span)
    return question.format.read(final, question.choices) if begin < 0 else replace(prediction, span=(begin, end))
