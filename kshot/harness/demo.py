"""What `kshot demo` runs: every strategy where it makes sense, on four tasks that need no network.

As plain text: the bundled model learns from exemplars far better in "Q: ... A: ..." than as turns of its
chat template (24 words each, 8 exemplars: plurals 23 against 17, past tenses 24 against 14 right).
"""

from __future__ import annotations

from kshot.harness.benchmark import Plan

PLURALS, LETTERS, STORIES, COINS = "word-pairs:relation=plurals", "last-letters", "word-problems:steps=1", "coin-flip"
# on a model this small every token counts: chains of these tasks are short
STRATEGIES: dict[str, tuple[str, ...]] = {
    "zero-shot": (PLURALS, LETTERS, STORIES, COINS),
    "instruction": (PLURALS, LETTERS, STORIES, COINS),
    "few-shot": (PLURALS, LETTERS, STORIES, COINS),
    "few-shot:noise=1": (PLURALS,),
    "zero-shot-cot:max_new_tokens=96": (LETTERS, STORIES, COINS),
    "chain-of-thought:max_new_tokens=96": (LETTERS, STORIES, COINS),
    "self-consistency:base=chain-of-thought(max_new_tokens=96),n=5": (LETTERS, STORIES),
    "least-to-most:max_steps=3,plan_tokens=64,max_new_tokens=64": (LETTERS, STORIES),
    "choice-logprob": (COINS,),
}


def demo_plan(limit: int | None = None) -> Plan:
    """The demo's plan: 40 samples a task."""
    from kshot.eval.tasks import TASKS
    from kshot.prompts.strategies import STRATEGIES as REGISTRY

    only = {REGISTRY.canonical(name): tuple(TASKS.canonical(task) for task in tasks) for name, tasks in STRATEGIES.items()}
    return Plan((PLURALS, LETTERS, STORIES, COINS), tuple(STRATEGIES), limit=limit or 40, only=only)
