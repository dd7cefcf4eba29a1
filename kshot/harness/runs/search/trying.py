"""A candidate on a sample: what it is worth.

By likelihood: of labels and choices the log of the target's probability among them; of what writes, that of the target
behind the very prompt that the strategy sends, a token. It moves with every change of a prompt, where accuracy on some
dozen samples has few values. By accuracy: the task's own score. What the task scores is kept in either case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kshot.eval.metrics.registry import scored
from kshot.harness.runs.taught import taught
from kshot.program import gather
from kshot.prompts.search import Trial
from kshot.prompts.strategies import get_strategy
from kshot.types import Generation, Prediction, Program, Request, Sample, Strategy, Task, UserError

LIKELIHOOD, ACCURACY = "likelihood", "accuracy"
OBJECTIVES = (LIKELIHOOD, ACCURACY)
LEAST = 1e-30  # a probability that a float may have rounded to 0


def tried(
    task: Task, pool: tuple[Sample, ...], objective: str, spec: str, samples: Sequence[Sample]
) -> Program[list[Trial]]:
    """A specification on samples, all at once. Raises UserError where it cannot be asked."""
    strategy = get_strategy(spec)
    if strategy.prepare is not None:
        raise UserError(
            f"{strategy.name} finds something out beforehand, which no search can pay for; write its result."
        )
    return (yield from gather(tried_on(task, pool, objective, strategy, sample) for sample in samples))


def tried_on(
    task: Task, pool: tuple[Sample, ...], objective: str, strategy: Strategy, sample: Sample
) -> Program[Trial]:
    """A strategy on one sample."""
    programs: list[Program[Any]] = [strategy(task.question(sample, pool))]
    writes = not (task.labels or sample.choices)
    if writes and objective == LIKELIHOOD:
        programs.append(one(taught(task, strategy, sample, pool, chat=True)))  # turns become text with all others
    found = yield from gather(programs)
    prediction: Prediction = found[0]
    score = scored(task.score, prediction, sample).value
    if objective == ACCURACY:
        return Trial(score, score, prediction.probabilities)
    value = per_token(found[1]) if writes else log_probability(prediction, sample)
    return Trial(value, score, prediction.probabilities)


def one(request: Request) -> Program[Generation]:
    """A request on its own."""
    [reply] = yield [request]
    return reply


def per_token(scored: Generation) -> float:
    """The mean log-probability of a continuation's tokens, in nats."""
    return scored.logprob / max(scored.completion_tokens, 1)


def log_probability(prediction: Prediction, sample: Sample) -> float:
    """The log of what the labels or choices that are right are given. Raises UserError where nothing was scored."""
    if not prediction.probabilities:
        raise UserError("its labels are not scored, so that nothing says how likely they are: use objective=accuracy.")
    right = set(sample.target.split("|")) | {sample.target}
    total = math.fsum(share for answer, share in prediction.probabilities.items() if answer in right)
    return math.log(max(total, LEAST))
