"""Many sampled responses, of which the model picks one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kshot.prompts.phrases import said_in
from kshot.prompts.responses import Response
from kshot.prompts.strategies.registry import ask, strategy
from kshot.prompts.strategies.self_consistency import responses_of
from kshot.prompts.templates import lettered
from kshot.types import Generation, Message, Prediction, Program, Question, UserError


@dataclass(frozen=True, slots=True)
class ChoiceWords:
    """How the model is asked to pick, and how what it picks is read."""

    asked: str
    response: str
    wish: str
    picked: re.Pattern[str]


# the English is the paper's, figure 6; the Chinese is ours
WORDS = {
    "en": ChoiceWords(
        "I have generated the following responses to the question: {question}",
        "Response {at}: {text}",
        "Evaluate these responses.\nSelect the most consistent response based on majority consensus.\n"
        'Start your answer with "The most consistent response is Response X" (without quotes).',
        re.compile(r"\bresponse\s*(?:is\s*)?(?:response\s*)?[#(\[]?(\d{1,5})\b", re.IGNORECASE),
    ),
    "zh": ChoiceWords(
        "对于下面的问题，我生成了若干个回答：{question}",
        "回答{at}：{text}",
        "请评估这些回答。\n根据多数一致的原则，选出最一致的回答。\n请以“最一致的回答是回答几”开头作答，“几”写成编号。",
        re.compile(r"回答\s*(?:是)?\s*(?:回答)?\s*[（(]?(\d{1,5})(?!\d)"),
    ),
}


@strategy
def universal_self_consistency(
    question: Question,
    *,
    base: str = "zero-shot-cot",
    n: int = 8,
    temperature: float = 0.7,
    top_p: float = 1.0,
    choose_tokens: int = 64,
) -> Program[Prediction]:
    """Of n sampled responses the one that the model itself finds most consistent (Chen et al. 2023).

    arXiv 2311.17311, section 3: for answers that no extractor can count. The draws are self-consistency's own, n = 8 as
    in the paper; the choice is greedy. The answer is that of the response chosen, and there is none where the model
    names none of them. `detail` has which, and every response's answer. Raises UserError as self-consistency does, and
    for a base that asks several things at once.
    """
    if choose_tokens < 1:
        raise UserError(f"choose_tokens is {choose_tokens}; it must be at least 1.")
    words = said_in(question.language, WORDS)
    name = "universal-self-consistency"
    responses = yield from responses_of(question, base, n=n, temperature=temperature, top_p=top_p, name=name)
    detail = {
        "chains": [response.prediction.answer for response in responses],
        "statuses": [response.prediction.status for response in responses],
    }
    if len({response.text for response in responses}) == 1:  # whichever it chose, it is this one
        return replace(responses[0].prediction, span=None, rule="the only response", detail={**detail, "chosen": 0})
    reply = yield from ask(choice_prompt(question, responses, words), max_new_tokens=choose_tokens)
    chosen = read_choice(reply, n, words)
    if chosen is None:
        return Prediction(None, "truncated" if reply.finish_reason == "length" else "unparsed", detail=detail)
    prediction = responses[chosen].prediction
    rule = f"{prediction.rule}, in the response chosen of {n}"
    return replace(prediction, span=None, rule=rule, detail={**detail, "chosen": chosen})


def choice_prompt(question: Question, responses: Sequence[Response], words: ChoiceWords) -> tuple[Message, ...]:
    """The question, the responses from number 0 on, and what to do with them."""
    asked = words.asked.format(question=lettered(question.text, question.choices, question.language))
    listed = [words.response.format(at=at, text=response.text) for at, response in enumerate(responses)]
    return (Message("user", "\n\n".join([asked, *listed, words.wish])),)


def read_choice(reply: Generation, n: int, words: ChoiceWords) -> int | None:
    """The number of the response that is named first; None where there is no such one, or the number may be cut off."""
    found = words.picked.search(reply.text)
    if found is None or (reply.finish_reason == "length" and found.end() == len(reply.text)):
        return None
    return int(found[1]) if int(found[1]) < n else None
