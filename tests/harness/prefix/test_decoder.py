"""The decoder against `model.generate` and plain forward passes, over families, batch sizes and shared prefixes."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    Olmo2Config,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)

from kshot.harness.decoding.plain import PlainDecoder
from kshot.harness.decoding.sequence import TokenSequence
from kshot.harness.prefix.decoder import PrefixDecoder
from kshot.harness.prefix.switch import switch_to_shared_attention
from kshot.types import SamplingParams

VOCABULARY, END = 97, 2
SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": END,
}
SLIDING = ["sliding_attention", "full_attention", "sliding_attention"]
FAMILIES = {
    "llama": LlamaConfig(**SHAPE),
    "qwen2": Qwen2Config(**SHAPE),
    "qwen3": Qwen3Config(**SHAPE, head_dim=16),
    "gemma3": Gemma3TextConfig(**SHAPE, head_dim=16, sliding_window=12, layer_types=SLIDING),
    "mistral": MistralConfig(**SHAPE, sliding_window=10),
    "phi3": Phi3Config(**SHAPE, sliding_window=14),
    "olmo2": Olmo2Config(**SHAPE),
    "smollm3": SmolLM3Config(**SHAPE),
    "gpt2": GPT2Config(
        vocab_size=VOCABULARY, n_embd=48, n_layer=2, n_head=4, n_positions=512, eos_token_id=END, bos_token_id=1
    ),
}


def make_model(config: Any) -> Any:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(copy.deepcopy(config)).eval()
    for parameter in model.parameters():  # larger weights, so that the next token hangs on what came before
        parameter.data.mul_(3 if parameter.dim() > 1 else 1)
    return model


@pytest.fixture(scope="module", params=list(FAMILIES))
def model(request: pytest.FixtureRequest) -> Any:
    made = make_model(FAMILIES[request.param])
    assert switch_to_shared_attention(made)
    return made


def mixed_prompts(generator: random.Random) -> list[list[int]]:
    """16 prompts: nothing shared, one shared level, two levels, and equal prompts."""

    def tokens(count: int) -> list[int]:
        return [generator.randrange(3, VOCABULARY) for _ in range(count)]

    common, deeper = tokens(40), tokens(25)
    shapes = [lambda own: own, lambda own: common + own, lambda own: common + deeper + own, lambda own: common + deeper]
    return [shapes[index % 4](tokens(generator.randrange(1, 30))) for index in range(16)]


def reference(model: Any, prompt: list[int], new: int) -> list[int]:
    plain = copy.deepcopy(model)
    plain.set_attn_implementation("eager")
    ids = torch.tensor([prompt])
    out = plain.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, do_sample=False, eos_token_id=END, pad_token_id=0
    )
    return list(out[0, len(prompt) :].tolist())


def decode(decoder: Any, sequences: list[TokenSequence]) -> dict[int, TokenSequence]:
    for sequence in sequences:
        decoder.add(sequence)
    done = {}
    while decoder:
        done.update({sequence.ticket: sequence for sequence in decoder.step()})
    return done


def make_decoder(model: Any, rows: int, *, kept: int = 5000, budget: int = 5000, in_place: int = 64) -> PrefixDecoder:
    """`in_place` is low, so that these short prefixes are attended in place as long ones are."""
    end = frozenset([END])
    return PrefixDecoder(model, rows=rows, budget=budget, kept=kept, end_ids=end, stopped=never, in_place=in_place)


def never(sequence: TokenSequence) -> bool:
    return False


def greedy(ticket: int, prompt: list[int], new: int = 20) -> TokenSequence:
    return TokenSequence(ticket, prompt, SamplingParams(max_new_tokens=new), 0, max_new=new)


def test_greedy_equals_generate_for_every_batch_size(model: Any) -> None:
    prompts = mixed_prompts(random.Random(1))
    expected = [reference(model, prompt, 20) for prompt in prompts]
    for rows, in_place in ((1, 64), (4, 64), (16, 64), (16, 1), (16, 1500)):
        decoder = make_decoder(model, rows, in_place=in_place)
        done = decode(decoder, [greedy(index, prompt) for index, prompt in enumerate(prompts)])
        assert [done[index].out for index in range(16)] == expected
        assert {sequence.cached for sequence in done.values()} >= {0, 40, 64}
        assert not any(node.uses or node.demand for node in decoder.tree.walk())


def test_scores_equal_a_plain_forward_pass(model: Any) -> None:
    generator = random.Random(2)
    plain = copy.deepcopy(model)
    plain.set_attn_implementation("eager")
    sequences, expected = [], []
    for index, prompt in enumerate(mixed_prompts(generator)):
        targets = [generator.randrange(3, VOCABULARY) for _ in range(1 + index % 4)]
        with torch.inference_mode():
            logprobs = plain(torch.tensor([prompt + targets])).logits[0].log_softmax(-1)
        expected.append(sum(float(logprobs[len(prompt) - 1 + at, token]) for at, token in enumerate(targets)))
        sequences.append(TokenSequence(index, (prompt + targets)[:-1], SamplingParams(), 0, targets=targets))
    done = decode(make_decoder(model, 4), sequences)
    assert [done[index].logprob for index in range(16)] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("shared", [True, False])
def test_every_tokens_log_likelihood_is_a_plain_forward_passs(model: Any, shared: bool) -> None:
    """Of greedy, drawn and scored tokens, each for itself; those of a draw are the untempered distribution's."""
    generator = random.Random(13)
    plain = copy.deepcopy(model)
    plain.set_attn_implementation("eager")
    sequences = []
    for index, prompt in enumerate(mixed_prompts(generator)):
        targets = [generator.randrange(3, VOCABULARY) for _ in range(1 + index % 4)]
        hot = SamplingParams(temperature=0.7, top_p=0.9)
        sequences += [
            greedy(3 * index, prompt, 6),
            TokenSequence(3 * index + 1, prompt, hot, index, max_new=6),
            TokenSequence(3 * index + 2, (prompt + targets)[:-1], SamplingParams(), 0, targets=targets),
        ]
    decoder = make_decoder(model, 8) if shared else PlainDecoder(plain, end_ids=frozenset([END]), stopped=never)
    for sequence in decode(decoder, sequences).values():
        start = sequence.prompt_tokens
        with torch.inference_mode():
            logits = plain(torch.tensor([sequence.ids[:start] + sequence.completion])).logits[0]
        expected = logits.log_softmax(-1)[start - 1 : -1].gather(-1, torch.tensor(sequence.completion)[:, None])
        assert sequence.token_logprobs == pytest.approx(expected.squeeze(-1).tolist(), abs=1e-4)
        assert sum(sequence.token_logprobs) == sequence.logprob


