"""Adapters through kshot's engine against peft's own forward and generate, on tiny models of several families."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    Qwen3Config,
)

from kshot.adapters.adapted import Adapted
from kshot.adapters.attach import attach, load, save
from kshot.adapters.engine import AdaptedEngine, adapted_engine, load_engine
from kshot.adapters.methods import Built
from kshot.harness.decoding.sequence import TokenSequence
from kshot.harness.models.load import LoadedModel, load_model, read_tokenizer
from kshot.harness.models.sources import ModelSource, resolve
from kshot.types import EngineError, Generation, Request, SamplingParams, UserError

VOCABULARY = 300
SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
SLIDING = ["sliding_attention", "full_attention"]
FAMILIES = {
    "llama": LlamaConfig(**SHAPE),
    "qwen3": Qwen3Config(**SHAPE, head_dim=16),
    "gemma3": Gemma3TextConfig(**SHAPE, head_dim=16, sliding_window=9, layer_types=SLIDING),
    "mistral": MistralConfig(**SHAPE, sliding_window=9),
    "phi3": Phi3Config(**SHAPE, sliding_window=14),
    "gpt2": GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=512, eos_token_id=2, bos_token_id=1
    ),
}
TOKENS = 11  # virtual tokens: more than two of the families' windows
SOFT = [
    f"prompt-tuning:num_virtual_tokens={TOKENS}",
    f"p-tuning:num_virtual_tokens={TOKENS},encoder_hidden_size=16",
    f"prefix-tuning:num_virtual_tokens={TOKENS}",
    f"prefix-tuning:num_virtual_tokens={TOKENS},prefix_projection=true,encoder_hidden_size=16",
]
# peft says so whenever transformers' generate passes position ids, which it does for every model
ignore_positions = pytest.mark.filterwarnings("ignore:Position ids are not supported:UserWarning")


def make_model(config: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(copy.deepcopy(config)).eval()
    for parameter in model.parameters():  # larger weights, so that the next token hangs on what came before
        parameter.data.mul_(3 if parameter.dim() > 1 else 1)
    return model


@pytest.fixture(scope="module")
def tokenizer(tiny_chat_llama: Path) -> Any:
    return read_tokenizer(tiny_chat_llama, False)


def loaded_of(model: Any, tokenizer: Any) -> LoadedModel:
    return LoadedModel(model, tokenizer, "hash", "cpu", "float32", 512, ModelSource("tiny"))


def perturbed(adapted: Adapted, scale: float = 0.2) -> Adapted:
    """Trained values that are nobody's initial ones."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for _, parameter in adapted.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * scale)
    adapted.model.eval()
    return adapted


def engine_of(adapted: Adapted, loaded: LoadedModel, **options: Any) -> AdaptedEngine:
    return adapted_engine(adapted, loaded, **{"rows": 4, "memory": 1 << 24, "chat": False, **options})


def answers(engine: Any, requests: list[Request]) -> list[Generation]:
    for ticket, request in enumerate(requests):
        engine.submit(ticket, request)
    found: dict[int, Generation] = {}
    while done := engine.collect():
        found.update(dict(done))
    return [found[ticket] for ticket in range(len(requests))]


def prompts_of(seed: int) -> list[list[int]]:
    """Six prompts: alone, with a shared beginning, and two that are equal."""
    generator = random.Random(seed)

    def tokens(count: int) -> list[int]:
        return [generator.randrange(7, VOCABULARY - 40) for _ in range(count)]

    common = tokens(20)
    return [tokens(1), tokens(9), common + tokens(4), common + tokens(7), common, common]


def engine_logits(engine: AdaptedEngine, prompts: list[list[int]], in_place: int) -> list[torch.Tensor]:
    """Every prompt's logits, all in one batch: (tokens, vocabulary) each. Prefixes are encoded by a first run."""
    decoder: Any = engine.decoder
    decoder.in_place = in_place
    kept: list[torch.Tensor] = []
    run = decoder.run_model

    def watched(*args: Any, **options: Any) -> torch.Tensor:
        kept.append(run(*args, **options))
        return kept[-1]

    decoder.run_model = watched
    found = []
    try:
        with engine.borrowed():
            for prompt in prompts:
                targets = [*prompt[1:], 9]  # asks for the logits of every position
                decoder.add(TokenSequence(0, engine.head + prompt, SamplingParams(), 0, targets=targets))
                while decoder:
                    decoder.step()
                found.append(kept[-1][-len(prompt) :].clone())
    finally:
        decoder.run_model = run
    return found


