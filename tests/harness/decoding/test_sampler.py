"""Draws against the distribution they are to follow."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import chisquare, kstest
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from kshot.harness.decoding.sampler import FEW, kept, nucleus, sample, uniform
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


def test_a_nucleus_is_that_of_the_whole_order_whether_few_tokens_have_the_mass_or_not() -> None:
    """Peaked and flat rows in one batch, of more tokens than are put in order at first; of equals the first stay."""
    draw = torch.Generator().manual_seed(3)
    logits = torch.randn(40, 3 * FEW, generator=draw, dtype=torch.float64)
    logits *= torch.tensor([0.1, 1.0, 3.0, 9.0]).repeat(10)[:, None]
    logits[::3] = logits[::3].round()
    weights = logits.exp()
    shares = torch.rand(40, generator=draw).mul(1.2).clamp(max=1.0).tolist()
    found = nucleus(weights, shares)
    for row, share, left in zip(weights, shares, found, strict=True):
        order = sorted(range(len(row)), key=lambda at, row=row: (-row[at], at))
        mass, kept_ = 0.0, set()
        for at in order:
            if share < 1 and mass >= share * float(row.sum()):
                break
            kept_.add(at)
            mass += float(row[at])
        assert {int(at) for at in left.nonzero()} == kept_
        assert torch.equal(left[left > 0], row[left > 0])


def test_greedy_and_sampled_rows_share_a_batch() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0], [0.0, 3.0, 1.0]])
    hot = SamplingParams(temperature=1.0)
    draws = {sample(logits, [(SamplingParams(), seed, 0), (hot, seed, 0)])[0][1] for seed in range(200)}
    assert {sample(logits, [(SamplingParams(), seed, 0), (hot, seed, 0)])[0][0] for seed in range(5)} == {1}
    assert draws == {0, 1, 2}


def transformers_probabilities(logits: torch.Tensor, params: SamplingParams) -> torch.Tensor:
    """What `model.generate` draws from, in the order of its `_get_logits_processor`."""
    warpers = LogitsProcessorList([TemperatureLogitsWarper(params.temperature)])
    if params.top_k:
        warpers.append(TopKLogitsWarper(params.top_k))
    if params.top_p < 1:
        warpers.append(TopPLogitsWarper(params.top_p))
    if params.min_p:
        warpers.append(MinPLogitsWarper(params.min_p))
    return warpers(torch.zeros(1, 1, dtype=torch.long), logits[None].clone()).softmax(-1)[0]


@pytest.mark.parametrize("ties", [False, True])
def test_what_is_drawn_from_is_what_transformers_draws_from(ties: bool) -> None:
    draw = torch.Generator().manual_seed(5)
    chosen = torch.rand(250, 4, generator=draw).tolist()
    settings = [
        SamplingParams(
            temperature=0.3 + 2 * heat,
            top_k=int(80 * k) if k < 0.8 else 0,
            top_p=min(0.02 + 1.2 * p, 1),
            min_p=0.3 * least if least > 0.3 else 0,
        )
        for heat, k, p, least in chosen
    ]
    logits = torch.randn(250, 60, generator=draw, dtype=torch.float64) * 2
    logits = logits.round() if ties else logits
    heat = torch.tensor([params.temperature for params in settings])[:, None]
    weights = kept(logits / heat, settings)
    ours = weights / weights.sum(-1, keepdim=True)
    for row, params, found in zip(logits, settings, ours, strict=True):
        theirs = transformers_probabilities(row, params)
        if ties:  # which of equals at the nucleus' edge stay is not said: as many do
            found, theirs = found.sort().values, theirs.sort().values
        assert torch.equal(found > 0, theirs > 0), params
        assert torch.allclose(found, theirs, atol=1e-6, rtol=0), params


def test_rows_of_a_batch_have_their_own_top_k_and_min_p_and_greedy_ones_none() -> None:
    logits = torch.tensor([0.0, 3.0, 1.0, 2.9, -1.0])
    kinds = [
        SamplingParams(temperature=5.0),
        SamplingParams(temperature=5.0, top_k=2),
        SamplingParams(temperature=5.0, min_p=0.6),
        SamplingParams(temperature=5.0, top_k=99),
        SamplingParams(temperature=5.0, top_k=3, min_p=0.9),
        SamplingParams(top_k=3, min_p=0.1, top_p=0.5),
    ]
    drawn: list[set[int]] = [set() for _ in kinds]
    for seed in range(300):
        tokens, _ = sample(logits.expand(len(kinds), 5), [(params, seed, 0) for params in kinds])
        for seen, token in zip(drawn, tokens, strict=True):
            seen.add(token)
    assert drawn == [{0, 1, 2, 3, 4}, {1, 3}, {1, 2, 3}, {0, 1, 2, 3, 4}, {1, 3}, {1}]


def test_equals_of_the_last_stay_as_in_transformers() -> None:
    logits = torch.tensor([1.0, 2.0, 1.0, 0.0])
    assert (kept(logits[None].clone(), [SamplingParams(temperature=1.0, top_k=2)]) > 0).tolist() == [
        [True] * 3 + [False]
    ]
    assert (transformers_probabilities(logits, SamplingParams(temperature=1.0, top_k=2)) > 0).tolist() == [True] * 3 + [
        False
    ]