def test_a_model_with_soft_capping_takes_the_plain_path() -> None:
    model = make_model(Gemma2Config(**SHAPE, head_dim=16))
    assert not switch_to_shared_attention(model)
    prompts = mixed_prompts(random.Random(3))[:6]
    expected = [reference(model, prompt, 8) for prompt in prompts]
    decoder = PlainDecoder(model, end_ids=frozenset([END]), stopped=never)
    done = decode(decoder, [greedy(index, prompt, 8) for index, prompt in enumerate(prompts)])
    assert [done[index].out for index in range(6)] == expected


@pytest.fixture(scope="module")
def llama() -> Any:
    made = make_model(FAMILIES["llama"])
    assert switch_to_shared_attention(made)
    return made


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30), st.integers(1, 20)), min_size=1, max_size=12),
    rows=st.integers(1, 16),
    kept=st.sampled_from([0, 50, 5000]),
    new=st.integers(1, 8),
    in_place=st.sampled_from([1, 64, 1500]),
)
def test_sharing_never_changes_a_greedy_text(
    llama: Any, lengths: list[tuple[int, int, int]], rows: int, kept: int, new: int, in_place: int
) -> None:
    generator = random.Random(4)
    top, middle = ([generator.randrange(3, VOCABULARY) for _ in range(60)] for _ in range(2))
    prompts = [top[:a] + middle[:b] + [generator.randrange(3, VOCABULARY) for _ in range(c)] for a, b, c in lengths]
    sequences = [greedy(index, prompt, new) for index, prompt in enumerate(prompts)]
    together = decode(make_decoder(llama, rows, kept=kept, in_place=in_place), sequences)
    for index, prompt in enumerate(prompts):
        alone = decode(make_decoder(llama, 1, kept=0), [greedy(0, prompt, new)])[0]
        assert together[index].out == alone.out
        assert together[index].logprob == pytest.approx(alone.logprob, abs=1e-4)


