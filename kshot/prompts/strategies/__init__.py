"""Prompt strategies, one small file each, registered by name. `FILES` has them; importing this fills the registry."""

from __future__ import annotations

from importlib import import_module

from kshot.prompts.common import answer_behind
from kshot.prompts.strategies.registry import STRATEGIES, get_strategy, strategy

FILES: tuple[str, ...] = (
    "auto_cot",
    "chain_of_thought",
    "channel_logprob",
    "choice_logprob",
    "complexity_based_consistency",
    "few_shot",
    "instruction",
    "knn_vote",
    "least_to_most",
    "log_likelihood",
    "plan_and_solve",
    "self_consistency",
    "self_refine",
    "tree_of_thoughts",
    "universal_self_consistency",
    "zero_shot",
    "zero_shot_cot",
)

for _name in FILES:
    import_module(f"kshot.prompts.strategies.{_name}")

__all__ = ["STRATEGIES", "answer_behind", "get_strategy", "strategy"]
