"""Logits that are no numbers: a failure of the model, which must not be taken for an answer.

What is looked at are the log-likelihoods that are at hand anyway, so the check costs nothing: a NaN or an infinite
logit anywhere in a row makes the log-likelihood of every token in it NaN, while a token that is masked by design, with
a logit of minus infinity, only has one of minus infinity itself.
"""

from __future__ import annotations

from collections.abc import Iterable


class NotFiniteError(ArithmeticError):
    """A model's logits are NaN or infinite. An engine says of which model, and what to do."""


def check_finite(logprobs: Iterable[float]) -> None:
    """Raises NotFiniteError where a log-likelihood is NaN."""
    if any(value != value for value in logprobs):
        raise NotFiniteError("the logits are not finite")