def test_a_draw_is_the_same_whatever_else_is_in_the_batch(llama: Any) -> None:
    prompts = mixed_prompts(random.Random(5))
    params = SamplingParams(temperature=0.9, top_p=0.95, max_new_tokens=12)

    def sequences() -> list[TokenSequence]:
        hot = [TokenSequence(index, prompt, params, 7 + index, max_new=12) for index, prompt in enumerate(prompts)]
        return hot + [greedy(100 + index, prompt, 5) for index, prompt in enumerate(prompts)]

    together = decode(make_decoder(llama, 16), sequences())
    reordered = decode(make_decoder(llama, 5), sequences()[::-1])
    for index in range(16):
        alone = decode(make_decoder(llama, 1), [TokenSequence(0, prompts[index], params, 7 + index, max_new=12)])[0]
        assert together[index].out == reordered[index].out == alone.out
    assert len({tuple(together[index].out) for index in range(16)}) == 16


def test_equal_prompts_with_other_seeds_are_encoded_once(llama: Any) -> None:
    prompt = [random.Random(6).randrange(3, VOCABULARY) for _ in range(50)]
    params = SamplingParams(temperature=1.0, max_new_tokens=6)
    done = decode(make_decoder(llama, 8), [TokenSequence(seed, prompt, params, seed, max_new=6) for seed in range(8)])
    assert sorted(sequence.cached for sequence in done.values()) == [0, *[49] * 7]
    assert len({tuple(sequence.out) for sequence in done.values()}) > 4


def test_a_prompt_that_goes_on_from_a_finished_text_finds_it_encoded(llama: Any) -> None:
    decoder = make_decoder(llama, 2)
    prompt = [random.Random(7).randrange(3, VOCABULARY) for _ in range(30)]
    first = decode(decoder, [greedy(0, prompt, 10)])[0]
    longer = prompt + first.out + [5, 6, 7]
    second = decode(decoder, [greedy(1, longer, 10)])[1]
    assert second.cached == len(prompt) + len(first.out) - 1
    assert second.out == decode(make_decoder(llama, 1, kept=0), [greedy(0, longer, 10)])[0].out


def test_what_is_kept_stays_within_its_budget(llama: Any) -> None:
    decoder = make_decoder(llama, 4, kept=120)
    generator = random.Random(8)
    for index in range(60):
        prompt = [generator.randrange(3, VOCABULARY) for _ in range(25)]
        decode(decoder, [greedy(index, prompt, 4)])
        held = sum(len(node.ids) for node in decoder.tree.walk() if node.layers is not None)
        assert held == decoder.tree.held <= 120
    assert sum(1 for _ in decoder.tree.walk()) < 20


def test_rows_are_refilled_at_once(llama: Any) -> None:
    decoder = make_decoder(llama, 4)
    sequences = [greedy(index, [3 + index, 4, 5], 3 + index % 9) for index in range(40)]
    done = decode(decoder, sequences)
    steps = sum(len(sequence.out) for sequence in done.values())
    assert decoder.row_passes == steps
    assert steps / (4 * decoder.passes) > 0.85  # a barrier between batches would leave about 0.6


def test_a_lower_ticket_goes_first(llama: Any) -> None:
    decoder = make_decoder(llama, 1)
    for ticket in (7, 2, 9, 4):
        decoder.add(greedy(ticket, [3, 4, 5 + ticket], 3))
    order: list[int] = []
    while decoder:
        order += [sequence.ticket for sequence in decoder.step()]
    assert order == [2, 4, 7, 9]


