"""A response, feedback on it by the same model, and a better response, until the feedback has nothing to say."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kshot.prompts.phrases import said_in
from kshot.prompts.responses import heard
from kshot.prompts.strategies.registry import ask, get_strategy, strategy
from kshot.prompts.strategies.self_consistency import sampling_of
from kshot.prompts.templates import lettered
from kshot.types import Message, Prediction, Program, Question, UserError

MOST_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class RefineWords:
    """How feedback and a better response are asked for."""

    feedback: str
    done: str  # what feedback says where there is nothing to mend, as it stands in lower-case letters
    refine: str


# feedback: the authors' for gsm8k (src/gsm/feedback.py), of a solution in place of code, and what stops it
# (src/gsm/run.py); that the model is told the words that stop is ours: theirs is shown examples.
# refine: theirs for responses (src/responsegen/task_iterate.py). The Chinese is ours.
WORDS = {
    "en": RefineWords(
        "There is an error in the solution above because of lack of understanding of the question. What is the error? "
        "To find the error, go through semantically complete blocks of the solution, and check if everything looks "
        'good. If there is no error, say "it is correct".',
        "it is correct",
        "Okay, let's use this feedback to improve the response.",
    ),
    "zh": RefineWords(
        "上面的解答由于没有理解题意而有错误。错在哪里？为了找到错误，请逐段检查解答，看看每一处是否都没有问题。"
        "如果没有错误，请说“解答正确”。",
        "解答正确",
        "好的，让我们根据这些反馈来改进回答。",
    ),
}


@strategy
def self_refine(
    question: Question,
    *,
    base: str = "zero-shot-cot",
    rounds: int = 4,
    temperature: float = 0.0,
    top_p: float = 1.0,
    feedback_tokens: int = 256,
    max_new_tokens: int = 256,
) -> Program[Prediction]:
    """A response, then feedback and a better response in turn, from one model (Madaan et al. 2023).

    arXiv 2303.17651, section 2, algorithm 1: each sees all responses and feedback before it. `base` writes the first
    response. It stops where feedback says "it is correct" or nothing at all, and after `rounds`, 4 as in the authors'
    code. The answer is that of the last response, whether or not it can be read; `detail` has every response's.
    Raises UserError for a base that asks several things at once.
    """
    if not 0 <= rounds <= MOST_ROUNDS:
        raise UserError(f"rounds is {rounds}; it must lie between 0 and {MOST_ROUNDS}.")
    for name, tokens in (("feedback_tokens", feedback_tokens), ("max_new_tokens", max_new_tokens)):
        if tokens < 1:  # told before the first response is asked for
            raise UserError(f"{name} is {tokens}; it must be at least 1.")
    words = said_in(question.language, WORDS)
    inner = get_strategy(base)
    sampling = sampling_of(inner, temperature=temperature, top_p=top_p, name="self-refine")
    first = yield from heard(inner(question, **sampling), inner.name)
    prediction, response = first.prediction, first.text
    answers, stopped = [prediction.answer], False
    turns: tuple[Message, ...] = (Message("user", lettered(question.text, question.choices, question.language)),)
    for _ in range(rounds):
        if not response:  # there is nothing to give feedback on
            break
        turns = (*turns, Message("assistant", response), Message("user", words.feedback))
        feedback = yield from ask(turns, temperature=temperature, top_p=top_p, max_new_tokens=feedback_tokens)
        stopped = not feedback.text.strip() or words.done in feedback.text.lower()
        if stopped:
            break
        wish = f"{words.refine}\n{question.format.instruction}"
        turns = (*turns, Message("assistant", feedback.text.strip()), Message("user", wish))
        better = yield from ask(turns, temperature=temperature, top_p=top_p, max_new_tokens=max_new_tokens)
        prediction, response = question.format.read(better, question.choices), better.text.strip()
        answers.append(prediction.answer)
    detail = {**prediction.detail, "responses": answers, "stopped": stopped}
    span = None if stopped or len(answers) == 1 else prediction.span  # the last call's text is then feedback's, or none
    return replace(prediction, span=span, detail=detail)
