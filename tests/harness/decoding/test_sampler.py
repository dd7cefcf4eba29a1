"""Draws against the distribution they are to follow."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import chisquare, kstest

from kshot.harness.decoding.sampler import nucleus, sample, uniform
from kshot.types import SamplingParams


def test_uniform_is_uniform_over_seeds_and_positions() -> None:
    assert kstest([uniform(seed, 3) for seed in range(5000)], "uniform").pvalue > 0.01
    assert kstest([uniform(11, position) for position in range(5000)], "uniform").pvalue > 0.01
    assert uniform(1, 2) == uniform(1, 2) != uniform(2, 1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_tempered_distribution(temperature: float) -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0])
    params = SamplingParams(temperature=temperature)
    tokens, logprobs = sample(logits.expand(8000, 4), [(params, seed, 0) for seed in range(8000)])
    expected = (logits.double() / temperature).softmax(-1) * 8000
    counts = torch.bincount(torch.tensor(tokens), minlength=4)
    assert chisquare(counts.numpy(), expected.numpy()).pvalue > 0.01
    assert logprobs[0] == pytest.approx(float(logits.log_softmax(-1)[tokens[0]]), abs=1e-6)


def test_top_p_keeps_the_smallest_set_that_has_the_mass() -> None:
    probabilities = torch.tensor([[0.1, 0.5, 0.25, 0.15]] * 3, dtype=torch.float64)
    kept = nucleus(probabilities, [0.5, 0.75, 1.0]) > 0
    assert kept.tolist() == [[False, True, False, False], [False, True, True, False], [True] * 4]


def test_greedy_and_sampled_rows_share_a_batch() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0], [0.0, 3.0, 1.0]])
    hot = SamplingParams(temperature=1.0)
    draws = {sample(logits, [(SamplingParams(), seed, 0), (hot, seed, 0)])[0][1] for seed in range(200)}
    assert {sample(logits, [(SamplingParams(), seed, 0), (hot, seed, 0)])[0][0] for seed in range(5)} == {1}
    assert draws == {0, 1, 2}