def test_targets_after_the_same_input_share_one_pass(llama: Any) -> None:
    prompt = [random.Random(9).randrange(3, VOCABULARY) for _ in range(40)]
    plain = copy.deepcopy(llama)
    plain.set_attn_implementation("eager")
    with torch.inference_mode():
        expected = plain(torch.tensor([prompt])).logits[0, -1].log_softmax(-1)
    decoder = make_decoder(llama, 4)
    before = decoder.passes
    done = decode(decoder, [TokenSequence(at, prompt, SamplingParams(), 0, targets=[3 + at]) for at in range(5)])
    assert decoder.passes == before + 1
    assert [done[at].logprob for at in range(5)] == pytest.approx(expected[3:8].tolist(), abs=1e-4)
    assert [done[at].cached for at in range(5)] == [0, 40, 40, 40, 40]
    assert len({done[at].seconds for at in range(5)}) == 1


@pytest.mark.parametrize("at", [0, 3, 9])
def test_a_restart_with_fewer_rows_loses_nothing(llama: Any, at: int) -> None:
    def sequences() -> list[TokenSequence]:
        prompts = mixed_prompts(random.Random(10))
        params = SamplingParams(temperature=0.8, max_new_tokens=8)
        hot = [TokenSequence(index, prompt, params, index, max_new=8) for index, prompt in enumerate(prompts)]
        scored = [TokenSequence(20 + target, prompts[0], params, 0, targets=[target]) for target in (5, 6, 7)]
        return hot + scored

    expected = decode(make_decoder(llama, 16), sequences())
    decoder, done = make_decoder(llama, 16), {}
    for sequence in sequences():
        decoder.add(sequence)
    forward, calls = decoder.model.forward, 0

    def fails_once(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at + 1:
            raise torch.OutOfMemoryError("no memory")
        return forward(*args, **options)

    decoder.model.forward = fails_once
    try:
        while decoder:
            try:
                done.update({sequence.ticket: sequence for sequence in decoder.step()})
            except torch.OutOfMemoryError:
                decoder.restart(decoder.rows // 2)
    finally:
        decoder.model.forward = forward
    assert decoder.rows == 8
    assert {ticket: sequence.out for ticket, sequence in done.items()} == {t: f.out for t, f in expected.items()}
    assert done[25].logprob == pytest.approx(expected[25].logprob, abs=1e-5)
    assert not any(node.uses or node.demand for node in decoder.tree.walk())


def test_keys_stay_within_the_budgets_while_many_requests_pass(llama: Any) -> None:
    generator = random.Random(11)
    top = [generator.randrange(3, VOCABULARY) for _ in range(40)]
    decoder = make_decoder(llama, 16, kept=600, budget=800)
    for index in range(300):
        own = [generator.randrange(3, VOCABULARY) for _ in range(generator.randrange(1, 90))]
        decoder.add(greedy(index, top[: generator.randrange(41)] + own, generator.randrange(1, 12)))
    peak, widest, count = 0, 0, 0
    while decoder:
        count += len(decoder.step())
        peak, widest = max(peak, decoder.key_tokens), max(widest, len(decoder.running))
        assert decoder.store.slots * decoder.store.capacity <= 800
    assert count == 300
    assert peak <= 1400
    assert widest >= 6  # 800 tokens hold six rows of 128


def test_a_row_longer_than_the_budget_still_runs(llama: Any) -> None:
    prompt = [random.Random(12).randrange(3, VOCABULARY) for _ in range(70)]
    sequences = [greedy(at, [*prompt, 3 + at], 4) for at in range(3)]
    small = decode(make_decoder(llama, 4, kept=0, budget=10), sequences)
    again = decode(make_decoder(llama, 4), [greedy(at, [*prompt, 3 + at], 4) for at in range(3)])
    assert [small[at].out for at in range(3)] == [again[at].out for at in range(3)]
