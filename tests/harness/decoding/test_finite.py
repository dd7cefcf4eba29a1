"""Logits that are no numbers are found in what a decoder looks at anyway; a masked token is not such a thing."""

from __future__ import annotations

import pytest
import torch

from kshot.harness.decoding.finite import NotFiniteError, check_finite
from kshot.harness.decoding.sampler import likelihoods_of, sample
from kshot.types import SamplingParams

DRAWS = [(SamplingParams(), 0, 0), (SamplingParams(temperature=0.7, top_p=0.9), 3, 1)]
BAD = [float("nan"), float("inf")]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("row", [0, 1])
def test_no_token_is_drawn_from_logits_that_are_not_finite(bad: float, row: int) -> None:
    logits = torch.randn(2, 50, generator=torch.Generator().manual_seed(0))
    sample(logits.clone(), DRAWS)
    logits[row, 7] = bad
    with pytest.raises(NotFiniteError):
        sample(logits, DRAWS)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("at", [7, 8])
def test_no_continuation_is_scored_from_logits_that_are_not_finite(bad: float, at: int) -> None:
    logits = torch.zeros(3, 50)
    logits[1, at] = bad
    with pytest.raises(NotFiniteError):
        likelihoods_of(logits, [[1, 7, 3]])


def test_tokens_that_are_masked_by_design_are_no_failure() -> None:
    logits = torch.zeros(2, 50)
    logits[:, 10:] = float("-inf")
    tokens, logprobs = sample(logits.clone(), DRAWS)
    assert max(tokens) < 10
    assert logprobs == pytest.approx([-2.302585] * 2)
    assert likelihoods_of(logits, [[3, 20]]) == [[pytest.approx(-2.302585), float("-inf")]]
    check_finite([0.0, float("-inf")])
