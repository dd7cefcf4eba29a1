"""kshot: prompt strategies on open language models, compared fairly, and a classic deep-learning core."""

__version__ = "0.1.0"
