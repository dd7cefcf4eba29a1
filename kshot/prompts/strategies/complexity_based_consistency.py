"""Many sampled chains, of which the longest in steps vote."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from kshot.prompts.exemplars import check_name
from kshot.prompts.strategies.registry import strategy
from kshot.prompts.strategies.self_consistency import responses_of
from kshot.prompts.voting import vote
from kshot.types import Prediction, Program, Question, UserError

SENTENCE = re.compile(r"[.!?](?=\s|$)|[。！？]")
STEPS: Mapping[str, Callable[[str], int]] = {
    "lines": lambda text: sum(bool(line.strip()) for line in text.splitlines()),
    "sentences": lambda text: len(SENTENCE.findall(text)),
}


@strategy
def complexity_based_consistency(
    question: Question,
    *,
    base: str = "chain-of-thought",
    n: int = 20,
    share: float = 0.8,
    steps: str = "lines",
    temperature: float = 0.7,
    top_p: float = 1.0,
) -> Program[Prediction]:
    """The majority answer of those of n sampled chains that have the most steps (Fu et al. 2022).

    arXiv 2210.00720, section 3.2: the K most complex of N chains vote, 40 of 50 there; `share` is K / N, rounded up.
    A step is a line, as there; `steps=sentences` counts sentences, which exemplars written on one line call for, as Wei
    et al.'s are. Of equals the one drawn first is the more complex. A chain without an answer has no vote and takes no
    other's place. The draws are self-consistency's own; `answers` has the voters', with None for each
    place that no chain could take, `detail` every chain's steps.
    Raises UserError as self-consistency does, and for a base that asks several things at once.
    """
    check_name("steps", steps, tuple(STEPS))
    if not 0 < share <= 1:
        raise UserError(f"share is {share}; it is the share of chains that vote, above 0 and at most 1.")
    name = "complexity-based-consistency"
    chains = yield from responses_of(question, base, n=n, temperature=temperature, top_p=top_p, name=name)
    counts = [STEPS[steps](chain.text) for chain in chains]
    read = [at for at in range(n) if chains[at].prediction.answer is not None]
    places = math.ceil(share * n - 1e-9)
    voters = sorted(sorted(read, key=lambda at: -counts[at])[:places])
    chosen = vote([chains[at].prediction for at in voters or range(n)])
    statuses = [chain.prediction.status for chain in chains]
    detail = {**chosen.detail, "statuses": statuses, "steps": counts, "voters": voters}
    answers = (*(chains[at].prediction.answer for at in voters), *[None] * (places - len(voters)))
    return replace(chosen, answers=answers, rule=f"majority of the {len(voters)} most complex of {n}", detail=detail)
