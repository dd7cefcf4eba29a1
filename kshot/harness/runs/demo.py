"""What `kshot demo` runs: every strategy where it makes sense, on four tasks that need no network.

As plain text: the bundled model learns from exemplars far better in "Q: ... A: ..." than as turns of its
chat template (24 words each, 8 exemplars: plurals 23 against 17, past tenses 24 against 14 right).
"""

from __future__ import annotations

from kshot.eval.tasks import get_task
from kshot.harness.engines.registry import NamedEngine, find_engine
from kshot.harness.runs.plan import Plan
from kshot.prompts.strategies import get_strategy

PLURALS, OPPOSITES = "word-pairs:relation=plurals", "word-pairs:relation=opposites"
STORIES, COINS = "word-problems:steps=1", "coin-flip"
EVERYWHERE = (PLURALS, OPPOSITES, STORIES, COINS)
SAMPLES = 32  # a task
STRATEGIES: dict[str, tuple[str, ...]] = {
    "zero-shot": EVERYWHERE,
    "instruction": EVERYWHERE,
    "few-shot": EVERYWHERE,
    "few-shot:noise=1": (PLURALS, OPPOSITES),
    "zero-shot-cot:max_new_tokens=64,answer_tokens=16": (STORIES, COINS),
    "chain-of-thought:max_new_tokens=96": (STORIES, COINS),
    "self-consistency:base=chain-of-thought(max_new_tokens=96),n=5": (STORIES,),
    "least-to-most:max_steps=3,plan_tokens=48,max_new_tokens=48": (STORIES, COINS),
    "choice-logprob": (COINS,),
}


def demo_engine(batch: int | None = None) -> NamedEngine:
    """The bundled model as plain text, in less than 3 GB: 1 for keys and values, and the model's own."""
    return find_engine(f"transformers:template=plain,memory=1,batch={'auto' if batch is None else batch}")


def demo_plan(limit: int | None = None) -> Plan:
    """The demo's plan: 32 samples a task."""
    only = {get_strategy(name).name: tuple(get_task(task).name for task in tasks) for name, tasks in STRATEGIES.items()}
    return Plan(EVERYWHERE, tuple(STRATEGIES), limit=SAMPLES if limit is None else limit, only=only)
