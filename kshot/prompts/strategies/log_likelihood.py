"""How likely the model finds a text."""

from __future__ import annotations

import math

from kshot.prompts.exemplars import choose
from kshot.prompts.strategies.registry import strategy
from kshot.prompts.wording import continuation_for, prompt_for
from kshot.types import EngineError, Prediction, Program, Question, Request, SamplingParams, UserError


@strategy
def log_likelihood(
    question: Question,
    *,
    greedy: bool = False,
    k: int = 0,
    select: str = "first",
    order: str = "drawn",
    exemplar_seed: int = 0,
) -> Program[Prediction]:
    """How likely a text is after the question: what perplexity is made of; nothing is written (Gao et al. 2020).

    arXiv 2101.00027, section 3.1. The prompt is the question as it stands (in a template, that template), and nothing
    where the task has texts alone: the text then follows the model's beginning token. `detail` has logprob in nats, and
    the text's tokens, words and UTF-8 bytes; the answer is the log-likelihood. With `greedy` as many tokens as the text
    has are generated too, and are the answer: it is right where greedy decoding goes on with that very text (LAMBADA,
    Paperno et al. 2016, arXiv 1606.06031). Raises UserError for a task without texts to score.
    """
    text = question.continuation
    if not text.strip():
        raise UserError("log-likelihood needs a task with texts to score, and this one has none; use zero-shot.")
    exemplars = choose(question, k=k, select=select, order=order, seed=exemplar_seed)
    if question.template is None and not exemplars:
        prompt, scored = question.text, text
    else:
        prompt = prompt_for(question, exemplars)  # type: ignore[assignment]
        exact = question.template is not None and question.template.gap is not None
        scored = continuation_for(question, "") + (text if exact else text.lstrip())
    [reply] = yield [Request(prompt, continuation=scored)]
    if not math.isfinite(reply.logprob):
        raise EngineError(f"the engine gave a text a log-likelihood that is no finite number: {reply.logprob}")
    counts = {"tokens": reply.completion_tokens, "words": len(text.split()), "bytes": len(text.encode())}
    answer, rule = f"{reply.logprob:.4f}", "log-likelihood"
    if greedy:
        room = SamplingParams(max_new_tokens=max(1, reply.completion_tokens))
        [written] = yield [Request(prompt, room)]
        answer, rule = written.text.strip(), "greedy continuation"
    return Prediction(answer, "ok", rule, detail={"logprob": reply.logprob, **counts})


vars(log_likelihood).update(scores=True)  # what prompts.common looks for
