"""Adapters through kshot's engine against peft's own forward: methods, bases, merging and orders, drawn by seeds.

Every round has a base (family, tied embeddings or not, causal or encoder), two methods with values of nobody's, an
order and prompts, and holds each method's numbers, on a base that has carried the other, against those of the method's
own forward on a fresh base: in memory, from its folder, merged and not, with prefixes in place and not.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    BertConfig,
    GPT2Config,
    LlamaConfig,
    Qwen3Config,
)

from kshot.adapters.adapted import Adapted
from kshot.adapters.attach import attach, load, save
from kshot.adapters.engine import adapted_engine, merged_into_base
from kshot.harness.decoding.sequence import TokenSequence
from kshot.harness.engines.token_engine import TransformersEngine
from kshot.harness.models.load import LoadedModel
from kshot.harness.models.sources import ModelSource
from kshot.types import SamplingParams

SHAPE: dict[str, Any] = {
    "vocab_size": 120,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 96,
    "pad_token_id": 0,
    "eos_token_id": 2,
    "bos_token_id": 1,
    "num_labels": 2,
}
GPT2: dict[str, Any] = {"vocab_size": 120, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 96}
CAUSAL = {
    "llama": LlamaConfig(**SHAPE, num_key_value_heads=2),
    "llama, tied": LlamaConfig(**SHAPE, num_key_value_heads=2, tie_word_embeddings=True),
    "qwen3, tied": Qwen3Config(**SHAPE, num_key_value_heads=2, head_dim=16, tie_word_embeddings=True),
    "gpt2, tied": GPT2Config(**GPT2),
    "gpt2": GPT2Config(**GPT2, tie_word_embeddings=False),
}
LAYERS = ["lora:r=4", "dora:r=3", "adalora", "ia3", "ln-tuning", "bitfit", "bottleneck:bottleneck_dim=3"]
LAYERS += ["lora:use_rslora=true"]
SOFT = ["prompt-tuning:num_virtual_tokens=5", "p-tuning:num_virtual_tokens=3", "prefix-tuning:num_virtual_tokens=7"]
LINEAR = [  # of peft's, where layers are nn.Linear
    *("peft:name=OFT,r=8", "peft:name=VERA,r=4", "peft:name=LOKR,r=4", "peft:name=LOHA,r=2", "peft:name=HRA,r=2"),
    *("peft:name=DELORA,r=2", "peft:name=MISS,r=4", "peft:name=C3A,block_size=8", "peft:name=FOURIERFT,n_frequency=9"),
    *("peft:name=LORA,bias=all", "peft:name=LORA,init_lora_weights=pissa", "peft:name=LORA,layers_to_transform=1"),
]
ON_WORDS = [
    "lora:target_modules=lm_head",
    "lora:target_modules=embed_tokens",
    "dora:r=2,target_modules=q_proj+lm_head",
    "lora:target_modules=v_proj+lm_head+embed_tokens",
    "peft:name=LORA,modules_to_save=lm_head",
    "peft:name=LORA,modules_to_save=embed_tokens",
    "peft:name=LORA,trainable_token_indices=15+19",
    "peft:name=TRAINABLE_TOKENS,token_indices=15+19",
    "peft:name=IA3,target_modules=lm_head+k_proj,feedforward_modules=lm_head",
    "peft:name=LOHA,target_modules=lm_head",
]
ENCODER = ["lora:r=3", "ia3", "ln-tuning", "bitfit", "bottleneck:bottleneck_dim=3", "adalora", "dora:r=2"]
ENCODER += ["peft:name=OFT,r=8", "peft:name=VERA,r=4", "peft:name=LORA,bias=all", "head"]


class Letters:
    """A tokenizer in name: text is characters' numbers."""

    pad_token_id, eos_token_id, all_special_ids = 0, 2, (0, 1, 2)

    def __len__(self) -> int:
        return 120

    def __call__(self, text: str, add_special_tokens: bool = False) -> Any:
        return type("Encoded", (), {"input_ids": [ord(letter) % 100 + 7 for letter in text]})()


def make(config: Any, kind: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = kind.from_config(copy.deepcopy(config)).eval()
    for parameter in model.parameters():  # larger weights, so that the next token hangs on what came before
        parameter.data.mul_(3 if parameter.dim() > 1 else 1)
    return model


def put_on(model: Any, spec: str, seed: int) -> Adapted:
    """The method with values that are nobody's initial ones."""
    adapted = attach(model, Letters(), spec, seed=seed, labels=("no", "yes"), total_steps=10)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, parameter in adapted.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    adapted.model.eval()
    return adapted


def own_forward(adapted: Adapted, prompt: Sequence[int]) -> torch.Tensor:
    """(tokens, vocabulary) of the method's own model; (labels,) of one that classifies."""
    ids = torch.tensor([list(prompt)])
    with torch.inference_mode():
        found: torch.Tensor = adapted.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    return found[0] if found.dim() == 2 else found[0, -len(prompt) :]


def through(engine: TransformersEngine, prompts: Sequence[Sequence[int]], in_place: int) -> list[torch.Tensor]:
    """Every prompt's logits through the engine's decoder."""
    decoder: Any = engine.decoder
    decoder.in_place = in_place
    kept: list[torch.Tensor] = []
    run = decoder.run_model

    def watched(*args: Any, **options: Any) -> torch.Tensor:
        kept.append(run(*args, **options))
        return kept[-1]

    decoder.run_model = watched
    found = []
    for prompt in prompts:
        asked = [*engine.head, *prompt]
        decoder.add(TokenSequence(0, asked, SamplingParams(), 0, targets=[*prompt[1:], 9]))
        while decoder:
            decoder.step()
        found.append(kept[-1][-len(prompt) :].clone())
    return found


def drawn_prompts(draw: random.Random) -> list[list[int]]:
    def tokens(count: int) -> list[int]:
        return [draw.randrange(7, 112) for _ in range(count)]

    common = [15, 19, *tokens(12)]  # with the tokens that some methods train
    return [tokens(1), tokens(9), common + tokens(3), common + tokens(5), common]


def close(got: Sequence[torch.Tensor], wanted: Sequence[torch.Tensor], what: str) -> None:
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-5, msg=lambda said: f"{what}: {said}")