def peft_logits(adapted: Adapted, prompt: list[int]) -> torch.Tensor:
    ids = torch.tensor([prompt])
    with torch.inference_mode():
        logits: torch.Tensor = adapted.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    return logits[0, -len(prompt) :]


def peft_greedy(adapted: Adapted, prompt: list[int], new: int) -> list[int]:
    ids = torch.tensor([prompt])
    mask = torch.ones_like(ids)
    out = adapted.model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=new, do_sample=False, pad_token_id=0, eos_token_id=[2, 6]
    )
    return list(out[0, len(prompt) :].tolist())


@ignore_positions
@pytest.mark.parametrize("spec", SOFT)
@pytest.mark.parametrize("family", list(FAMILIES))
def test_soft_prompts_give_pefts_logits_and_text(family: str, spec: str, tokenizer: Any) -> None:
    model = make_model(FAMILIES[family])
    loaded = loaded_of(model, tokenizer)
    with torch.inference_mode():
        bare = model(torch.tensor([prompts_of(1)[2]])).logits[0]
    adapted = perturbed(attach(model, tokenizer, spec, seed=1, labels=("yes", "no")))
    prompts = prompts_of(1)
    expected = [peft_logits(adapted, prompt) for prompt in prompts]
    assert float((expected[2] - bare).abs().max()) > 0.05  # the virtual tokens matter
    engine = engine_of(adapted, loaded)
    assert engine.shares
    for got, wanted in zip(engine_logits(engine, prompts, 1500), expected, strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-4, rtol=0)
    texts = [peft_greedy(adapted, prompt, 8) for prompt in prompts]
    for rows, share in ((4, True), (1, True), (4, False)):
        engine = engine_of(adapted, loaded, rows=rows, share=share)
        assert decoded(engine, prompts, 8) == texts
    assert decoded(engine_of(adapted, loaded), prompts, 8, in_place=1) == texts


def decoded(engine: AdaptedEngine, prompts: list[list[int]], new: int, in_place: int = 1500) -> list[list[int]]:
    """Greedy tokens, all prompts at once."""
    decoder: Any = engine.decoder
    decoder.in_place = in_place
    sequences = [
        TokenSequence(at, engine.head + prompt, SamplingParams(max_new_tokens=new), 0, max_new=new)
        for at, prompt in enumerate(prompts)
    ]
    with engine.borrowed():
        for sequence in sequences:
            decoder.add(sequence)
        while decoder:
            decoder.step()
    return [sequence.out for sequence in sequences]


LAYERS = [
    "lora:r=4",
    "dora:r=4",
    "ia3",
    "adalora",
    "bottleneck:bottleneck_dim=4",
    "bitfit",
    "ln-tuning",
    "full",
    "peft:name=OFT,r=8",
]


@pytest.mark.parametrize("spec", LAYERS)
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_adapters_in_the_layers_give_their_own_forwards_logits(family: str, spec: str, tokenizer: Any) -> None:
    if family == "gpt2" and "OFT" in spec:
        pytest.skip("peft's OFT takes no Conv1D")
    model = make_model(FAMILIES[family])
    loaded = loaded_of(model, tokenizer)
    bare = peft_logits(Adapted(Built(model, None), tokenizer, "none", 0, 1), prompts_of(2)[2])
    adapted = perturbed(attach(model, tokenizer, spec, seed=1, total_steps=10))
    prompts = prompts_of(2)
    expected = [peft_logits(adapted, prompt) for prompt in prompts]
    assert float((expected[2] - bare).abs().max()) > 0.05
    engine = engine_of(adapted, loaded)
    assert engine.shares
    for got, wanted in zip(engine_logits(engine, prompts, 1), expected, strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-4, rtol=0)


@pytest.mark.filterwarnings("ignore:.*does not take kshot's shared-prefix attention:UserWarning")
@ignore_positions
@pytest.mark.parametrize("spec", SOFT[::2])
def test_a_model_that_cannot_share_takes_its_virtual_tokens_along_the_plain_path(spec: str, tokenizer: Any) -> None:
    model = make_model(Gemma2Config(**SHAPE, head_dim=16, sliding_window=9, layer_types=SLIDING))
    loaded = loaded_of(model, tokenizer)
    adapted = perturbed(attach(model, tokenizer, spec, seed=1))
    engine = engine_of(adapted, loaded)
    assert not engine.shares
    prompts = prompts_of(3)
    assert decoded(engine, prompts, 8) == [peft_greedy(adapted, prompt, 8) for prompt in prompts]


# ---------------------------------------------------------------- requests, counts, ids


