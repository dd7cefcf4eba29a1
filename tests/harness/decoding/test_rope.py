"""Rows get the rotary frequencies that they would get alone, whatever else is in their pass or came before it."""

from __future__ import annotations

import copy
import random
import warnings
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, Phi3Config

from kshot.harness.decoding.rope import steady_length, switches_at
from kshot.harness.engines.token_engine import TransformersEngine
from kshot.types import Generation, SamplingParams

LIMIT, NEW = 40, 12
SHAPE: dict[str, Any] = {
    **{"vocab_size": 97, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4},
    **{"num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
}
LONG = {
    **{"rope_type": "longrope", "short_factor": [1.0] * 8, "long_factor": [4.0] * 8, "rope_theta": 10000.0},
    "original_max_position_embeddings": LIMIT,
}
GROWING = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
KINDS = {
    "longrope": lambda: Phi3Config(
        **SHAPE, max_position_embeddings=512, original_max_position_embeddings=LIMIT, rope_parameters=dict(LONG)
    ),
    "dynamic": lambda: LlamaConfig(**SHAPE, max_position_embeddings=LIMIT, rope_parameters=dict(GROWING)),
}


@pytest.fixture(params=list(KINDS))
def model(request: pytest.FixtureRequest) -> Any:
    """One that has seen nothing yet: NTK scaling leaves its mark on a model."""
    torch.manual_seed(0)
    made = AutoModelForCausalLM.from_config(KINDS[request.param]()).eval()
    for parameter in made.parameters():  # larger weights, so that the next token hangs on what came before
        parameter.data.mul_(3 if parameter.dim() > 1 else 1)
    return made


def prompts() -> list[list[int]]:
    """Short ones, ones that pass the limit while they are decoded, ones at the limit and beyond it."""
    generator = random.Random(4)
    head = [generator.randrange(3, 97) for _ in range(25)]
    lengths = (8, 70, 12, LIMIT - 5, LIMIT, 9, LIMIT + 1, LIMIT - NEW, LIMIT - NEW + 1, 60, LIMIT - 1)
    return [
        (head + [generator.randrange(3, 97) for _ in range(60)])[at % 2 :][:length] for at, length in enumerate(lengths)
    ]


def generated(model: Any, ids: list[int]) -> list[int]:
    """What a fresh copy of the model writes of that row alone."""
    fresh, tensor = copy.deepcopy(model), torch.tensor([ids])
    options = {"do_sample": False, "pad_token_id": 0, "max_new_tokens": NEW}
    return list(fresh.generate(tensor, attention_mask=torch.ones_like(tensor), **options)[0, len(ids) :].tolist())


def scored(model: Any, ids: list[int], targets: list[int]) -> list[float]:
    """A plain pass of a fresh copy over that row alone."""
    with torch.inference_mode():
        logits = copy.deepcopy(model)(torch.tensor([[*ids, *targets][:-1]]), use_cache=False).logits[0]
    wanted = torch.tensor(targets)[:, None]
    return list(logits[-len(targets) :].log_softmax(-1).gather(-1, wanted).squeeze(-1).tolist())


def engine_of(model: Any, share: bool = True) -> TransformersEngine:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such models share what is within the limit
        return TransformersEngine(
            model, None, id="x", chat=False, context_length=512, rows=4, memory=1 << 22, share=share
        )


def answers(engine: TransformersEngine, asked: list[tuple[list[int], list[int]]]) -> list[Generation]:
    for ticket, (ids, targets) in enumerate(asked):
        engine.submit_tokens(ticket, ids, SamplingParams(max_new_tokens=NEW), targets=targets)
    found: dict[int, Generation] = {}
    while done := engine.collect():
        found.update(done)
    return [found[ticket] for ticket in range(len(asked))]


@pytest.mark.parametrize("share", [True, False])
def test_every_row_is_decoded_and_scored_as_it_is_alone(model: Any, share: bool) -> None:
    pristine = copy.deepcopy(model)
    rows = prompts()
    targets = [[5, 6, 7][: 1 + at % 3] for at in range(len(rows))]
    engine = engine_of(model, share)
    got = answers(engine, [(ids, []) for ids in rows])
    assert [list(one.tokens) for one in got] == [generated(pristine, ids) for ids in rows]
    both = answers(engine, [*zip(rows, targets, strict=True), *((ids, []) for ids in rows[::-1])])
    for one, ids, some in zip(both, rows, targets, strict=False):
        assert one.token_logprobs == pytest.approx(scored(pristine, ids, some), abs=1e-4)
    assert [one.tokens for one in both[len(rows) :]] == [one.tokens for one in got[::-1]]


def test_two_decoders_count_restart_and_close_as_one(model: Any) -> None:
    asked: list[tuple[list[int], list[int]]] = [(ids, []) for ids in prompts()]
    engine = engine_of(model)
    expected = [one.tokens for one in answers(engine, asked)]
    decoder: Any = engine.decoder
    for name in ("passes", "decoding_passes", "row_passes"):
        parts = getattr(decoder.short, name), getattr(decoder.long, name)
        assert min(parts) > 0
        assert getattr(decoder, name) == sum(parts)
    for ticket, (ids, _) in enumerate(asked):
        engine.submit_tokens(ticket, ids, SamplingParams(max_new_tokens=NEW))
    decoder.step()
    decoder.restart(2)
    assert decoder.rows == 2
    found: dict[int, Generation] = {}
    while done := engine.collect():
        found.update(done)
    assert [found[ticket].tokens for ticket in range(len(asked))] == expected
    engine.submit_tokens(0, asked[1][0], SamplingParams(max_new_tokens=NEW))
    engine.close()
    assert not decoder
    assert decoder.short.model is decoder.long.model is None


def test_what_hangs_on_the_pass_is_told_from_the_configuration(model: Any) -> None:
    long = model.config.model_type == "phi3"
    assert steady_length(model) == (LIMIT if long else LIMIT - 1)
    assert switches_at(model) == (LIMIT if long else None)
    bare = copy.copy(model)
    bare.config = LlamaConfig(**SHAPE)
    assert steady_length(bare) is None
    bare.config.rope_parameters = {"full_attention": {"type": "su", "original_max_position_embeddings": 7}}
    assert steady_length(bare) == 7
