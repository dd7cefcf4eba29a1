"""The plain decoder's own: what a failure leaves, and what closing frees. Its outputs are tested beside the other's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from kshot.harness.decoding.plain import PlainDecoder
from kshot.harness.decoding.sequence import TokenSequence
from kshot.types import SamplingParams


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4
    )
    return AutoModelForCausalLM.from_config(config).eval()


def asked() -> TokenSequence:
    return TokenSequence(0, [5, 6, 7], SamplingParams(max_new_tokens=6), 0, max_new=6)


def decoder_of(model: Any) -> PlainDecoder:
    return PlainDecoder(model, end_ids=frozenset(), stopped=lambda sequence: False)


def test_what_a_failure_interrupted_begins_again(model: Any) -> None:
    decoder = decoder_of(model)
    decoder.add(asked())
    [expected] = decoder.step()
    assert (decoder.passes, decoder.decoding_passes, decoder.row_passes) == (6, 6, 6)
    forward, calls = model.forward, 0

    def fails_once(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise torch.OutOfMemoryError("no memory")
        return forward(*args, **options)

    model.forward = fails_once
    try:
        decoder.add(asked())
        with pytest.raises(torch.OutOfMemoryError):
            decoder.step()
        assert decoder
        decoder.restart(1)
        [again] = decoder.step()
    finally:
        model.forward = forward
    assert again.out == expected.out
    assert not decoder


def test_a_closed_decoder_has_nothing_to_do_and_no_model(model: Any) -> None:
    decoder = decoder_of(model)
    decoder.add(asked())
    decoder.close()
    assert not decoder
    assert decoder.model is None