@pytest.fixture
def tiny(tiny_chat_llama: Path) -> LoadedModel:
    return load_model(resolve(str(tiny_chat_llama)))


TEXTS = ["a shared beginning, and one", "a shared beginning, and two", "a shared beginning, and one", "else"]


@pytest.mark.parametrize("share", [True, False])
def test_virtual_tokens_are_in_no_count_and_take_their_place_in_the_context(tiny: LoadedModel, share: bool) -> None:
    requests = [Request(text, SamplingParams(max_new_tokens=4)) for text in TEXTS]
    requests += [Request(text, continuation=" yes") for text in TEXTS]
    bare = answers(engine_of(attach(tiny.model, tiny.tokenizer, "full", seed=0), tiny, share=share), requests)
    engine = engine_of(attach(tiny.model, tiny.tokenizer, SOFT[0], seed=0), tiny, share=share)
    replies = answers(engine, requests)
    for count in ("prompt_tokens", "cached_tokens"):
        assert [getattr(reply, count) for reply in replies] == [getattr(reply, count) for reply in bare]
    assert any(reply.cached_tokens > 20 for reply in replies) == share
    engine.submit(0, Request("x" * (512 - TOKENS - 1)))
    with pytest.raises(UserError, match="needs 513 tokens and the model's context holds 512"):
        engine.submit(1, Request("x" * (512 - TOKENS)))


def test_a_restart_with_fewer_rows_keeps_the_virtual_tokens(tiny: LoadedModel) -> None:
    adapted = perturbed(attach(tiny.model, tiny.tokenizer, SOFT[0], seed=0))
    requests = [Request(text, SamplingParams(max_new_tokens=6)) for text in TEXTS]
    expected = [reply.text for reply in answers(engine_of(adapted, tiny), requests)]
    engine = engine_of(adapted, tiny)
    for ticket, request in enumerate(requests):
        engine.submit(ticket, request)
    decoder: Any = engine.decoder
    with engine.borrowed():
        decoder.step()
    decoder.restart(2)
    found: dict[int, Generation] = {}
    while done := engine.collect():
        found.update(dict(done))
    assert [found[at].text for at in range(len(requests))] == expected


def test_virtual_tokens_stay_when_memory_is_short(tiny: LoadedModel) -> None:
    adapted = perturbed(attach(tiny.model, tiny.tokenizer, SOFT[0], seed=0))
    generator = random.Random(0)
    texts = [text + "x" * generator.randrange(40) for text in TEXTS * 4]
    requests = [Request(text, SamplingParams(max_new_tokens=6)) for text in texts]
    expected = [reply.text for reply in answers(engine_of(adapted, tiny), requests)]
    assert [reply.text for reply in answers(engine_of(adapted, tiny, memory=1), requests)] == expected


def test_the_engine_id_names_the_adapters_values(tiny: LoadedModel) -> None:
    adapted = attach(tiny.model, tiny.tokenizer, "lora", seed=0)
    first = engine_of(adapted, tiny).id
    assert first == engine_of(adapted, tiny).id
    assert f"/adapter-lora-{adapted.hash()}/" in first
    perturbed(adapted)
    assert engine_of(adapted, tiny).id != first


def test_a_head_has_no_engine(tiny: LoadedModel, tmp_path: Path) -> None:
    adapted = attach(tiny.model, tiny.tokenizer, "head", seed=0, labels=("yes", "no"))
    with pytest.raises(UserError, match="head and generates no text"):
        engine_of(adapted, tiny)


# ---------------------------------------------------------------- training goes on


def steps(adapted: Adapted, optimizer: torch.optim.Optimizer, first: int, count: int) -> list[float]:
    losses = []
    for step in range(first, first + count):
        ids = torch.tensor([prompts_of(step)[3]])
        adapted.model.train()
        loss = adapted.model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids).loss
        loss.backward()
        optimizer.step()
        adapted.built.after_step(step)
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize(
    "spec", ["lora:lora_dropout=0.2", "prefix-tuning", "p-tuning", "bottleneck", "adalora", "full"]
)
def test_training_after_an_evaluation_takes_the_same_steps(spec: str, share: bool, tokenizer: Any) -> None:
    def run(evaluate: bool) -> tuple[list[float], dict[str, torch.Tensor]]:
        model = make_model(FAMILIES["llama"])
        adapted = attach(model, tokenizer, spec, seed=1, labels=("yes", "no"), total_steps=6)
        optimizer = torch.optim.AdamW([p for _, p in adapted.parameters()], lr=1e-2)
        with torch.random.fork_rng():
            torch.manual_seed(3)  # of the dropout
            losses = steps(adapted, optimizer, 0, 2)
            modes = [module.training for module in adapted.model.modules()]
            attention = model.config._attn_implementation
            if evaluate:
                engine = engine_of(adapted, loaded_of(model, tokenizer), share=share)
                answers(engine, [Request(text, SamplingParams(max_new_tokens=4)) for text in TEXTS])
                engine.close()
                assert model.config._attn_implementation == attention
                assert [module.training for module in adapted.model.modules()] == modes
            losses += steps(adapted, optimizer, 2, 3)
        return losses, adapted.state()

    losses, state = run(False)
    again, state_again = run(True)
    assert losses == again
    assert state.keys() == state_again.keys()
    assert all(torch.equal(value, state_again[name]) for name, value in state.items())


