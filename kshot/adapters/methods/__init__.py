"""Adapter methods, one small file each, registered by name."""

from kshot.adapters.methods import full, head, lora, prompt_tuning
from kshot.adapters.methods.registry import METHODS, Base, Built, method

__all__ = ["METHODS", "Base", "Built", "full", "head", "lora", "method", "prompt_tuning"]
