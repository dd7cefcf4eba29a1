"""What a strategy asks with the answer behind it: a prompt to train on."""

from __future__ import annotations

from dataclasses import replace

from kshot.program import Done, advance
from kshot.prompts.strategies import answer_behind
from kshot.prompts.templates import plain
from kshot.types import Generation, Request, Sample, Strategy, Task, UserError


def taught(task: Task, strategy: Strategy, sample: Sample, pool: tuple[Sample, ...], *, chat: bool) -> Request:
    """What a strategy asks about a sample, with the sample's answer as the continuation: a prompt to train on.

    It is the very request that evaluation sends, so that the two cannot drift apart; of a strategy that scores every
    answer, the request that scores the right one. Raises UserError where the strategy asks for anything else.
    """
    question = task.question(sample, pool)
    program = strategy(question)
    asked = advance(program)
    requests = [] if isinstance(asked, Done) else list(asked)
    scored = [request.continuation is not None for request in requests]
    replies = [Generation("", "scored" if each else "stop", completion_tokens=1) for each in scored]
    over = isinstance(advance(program, replies), Done)
    answer = answer_behind(strategy, question, sample)
    fits = len(requests) == 1 if not any(scored) else all(scored) and answer in {r.continuation for r in requests}
    if not over or not fits or len({request.prompt for request in requests}) != 1:
        raise UserError(f"{strategy.name} cannot be trained on: it does not ask once for an answer; use zero-shot.")
    request = replace(requests[0], continuation=answer)
    return request if chat else plain(request, task.language)