def test_an_engine_does_not_outlive_the_values_it_was_made_with(tiny: LoadedModel) -> None:
    adapted = attach(tiny.model, tiny.tokenizer, "lora", seed=0)
    engine = engine_of(adapted, tiny)
    engine.submit(0, Request("abc"))
    steps(adapted, torch.optim.AdamW([p for _, p in adapted.parameters()]), 0, 1)
    with pytest.raises(EngineError, match="make an engine for each evaluation"):
        engine.collect()


# ---------------------------------------------------------------- from folders


def keep(tiny_folder: Path, spec: str, folder: Path) -> list[str]:
    """Writes a perturbed adapter's folder; returns what it writes after `TEXTS`, and its scores."""
    loaded = load_model(resolve(str(tiny_folder)))
    adapted = perturbed(attach(loaded.model, loaded.tokenizer, spec, seed=5), 0.1)
    save(adapted, folder, base=loaded.source.name, base_hash=loaded.weights_hash)
    return written(engine_of(adapted, loaded))


def written(engine: Any) -> list[str]:
    replies = answers(engine, [Request(text, SamplingParams(max_new_tokens=12)) for text in TEXTS])
    scores = answers(engine, [Request(text, continuation=" yes") for text in TEXTS])
    return [reply.text for reply in replies] + [f"{score.logprob:.3f}" for score in scores]


@pytest.mark.parametrize("spec", ["lora", "dora", "prompt-tuning", "prefix-tuning", "bottleneck", "bitfit", "full"])
def test_an_adapter_from_its_folder_writes_what_it_wrote_in_memory(
    tiny_chat_llama: Path, tmp_path: Path, spec: str
) -> None:
    expected = keep(tiny_chat_llama, spec, tmp_path)
    for merge in (True, False):
        engine = load_engine(str(tiny_chat_llama), tmp_path, template="plain", rows=4, merge=merge)
        assert written(engine) == expected
        assert ("-merged" in engine.id) == (merge and spec in ("lora", "dora"))


def test_lora_merged_and_unmerged_give_the_same_logits(tokenizer: Any) -> None:
    for family in ("llama", "qwen3", "gpt2"):
        model = make_model(FAMILIES[family])
        loaded = loaded_of(model, tokenizer)
        adapted = perturbed(attach(model, tokenizer, "lora:r=4", seed=1))
        unmerged = engine_logits(engine_of(adapted, loaded), prompts_of(4), 1500)
        merged = Adapted(Built(adapted.model.merge_and_unload(), None), tokenizer, "merged", 0, 1)
        assert not any("lora" in name for name, _ in merged.model.named_modules())
        for one, other in zip(engine_logits(engine_of(merged, loaded), prompts_of(4), 1500), unmerged, strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_several_adapters_on_one_base_give_what_each_gives_alone(tiny_chat_llama: Path, tmp_path: Path) -> None:
    specs = ["lora", "prefix-tuning", "bottleneck", "ln-tuning", "bitfit", "prompt-tuning", "ia3"]
    alone = [keep(tiny_chat_llama, spec, tmp_path / spec) for spec in specs]
    assert len({tuple(one) for one in alone}) == len(specs)
    loaded = load_model(resolve(str(tiny_chat_llama)))
    before = {name: value.clone() for name, value in loaded.model.state_dict().items()}
    ids = set()
    for _ in range(2):
        for spec, expected in zip(specs, alone, strict=True):
            adapted = load(
                loaded.model, loaded.tokenizer, tmp_path / spec, base=loaded.source.name, base_hash=loaded.weights_hash
            )
            engine = engine_of(adapted, loaded)
            ids.add(engine.id)
            assert written(engine) == expected
            engine.close()
            adapted.detach()
    assert len(ids) == len(specs)
    after = loaded.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