def causal_round(base: str, first: str, second: str, seed: int, folder: Path) -> None:
    """Both methods, the second on the base that has carried the first."""
    draw = random.Random(seed)
    prompts = drawn_prompts(draw)
    model = make(CAUSAL[base], AutoModelForCausalLM)
    loaded = LoadedModel(model, Letters(), "hash", "cpu", "float32", 96, ModelSource("tiny"))
    for at, spec in enumerate((first, second)):
        what = f"{base}, {spec} ({'after ' + first if at else 'alone'}), seed {seed}"
        fresh = put_on(make(CAUSAL[base], AutoModelForCausalLM), spec, seed)
        wanted = [own_forward(fresh, prompt) for prompt in prompts]
        adapted = put_on(model, spec, seed)
        close([own_forward(adapted, prompt) for prompt in prompts], wanted, what)
        engine = adapted_engine(adapted, loaded, rows=4, memory=1 << 22, chat=False)
        assert engine.shares, what
        with engine.borrowed():
            close(through(engine, prompts, draw.choice((1, 1500))), wanted, f"{what}, engine")
        place = folder / str(at)
        save(adapted, place, base="tiny", base_hash="hash")
        adapted.detach()
        again = load(make(CAUSAL[base], AutoModelForCausalLM), Letters(), place, base="tiny", base_hash="hash")
        close([own_forward(again, prompt) for prompt in prompts], wanted, f"{what}, from its folder")
        if again.soft is None:
            bare, merged = merged_into_base(again)
            what += ", merged" if merged else ", unmerged"
            close(through(engine_around(bare), prompts, draw.choice((1, 1500))), wanted, what)


def engine_around(model: Any) -> TransformersEngine:
    return TransformersEngine(model, None, id="x", chat=False, context_length=96, rows=4, memory=1 << 22)


def specs_for(base: str) -> list[str]:
    """Every method on a Llama; on the others those that hang on what is special to them."""
    if base == "llama":
        return LAYERS + SOFT + LINEAR
    return LAYERS + SOFT + (ON_WORDS if base == "llama, tied" else [])


# peft says so of soft prompts
@pytest.mark.filterwarnings("ignore:Position ids are not supported:UserWarning")
@pytest.mark.parametrize("base", list(CAUSAL))
def test_every_method_gives_its_own_numbers_after_any_other(base: str, tmp_path: Path) -> None:
    """Every method once as the first and once as the second of a pair."""
    specs = specs_for(base)
    random.Random(base).shuffle(specs)
    for at, (first, second) in enumerate(zip(specs, [*specs[1:], specs[0]], strict=True)):
        if at % 2 == 0:
            causal_round(base, first, second, at, tmp_path / str(at))


@pytest.mark.parametrize("kind", [AutoModelForMaskedLM, AutoModelForSequenceClassification])
@pytest.mark.parametrize("tied", [True, False])
def test_on_an_encoder_every_method_gives_its_own_numbers_after_any_other(
    kind: Any, tied: bool, tmp_path: Path
) -> None:
    config = BertConfig(**SHAPE, tie_word_embeddings=tied)
    specs = [spec for spec in ENCODER if spec != "head" or kind is AutoModelForSequenceClassification]
    random.Random(f"{kind.__name__} {tied}").shuffle(specs)
    inputs = drawn_prompts(random.Random(3))
    model = make(config, kind)
    for row in (specs, specs[::-1]):
        for at, spec in enumerate(row):
            wanted = [own_forward(put_on(make(config, kind), spec, at), one) for one in inputs]
            adapted = put_on(model, spec, at)
            what = f"{kind.__name__}, {spec} after {row[at - 1]}"
            close([own_forward(adapted, one) for one in inputs], wanted, what)
            folder = tmp_path / f"{at} {row is specs}"
            save(adapted, folder, base="tiny", base_hash="hash")
            adapted.detach()
            again = load(model, Letters(), folder, base="tiny", base_hash="hash")
            close([own_forward(again, one) for one in inputs], wanted, f"{what}, from its folder")
            again.detach()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("spec", ON_WORDS)
def test_an_adapter_on_the_words_is_what_peft_computes_whether_tied_or_not(spec: str, tied: bool) -> None:
    """Merged, the update of one of two layers with one weight would be in both: -11.950 where peft has -12.030."""
    config = LlamaConfig(**SHAPE, num_key_value_heads=2, tie_word_embeddings=tied)
    adapted = put_on(make(config, AutoModelForCausalLM), spec, 1)
    prompts = drawn_prompts(random.Random(1))
    wanted = [own_forward(adapted, prompt) for prompt in prompts]
    bare, merged = merged_into_base(adapted)
    assert merged != tied
    close(through(engine_around(bare), prompts, 1500), wanted, spec)
