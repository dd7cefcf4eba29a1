"""Prompt strategies, one small file each, registered by name."""

from kshot.prompts.strategies import (
    chain_of_thought,
    choice_logprob,
    few_shot,
    instruction,
    least_to_most,
    self_consistency,
    zero_shot,
    zero_shot_cot,
)
from kshot.prompts.strategies.registry import STRATEGIES, get_strategy, strategy

__all__ = [
    "STRATEGIES",
    "chain_of_thought",
    "choice_logprob",
    "few_shot",
    "get_strategy",
    "instruction",
    "least_to_most",
    "self_consistency",
    "strategy",
    "zero_shot",
    "zero_shot_cot",
]
