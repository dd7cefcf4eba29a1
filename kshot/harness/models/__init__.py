"""From a model's name to its weights, its tokenizer and its text."""

from kshot.harness.models.load import *  # noqa: F403
